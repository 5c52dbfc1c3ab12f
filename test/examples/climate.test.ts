import { describe, expect, it } from 'vitest';

import { amplitude, cycle, growthRate, keelingModel, quantities, season, trend } from '../../examples/01-climate/science/keeling.ts';
import {
  autocovariance,
  autoregression,
  dot,
  leastSquares,
  mean,
  normalFrom,
  optimalBlockLength,
  quantiles,
  randomFrom,
  resampleBlocks,
  simulate,
  standardDeviation,
  theilSen,
} from '../../examples/01-climate/science/statistics.ts';
import { shares } from '../../examples/01-climate/tasks/plan.ts';

const take = (n: number, next: () => number) => Float64Array.from({ length: n }, next);
const months = Float64Array.from({ length: 480 }, (_, i) => 1970 + (i + 0.5) / 12);

describe('random numbers', () => {
  it('are the same for the same keys and differ for others', () => {
    expect(take(5, randomFrom(1, 'a', 2))).toEqual(take(5, randomFrom(1, 'a', 2)));
    expect(take(5, randomFrom(1, 'a', 2))).not.toEqual(take(5, randomFrom(1, 'a', 3)));
  });

  it('are uniform, and normal where that is asked for', () => {
    const uniform = take(20_000, randomFrom('uniform'));
    expect(mean(uniform)).toBeCloseTo(0.5, 2);
    expect(standardDeviation(uniform)).toBeCloseTo(Math.sqrt(1 / 12), 2);
    const normal = take(20_000, normalFrom(randomFrom('normal')));
    expect(mean(normal)).toBeCloseTo(0, 1);
    expect(standardDeviation(normal)).toBeCloseTo(1, 1);
    expect(quantiles(normal, [0.975])[0]).toBeCloseTo(1.96, 1);
  });
});

describe('dot', () => {
  it.each([[0], [1], [2], [5], [6]])('sums %i products, over the length of the first', (n) => {
    const a = Float64Array.from({ length: n }, (_, i) => i + 1);
    expect(dot(a, Float64Array.of(2, 3, 5, 7, 11, 13, 17))).toBe([2, 6, 15, 28, 55, 78].slice(0, n).reduce((sum, p) => sum + p, 0));
  });
});

describe('quantiles', () => {
  it('interpolate as R and NumPy do by default', () => {
    expect(quantiles([4, 1, 3, 2], [0, 0.25, 0.5, 0.9, 1])).toEqual([1, 1.75, 2.5, 3.7, 4]);
  });
});

describe('leastSquares', () => {
  it('solves a case with a known answer', () => {
    // y = 1 + 2x with errors +1, −2, +1, which are orthogonal to both columns
    const { fit, predict } = leastSquares([Float64Array.of(1, 1, 1), Float64Array.of(0, 1, 2)]);
    const beta = fit(Float64Array.of(2, 1, 6));
    expect(beta[0]).toBeCloseTo(1, 12);
    expect(beta[1]).toBeCloseTo(2, 12);
    expect(predict(beta)[2]).toBeCloseTo(5, 12);
  });
});

describe('autoregression', () => {
  it('finds the coefficients of a series it is given', () => {
    const { phi, innovation } = autoregression(simulate({ phi: Float64Array.of(0.6, 0.3), innovation: 0.5 }, 20_000, randomFrom('ar')), 12);
    expect(phi[0]).toBeCloseTo(0.6, 1);
    expect(phi[1]).toBeCloseTo(0.3, 1);
    expect(innovation).toBeCloseTo(0.5, 2);
  });

  it('simulates with the variance that theory says', () => {
    const x = simulate({ phi: Float64Array.of(0.8), innovation: 1 }, 40_000, randomFrom('variance'));
    expect(autocovariance(x, 1)[0]).toBeCloseTo(1 / (1 - 0.8 ** 2), 0);
    expect(autocovariance(x, 1)[1]! / autocovariance(x, 1)[0]!).toBeCloseTo(0.8, 1);
  });
});

