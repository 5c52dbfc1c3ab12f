/** The end of the analysis: everything that was found, put together. */
import { task } from 'troupe';

import type { Fit, Series } from '../science/keeling.ts';
import type { Answer, Pilot } from './bootstrap.ts';
import type { Decade } from './decades.ts';

interface Parts {
  readonly series: Series;
  readonly fit: Fit;
  readonly pilot: Pilot;
  readonly answers: readonly Answer[];
  readonly decades: readonly Decade[];
}
export interface Findings extends Parts {
  /** The answer with the block length that the residuals ask for. */
  readonly chosen: Answer;
  /** How many times narrower the interval for the growth is than the calibrated one, if months are taken for independent. */
  readonly overconfidence: number;
}

export const conclude = task(import.meta, 'conclude', (parts: Parts): Findings => {
  const { answers, pilot } = parts;
  const widthOf = ({ low, high }: { readonly low: number; readonly high: number }) => high - low;
  const chosen = answers.find(({ length }) => length === pilot.chosen)!;
  const independent = answers.find(({ length }) => length === 1)!;
  return { ...parts, chosen, overconfidence: widthOf(chosen.growth.calibrated) / widthOf(independent.growth) };
});
