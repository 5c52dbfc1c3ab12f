/** What a task is told, what it knows, what is shown of it. Types only, so that policies and the machine share them. */
import type { Failure } from './failures.ts';
import type { Resources } from './resources.ts';

export interface TaskInput {
  readonly taskId: string;
  /** Name of the task function. */
  readonly name: string;
  readonly kind: 'function' | 'shell' | 'join';
  /** Budget of failures that are the user's; each costs 1 unless the policy says otherwise. */
  readonly retries: number;
  readonly resources: Resources;
  readonly timeLimitMs: number | undefined;
}

/** Small and serialisable: ids, counters and digests. Values and errors are in the task's record. */
export interface TaskContext extends TaskInput {
  /** From 0. */
  readonly tryIndex: number;
  /** Executor of the current try; `undefined` before it is routed. */
  readonly executor: string | undefined;
  /** Executor that the retry policy chose for the next try. */
  readonly placement: string | undefined;
  /** The last {@link KEPT_FAILURES} failures, the newest last. */
  readonly failures: readonly Failure[];
  /** What the user's failures have cost so far. */
  readonly cost: number;
  readonly infrastructureFailures: number;
  /** Workers that ended under this task; no worker twice. */
  readonly lostWorkers: readonly string[];
  readonly decision: RetryDecision | undefined;
  /** Why it is stopping. */
  readonly stopCause: 'cancel' | 'timeLimit' | undefined;
}
export const KEPT_FAILURES = 16;

/** The answer of a retry policy. */
export type RetryDecision =
  | { readonly again: false; readonly why?: string }
  | {
      readonly again: true;
      /** Wait before the next try, 0 to 24 hours. @defaultValue 0 */
      readonly afterMs?: number;
      /** Label of the executor for the next try. @defaultValue asks the routing policy again */
      readonly executor?: string;
      /** Laid over the task's resources, for all tries to come. */
      readonly resources?: Resources;
      /** What this failure takes from the user's budget: any finite number. @defaultValue 1 */
      readonly cost?: number;
      readonly why?: string;
    };

type OfTry = { readonly tryIndex: number };
export type TaskEvent =
  /** Every input has a value. */
  | { readonly type: 'deps.met' }
  /** Every input has settled, some without a value; `run` is the dependency policy's answer. */
  | { readonly type: 'deps.failed'; readonly failure: Failure; readonly run: boolean; readonly policy: string }
  | ({ readonly type: 'task.routed'; readonly executor: string; readonly policy: string; readonly why?: string } & OfTry)
  | ({ readonly type: 'try.launched' } & OfTry)
  | ({ readonly type: 'try.started'; readonly host?: string; readonly worker?: string } & OfTry)
  /** `bytes`: size of the encoded result, 0 when it was not encoded. */
  | ({ readonly type: 'try.done'; readonly bytes: number } & OfTry)
  /** A join's body has returned `waits` futures. */
  | ({ readonly type: 'try.joining'; readonly waits: number } & OfTry)
  | ({ readonly type: 'try.failed'; readonly failure: Failure } & OfTry)
  | ({ readonly type: 'try.stopped' } & OfTry)
  | { readonly type: 'join.done'; readonly bytes: number }
  | { readonly type: 'join.failed'; readonly failure: Failure }
  | ({ readonly type: 'retry.decided'; readonly decision: RetryDecision; readonly policy: string } & OfTry)
  | ({ readonly type: 'timer.fired'; readonly timer: TaskTimer } & OfTry)
  /** `by`: the task whose cancellation reached this one. */
  | { readonly type: 'task.cancel'; readonly by?: string };
export type TaskTimer = 'backoff' | 'limit' | 'grace';
