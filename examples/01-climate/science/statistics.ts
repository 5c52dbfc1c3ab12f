/**
 * The statistics of the example, as pure functions: seeded random numbers, least squares, autocorrelation,
 * the circular block bootstrap and its block length, autoregressive surrogates, Theil–Sen. Nothing here knows
 * of tasks or of CO₂.
 */

/** Uniform numbers in [0, 1). */
export type Random = () => number;

/** Mulberry32, seeded by any list of keys: each task has its own stream, whatever ran before it and wherever. */
export function randomFrom(...keys: readonly (string | number)[]): Random {
  let state = 0x811c9dc5; // FNV-1a over the keys
  for (const char of keys.join('/')) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z ^= z + Math.imul(z ^ (z >>> 7), 61 | z);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Standard normal numbers (Box and Muller 1958). */
export function normalFrom(random: Random): Random {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export function plus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]!);
}

/**
 * Sum of products over the length of `a`. The hot loop of all this: two sums, so that an addition need not wait for
 * the one before it, make it nearly twice as fast.
 */
export function dot(a: Float64Array, b: Float64Array): number {
  const last = a.length - 1;
  let even = last % 2 === 0 ? a[last]! * b[last]! : 0;
  let odd = 0;
  for (let i = 0; i + 1 < a.length; i += 2) {
    even += a[i]! * b[i]!;
    odd += a[i + 1]! * b[i + 1]!;
  }
  return even + odd;
}

export function mean(x: Float64Array): number {
  return x.reduce((sum, value) => sum + value, 0) / x.length;
}

export function standardDeviation(x: Float64Array): number {
  const centre = mean(x);
  return Math.sqrt(x.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (x.length - 1));
}

/** Quantiles with linear interpolation (type 7 of Hyndman and Fan 1996, the default of R and NumPy). */
export function quantiles(sample: ArrayLike<number>, probabilities: readonly number[]): number[] {
  const sorted = Float64Array.from(sample).toSorted();
  return probabilities.map((p) => {
    const position = p * (sorted.length - 1);
    const low = Math.floor(position);
    return sorted[low]! + (position - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!);
  });
}

function addMultiple(sum: Float64Array, factor: number, x: Float64Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += factor * x[i]!;
}

/** Ordinary least squares on fixed columns: factorised once (modified Gram–Schmidt), then cheap for every new `y`. */
export function leastSquares(columns: readonly Float64Array[]): {
  readonly fit: (y: Float64Array) => Float64Array;
  readonly predict: (beta: Float64Array) => Float64Array;
} {
  const q = columns.map((column) => column.slice());
  const r = q.map(() => new Float64Array(q.length));
  for (const [j, column] of q.entries()) {
    const norm = Math.sqrt(dot(column, column));
    r[j]![j] = norm;
    column.set(column.map((value) => value / norm));
    for (let k = j + 1; k < q.length; k++) {
      const overlap = dot(column, q[k]!);
      r[j]![k] = overlap;
      addMultiple(q[k]!, -overlap, column);
    }
  }
  return {
    fit(y) {
      const beta = new Float64Array(q.length);
      for (const [j, column] of q.entries()) beta[j] = dot(column, y);
      for (let j = q.length - 1; j >= 0; j--) {
        for (let k = j + 1; k < q.length; k++) beta[j]! -= r[j]![k]! * beta[k]!;
        beta[j]! /= r[j]![j]!;
      }
      return beta;
    },
    predict(beta) {
      const y = new Float64Array(columns[0]!.length);
      for (const [j, column] of columns.entries()) addMultiple(y, beta[j]!, column);
      return y;
    },
  };
}

/** Autocovariance at lags 0 … `maxLag`, divided by n so that it is positive definite. */
export function autocovariance(x: Float64Array, maxLag: number): Float64Array {
  const centre = mean(x);
  const d = x.map((value) => value - centre);
  return Float64Array.from({ length: maxLag + 1 }, (_, lag) => dot(d.subarray(lag), d) / d.length);
}

/**
 * Block length for the circular block bootstrap: the one that minimises the mean squared error of the variance
 * of a mean (Politis and White 2004, as corrected by Patton, Politis and White 2009). Estimators other than the
 * mean may want another, so it is a place to start from, not an answer.
 */
