/**
 * The whole record: how fast does CO₂ rise, how much has its seasonal swing grown, and how sure can we be?
 * Months resemble their neighbours, which an ordinary bootstrap ignores. A block bootstrap does not, but how well it
 * does depends on the length of its blocks: `sweep` tries a ladder of them, and counts on surrogate records, where the
 * truth is known, how often the intervals hold it.
 */
import { join, task } from 'troupe';
import { byQuantity, cycle, keelingModel, trend, type Fit, type Quantity, type Series } from '../science/keeling.ts';
import * as stats from '../science/statistics.ts';
import { shares, type Plan, type Share } from './plan.ts';

/** What the residuals advise: block lengths to try, in months, and noise that looks like them. */
export interface Pilot {
  readonly chosen: number;
  readonly lengths: readonly number[];
  readonly noise: stats.Autoregression;
}
/** Middle 95 % of a bootstrap sample. */
export interface Band {
  readonly low: number;
  readonly high: number;
  readonly standardError: number;
}
/** An estimate with its uncertainty. */
export interface Estimate extends Band {
  readonly value: number;
  readonly sample: Float64Array;
  /** Share of the surrogate records whose interval held the truth. It should be 0.95. */
  readonly coverage: number;
  /** The estimate and as many standard errors either side as held the truth in 95 % of the surrogates. */
  readonly calibrated: { readonly low: number; readonly high: number };
}
/** A point of a curve with its uncertainty. */
export interface Point extends Band {
  readonly at: number;
  readonly value: number;
}
/** What one block length has to say. */
export interface Answer extends Readonly<Record<Quantity, Estimate>> {
  readonly length: number;
  readonly trend: readonly Point[];
  readonly cycle: Readonly<Record<1960 | 2020, readonly Point[]>>;
}
/** How a surrogate record fared: did its interval hold the truth, and how many standard errors away was that? */
type Trial = Readonly<Record<Quantity, { readonly held: boolean; readonly distance: number }>>;

export const fit = task(import.meta, 'fit', ({ t, ppm }: Series): Fit => keelingModel(t).fit(ppm));

export const pilot = task(import.meta, 'pilot', ({ residuals }: Fit): Pilot => {
  const chosen = stats.optimalBlockLength(residuals);
  const ladder = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2].map((factor) => Math.max(1, Math.round(factor * chosen)));
  // blocks of one month are the ordinary bootstrap, for comparison
  return { chosen, lengths: [...new Set([1, ...ladder])], noise: stats.autoregression(residuals, 36) };
});

/** Bootstrap replicates of the coefficients. */
export const resample = task(import.meta, 'resample', (fitted: Fit, length: number, { first, count }: Share, { seed }: Plan) => {
  const random = stats.randomFrom(seed, 'resample', length, first);
  return replicates(fitted, keelingModel(fitted.t).coefficients, length, count, random);
});

/**
 * Does a 95 % interval hold the truth 95 times in 100? Where the truth is known, one can count. Surrogates are the
 * fitted curve plus autoregressive noise like the residuals (a sieve: Bühlmann 1997), and each is bootstrapped as the
 * record is. All block lengths meet the same surrogates, so that chance does not decide between them.
 */
export const examine = task(
  import.meta,
  'examine',
  (truth: Fit, noise: stats.Autoregression, length: number, { first, count }: Share, { seed, draws }: Plan) => {
    const model = keelingModel(truth.t);
    return Array.from({ length: count }, (_, i): Trial => {
      const errors = stats.simulate(noise, truth.t.length, stats.randomFrom(seed, 'surrogate', first + i));
      const surrogate = model.fit(stats.plus(truth.fitted, errors));
      const random = stats.randomFrom(seed, 'examine', length, first + i);
      const betas = replicates(surrogate, model.coefficients, length, draws, random);
      return byQuantity((of) => {
        const target = of(truth.beta, truth.t);
        const { low, high, standardError } = band(betas, (beta) => of(beta, truth.t));
        return {
          held: low <= target && target <= high,
          distance: Math.abs(of(surrogate.beta, truth.t) - target) / standardError,
        };
      });
    });
  },
);

/** Puts together what the tasks for one block length have found. */
export const summarise = task(
  import.meta,
  'summarise',
  ({ t, beta }: Fit, length: number, parts: readonly Float64Array[][], trials: readonly Trial[][]): Answer => {
    const betas = parts.flat();
    const cycleBands = (year: 1960 | 2020) => {
      const cycles = betas.map((b) => cycle(b, year));
      return cycle(beta, year).map((value, at): Point => ({ at, value, ...band(cycles, (c) => c[at]!) }));
    };
    const years = Array.from({ length: 32 }, (_, i) => t[0]! + (i / 31) * (t.at(-1)! - t[0]!));
    return {
      ...byQuantity((of, quantity) => {
        const tried = trials.flat().map((trial) => trial[quantity]);
        const value = of(beta, t);
        const found = band(betas, (b) => of(b, t));
        const reach =
          stats.quantiles(
            tried.map(({ distance }) => distance),
            [0.95],
          )[0]! * found.standardError;
        return {
          value,
          ...found,
          sample: Float64Array.from(betas, (b) => of(b, t)),
          coverage: tried.filter(({ held }) => held).length / tried.length,
          calibrated: { low: value - reach, high: value + reach },
        };
      }),
      length,
      trend: years.map((at) => ({ at, value: trend(beta, at), ...band(betas, (b) => trend(b, at)) })),
      cycle: { 1960: cycleBands(1960), 2020: cycleBands(2020) },
    };
  },
);

/** All tasks for one block length. */
export const assess = join(import.meta, 'assess', (fitted: Fit, noise: stats.Autoregression, length: number, plan: Plan) => {
  const parts = shares(plan.replicates, 250).map((share) => resample(fitted, length, share, plan));
  const trials = shares(plan.surrogates, 5).map((share) => examine(fitted, noise, length, share, plan));
  return summarise(fitted, length, parts, trials);
});

/** All block lengths: how many there are is known when the pilot is back. */
export const sweep = join(import.meta, 'sweep', (fitted: Fit, { lengths, noise }: Pilot, plan: Plan) =>
  lengths.map((length) => assess(fitted, noise, length, plan)),
);

/** Least squares is linear: fit the resampled residuals, and add the estimate. */
function replicates(
  { beta, residuals }: Fit,
  coefficients: (y: Float64Array) => Float64Array,
  length: number,
  count: number,
  random: stats.Random,
): Float64Array[] {
  return Array.from({ length: count }, () => stats.plus(beta, coefficients(stats.resampleBlocks(residuals, length, random))));
}

function band<T>(items: readonly T[], of: (item: T) => number): Band {
  const sample = Float64Array.from(items, of);
  const [low = NaN, high = NaN] = stats.quantiles(sample, [0.025, 0.975]);
  return { low, high, standardError: stats.standardDeviation(sample) };
}
