/** Retry policies: again? after how long? on which executor, with what resources? */
import type { Failure } from '../../model/failures.ts';
import type { Resources } from '../../model/resources.ts';
import type { RetryDecision } from '../../model/task.ts';
import type { PolicyOf } from '../port.ts';

export type { RetryDecision };

/** What a retry policy is shown. */
export interface RetrySnapshot {
  readonly taskId: string;
  /** Name of the task function. */
  readonly name: string;
  /** The failure to decide on. */
  readonly failure: Failure;
  /** The task's failures so far, at most 16, oldest first; the last one is `failure`. */
  readonly failures: readonly Failure[];
  /** Index of the try that failed, from 0. */
  readonly tryIndex: number;
  /** Executor of the failed try. */
  readonly executor: string | undefined;
  /** Labels the next try may go to. */
  readonly executors: readonly string[];
  readonly resources: Resources;
  /** What failures have cost so far, and the budget. */
  readonly cost: number;
  readonly retries: number;
  /** Uniform in [0, 1), drawn once a failure, so that jitter is reproducible. */
  readonly random: number;
}

export interface RetryPolicy extends PolicyOf<'retry', RetrySnapshot, RetryDecision> {
  /**
   * Budget of a task that states no `retries` of its own: retried while the accumulated cost is within it.
   * @defaultValue 10
   */
  readonly retries?: number;
}

/** Budget under a policy that does not state one. */
export const DEFAULT_POLICY_RETRIES = 10;
/** Longest back-off: 24 hours. */
export const MAX_BACKOFF_MS = 86_400_000;