export function optimalBlockLength(x: Float64Array): number {
  const n = x.length;
  const quietLags = Math.max(5, Math.floor(Math.log10(n)));
  const maxLag = Math.ceil(Math.sqrt(n)) + quietLags;
  const r = autocovariance(x, maxLag + quietLags);
  const isNoise = (lag: number) => Math.abs(r[lag]! / r[0]!) < 2 * Math.sqrt(Math.log10(n) / n);
  let m = 1; // the last lag before `quietLags` in a row look like noise
  while (m < maxLag && !Array.from({ length: quietLags }, (_, k) => m + 1 + k).every(isNoise)) m++;
  const bandwidth = Math.min(2 * m, maxLag);
  let spectrum = r[0]!; // at frequency 0, with a flat-top lag window
  let slope = 0;
  for (let lag = 1; lag <= bandwidth; lag++) {
    const window = Math.min(1, 2 * (1 - lag / bandwidth));
    spectrum += 2 * window * r[lag]!;
    slope += 2 * window * lag * r[lag]!;
  }
  const best = Math.cbrt(((2 * slope ** 2) / ((4 / 3) * spectrum ** 2)) * n);
  return Math.round(Math.min(Math.max(best, 1), 3 * Math.sqrt(n), n / 3));
}

/**
 * One resample of `x` in blocks of `length` (Künsch 1989), which keeps the dependence within a block. Blocks run
 * over the end to the beginning (Politis and Romano 1992), so that every value is equally likely.
 */
export function resampleBlocks(x: Float64Array, length: number, random: Random): Float64Array {
  const resample = new Float64Array(x.length);
  for (let i = 0; i < x.length;) {
    let from = Math.floor(random() * x.length);
    for (let k = 0; k < length && i < x.length; k++) {
      resample[i++] = x[from]!;
      from = from + 1 === x.length ? 0 : from + 1;
    }
  }
  return resample;
}

/** Autoregressive model of a stationary series. */
export interface Autoregression {
  readonly phi: Float64Array;
  readonly innovation: number;
}

/** Yule–Walker by Levinson's and Durbin's recursion; the order is the one with the least AIC. */
export function autoregression(x: Float64Array, maxOrder: number): Autoregression {
  const r = autocovariance(x, maxOrder);
  let phi = new Float64Array(0);
  let variance = r[0]!;
  let best = { phi, innovation: Math.sqrt(variance), aic: x.length * Math.log(variance) };
  for (let order = 1; order <= maxOrder; order++) {
    const previous = phi;
    const reflection = (r[order]! - previous.reduce((sum, p, k) => sum + p * r[order - 1 - k]!, 0)) / variance;
    phi = Float64Array.from([...previous.map((p, k) => p - reflection * previous[order - 2 - k]!), reflection]);
    variance *= 1 - reflection ** 2;
    const aic = x.length * Math.log(variance) + 2 * order;
    if (aic < best.aic) best = { phi, innovation: Math.sqrt(variance), aic };
  }
  return { phi: best.phi, innovation: best.innovation };
}

/** A new series of that model, after a warm-up that forgets the start. */
export function simulate({ phi, innovation }: Autoregression, n: number, random: Random): Float64Array {
  const warmUp = 500;
  const normal = normalFrom(random);
  const x = new Float64Array(warmUp + n);
  for (const i of x.keys()) {
    let value = innovation * normal();
    for (let k = 0; k < Math.min(i, phi.length); k++) value += phi[k]! * x[i - 1 - k]!;
    x[i] = value;
  }
  return x.slice(warmUp);
}

/** Median of the slopes between all pairs of points (Theil 1950, Sen 1968): a quarter of the points may be wild. */
export function theilSen(t: Float64Array, y: Float64Array): number {
  const slopes = new Float64Array((t.length * (t.length - 1)) / 2);
  let pair = 0;
  for (let i = 1; i < t.length; i++) for (let j = 0; j < i; j++) slopes[pair++] = (y[i]! - y[j]!) / (t[i]! - t[j]!);
  return quantiles(slopes, [0.5])[0]!;
}
