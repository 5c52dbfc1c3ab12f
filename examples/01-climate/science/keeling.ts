/**
 * The model of the Keeling curve: a quadratic trend and a seasonal cycle of four harmonics whose shape may change
 * linearly in time, as in Thoning, Tans and Komhyr (J. Geophys. Res. 94, 1989) and in the fits of the Scripps CO₂
 * Program. Linear in its coefficients, so that a bootstrap replicate is one cheap projection.
 */
import { leastSquares } from './statistics.ts';

/** A monthly record; months without a value are left out. */
export interface Series {
  /** Middle of the month, in decimal years. */
  readonly t: Float64Array;
  /** Mole fraction of CO₂ in dry air, in ppm. */
  readonly ppm: Float64Array;
}

/** What the model says of a record. */
export interface Fit {
  readonly t: Float64Array;
  /** 3 coefficients of the trend, then 4 for each harmonic. */
  readonly beta: Float64Array;
  readonly fitted: Float64Array;
  readonly residuals: Float64Array;
}

/** What we want to know; both follow from the coefficients. */
export const quantities = {
  /** Slope of the trend at the end of the record, in ppm a year. */
  growth: (beta: Float64Array, t: Float64Array): number => growthRate(beta, t.at(-1) ?? NaN),
  /** How much larger the seasonal swing was in 2020 than in 1960, in ppm. */
  swing: (beta: Float64Array): number => amplitude(beta, 2020) - amplitude(beta, 1960),
};
export type Quantity = keyof typeof quantities;
export type Estimator = (beta: Float64Array, t: Float64Array) => number;
/** One `measure` for each quantity. */
export function byQuantity<R>(measure: (of: Estimator, quantity: Quantity) => R): Record<Quantity, R> {
  return { growth: measure(quantities.growth, 'growth'), swing: measure(quantities.swing, 'swing') };
}

const HARMONICS = [1, 2, 3, 4];
const TREND_TERMS = 3;
const MID_MONTHS = Array.from({ length: 12 }, (_, month) => (month + 0.5) / 12);

/** Decades from 1990: a scale on which the columns of the regression have similar sizes. */
const decades = (year: number) => (year - 1990) / 10;

/** Cosine and sine of every harmonic at this phase of the year, each once constant and once growing in time. */
function harmonics(year: number, phase: number): number[] {
  return HARMONICS.flatMap((k) => {
    const [cosine, sine] = [Math.cos(2 * Math.PI * k * phase), Math.sin(2 * Math.PI * k * phase)];
    return [cosine, sine, decades(year) * cosine, decades(year) * sine];
  });
}

/** The regression for these months: ask once, fit many. */
export function keelingModel(t: Float64Array): {
  readonly coefficients: (ppm: Float64Array) => Float64Array;
  readonly fit: (ppm: Float64Array) => Fit;
} {
  const rows = Array.from(t, (year) => [1, decades(year), decades(year) ** 2, ...harmonics(year, year % 1)]);
  const columns = rows[0]!.map((_, j) => Float64Array.from(rows.map((row) => row[j]!)));
  const regression = leastSquares(columns);
  // least squares leaves residuals smaller than the errors were: give the spent degrees of freedom back
  const inflation = Math.sqrt(t.length / (t.length - columns.length));
  return {
    coefficients: regression.fit,
    fit(ppm) {
      const beta = regression.fit(ppm);
      const fitted = regression.predict(beta);
      return { t, beta, fitted, residuals: ppm.map((value, i) => (value - fitted[i]!) * inflation) };
    },
  };
}

/** Trend in ppm. */
export function trend(beta: Float64Array, year: number): number {
  return beta[0]! + beta[1]! * decades(year) + beta[2]! * decades(year) ** 2;
}

/** Slope of the trend in ppm a year. */
export function growthRate(beta: Float64Array, year: number): number {
  return (beta[1]! + 2 * beta[2]! * decades(year)) / 10;
}

/** Seasonal part in ppm. */
export function season(beta: Float64Array, year: number): number {
  return combine(harmonics(year, year % 1), beta);
}

const seasons = (year: number) => MID_MONTHS.map((phase) => harmonics(year, phase));
const CYCLES = { 1960: seasons(1960), 2020: seasons(2020) };
/** The seasonal cycle in ppm, month by month, with the shape it has in that year. */
export function cycle(beta: Float64Array, year: keyof typeof CYCLES): number[] {
  return CYCLES[year].map((row) => combine(row, beta));
}

/** Highest less lowest month of the seasonal cycle, in ppm. */
export function amplitude(beta: Float64Array, year: keyof typeof CYCLES): number {
  const months = cycle(beta, year);
  return Math.max(...months) - Math.min(...months);
}

function combine(row: readonly number[], beta: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < row.length; j++) sum += row[j]! * beta[TREND_TERMS + j]!;
  return sum;
}
