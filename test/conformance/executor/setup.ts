/** Part of {@link file://./../executor.ts}: what its parts are given. */
import type { TryReport } from '../../../src/actors/executors/port.ts';
import type { Bench } from '../../support/executor-bench.ts';

/** How the executor under test is made. */
export interface ExecutorSetup {
  readonly workers: number;
  readonly outputBytes: number;
}

export interface ExecutorCapabilities {
  /** It ends a try whose function holds its thread and never looks at its signal. */
  readonly kills: boolean;
}

/** Opens one, and closes it after the test. `onReport` is called as a report arrives. */
export type OpenBench = (setup?: Partial<ExecutorSetup>, onReport?: (report: TryReport) => void) => Bench;

/** Longer than any test: what is stopped with it must not need it. */
export const GRACE_MS = 60_000;
export const AT_ONCE_MS = 50;
