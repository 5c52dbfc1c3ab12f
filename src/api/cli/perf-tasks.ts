/** The task functions that `troupe perf` measures: a module of their own, since workers import it. */
import { task } from '../task.ts';

/** Does nothing with whatever it is given. */
export const noop = task(import.meta, 'noop', (_given?: unknown): void => {});

/** One link of a chain: needs the value of the one before. */
export const link = task(import.meta, 'link', (before: number): number => before + 1);