describe('the block bootstrap', () => {
  it('keeps neighbours together, and runs over the end to the beginning', () => {
    const x = Float64Array.from({ length: 10 }, (_, i) => i);
    const resample = resampleBlocks(x, 5, randomFrom('blocks'));
    expect(resample).toHaveLength(10);
    for (const block of [resample.slice(0, 5), resample.slice(5)]) {
      for (let i = 1; i < block.length; i++) expect(block[i]).toBe((block[i - 1]! + 1) % 10);
    }
  });

  it('cuts the last block when the length does not divide the series', () => {
    expect(resampleBlocks(Float64Array.of(1, 2, 3, 4, 5, 6, 7), 3, randomFrom('cut'))).toHaveLength(7);
  });

  it('takes longer blocks for longer memory, and short ones for noise', () => {
    const lengthFor = (phi: number) =>
      optimalBlockLength(simulate({ phi: Float64Array.of(phi), innovation: 1 }, 1000, randomFrom('length')));
    expect(lengthFor(0)).toBeLessThanOrEqual(3);
    expect(lengthFor(0.5)).toBeGreaterThan(lengthFor(0));
    expect(lengthFor(0.9)).toBeGreaterThan(lengthFor(0.5));
  });

  it('knows the error of a mean of dependent values, which single values do not', () => {
    const x = simulate({ phi: Float64Array.of(0.7), innovation: 1 }, 5000, randomFrom('mean'));
    const random = randomFrom('replicates');
    const errorWith = (length: number) => standardDeviation(take(400, () => mean(resampleBlocks(x, length, random))));
    const truth = 1 / (1 - 0.7) / Math.sqrt(5000);
    expect(errorWith(50) / truth).toBeCloseTo(1, 0);
    expect(errorWith(50) / truth).toBeGreaterThan(0.8);
    expect(errorWith(1) / truth).toBeLessThan(0.6);
  });
});

describe('theilSen', () => {
  it('is exact on a line, and unmoved by a wild quarter', () => {
    const t = Float64Array.from({ length: 40 }, (_, i) => i);
    const y = t.map((value) => 3 - 2 * value);
    expect(theilSen(t, y)).toBeCloseTo(-2, 12);
    expect(
      theilSen(
        t,
        y.map((value, i) => (i % 4 === 0 ? 1000 : value)),
      ),
    ).toBeCloseTo(-2, 0);
  });

  it('commutes with adding a line, as the bootstrap of the decades assumes', () => {
    const t = months.slice(0, 100);
    const noise = take(100, normalFrom(randomFrom('commutes')));
    expect(
      theilSen(
        t,
        noise.map((value, i) => value + 1.5 * t[i]!),
      ),
    ).toBeCloseTo(theilSen(t, noise) + 1.5, 8);
  });
});

describe('the Keeling model', () => {
  const beta = Float64Array.from({ length: 19 }, (_, j) => [350, 15, 1.3, -1, 2.6, 0.04, 0.1, 0.7, -0.4][j] ?? 0);
  const curve = months.map((year) => trend(beta, year) + season(beta, year));

  it('gives back the coefficients of a curve without noise', () => {
    const { beta: found, residuals } = keelingModel(months).fit(curve);
    for (const [j, value] of beta.entries()) expect(found[j]).toBeCloseTo(value, 6);
    for (const residual of residuals) expect(residual).toBeCloseTo(0, 6);
  });

  it('says how fast the trend grows', () => {
    expect(growthRate(beta, 2000)).toBeCloseTo((trend(beta, 2000.01) - trend(beta, 1999.99)) / 0.02, 6);
    expect(quantities.growth(beta, months)).toBe(growthRate(beta, months.at(-1)!));
  });

  it('measures the swing between the highest and the lowest month', () => {
    const flat = Float64Array.from({ length: 19 }, (_, j) => (j === 3 ? 2 : 0)); // 2 cos(2πt), constant
    expect(amplitude(flat, 1960)).toBeCloseTo(4 * Math.cos(Math.PI / 12), 9);
    expect(cycle(flat, 1960)).toHaveLength(12);
    expect(quantities.swing(flat)).toBeCloseTo(0, 9);
  });
});

describe('shares', () => {
  it('cover everything once, the last one with what remains', () => {
    expect(shares(7, 3)).toEqual([
      { first: 0, count: 3 },
      { first: 3, count: 3 },
      { first: 6, count: 1 },
    ]);
    expect(shares(0, 3)).toEqual([]);
  });
});
