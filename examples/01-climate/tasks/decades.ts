/**
 * Decade by decade, without a curve for the trend: the Theil–Sen slope of the months less their seasonal cycle, which
 * does not mind a few wild months, with a block bootstrap of its own.
 */
import { join, task, type File } from 'troupe';
import { season, type Fit, type Series } from '../science/keeling.ts';
import * as stats from '../science/statistics.ts';
import { shares, type Plan, type Share } from './plan.ts';
import { months } from './record.ts';

/** Growth in one decade, ppm a year, with a 95 % interval. */
export interface Decade {
  readonly from: number;
  readonly months: number;
  readonly slope: number;
  readonly low: number;
  readonly high: number;
}

/** Replicates of the slope. Theil–Sen commutes with adding a line: take the residuals' slope, and add the estimate. */
export const slopes = task(import.meta, 'slopes', (series: Series, { beta }: Fit, { first, count }: Share, { seed }: Plan) => {
  const { slope, residuals } = line(series, beta);
  const random = stats.randomFrom(seed, 'slopes', series.t[0]!, first);
  const length = stats.optimalBlockLength(residuals);
  return Float64Array.from({ length: count }, () => slope + stats.theilSen(series.t, stats.resampleBlocks(residuals, length, random)));
});

export const growth = task(import.meta, 'growth', (series: Series, { beta }: Fit, parts: readonly Float64Array[]): Decade => {
  const [low = NaN, high = NaN] = stats.quantiles(
    parts.flatMap((part) => [...part]),
    [0.025, 0.975],
  );
  return { from: Math.floor(series.t[0]! / 10) * 10, months: series.t.length, slope: line(series, beta).slope, low, high };
});

/** One group of tasks for every decade that the record has. */
export const byDecade = join(import.meta, 'byDecade', (record: File, decades: readonly number[], fitted: Fit, plan: Plan) =>
  decades.map((from) => {
    const series = months(record, from, from + 10);
    return growth(
      series,
      fitted,
      shares(plan.slopes, 100).map((share) => slopes(series, fitted, share, plan)),
    );
  }),
);

function line({ t, ppm }: Series, beta: Float64Array): { readonly slope: number; readonly residuals: Float64Array } {
  const adjusted = ppm.map((value, i) => value - season(beta, t[i]!));
  const slope = stats.theilSen(t, adjusted);
  const level = stats.mean(adjusted) - slope * stats.mean(t);
  return { slope, residuals: adjusted.map((value, i) => value - level - slope * t[i]!) };
}
