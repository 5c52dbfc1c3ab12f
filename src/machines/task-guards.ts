/**
 * What the task machine asks of its context and of an event: guards, and what a failure adds. Pure, so that each can be
 * tested alone; `task.ts` has the states in which they are asked.
 */
import { budgets, INFRASTRUCTURE_RETRIES, POISON_WORKERS, type Budget, type Failure } from './model/failures.ts';
import { KEPT_FAILURES, type RetryDecision, type TaskContext, type TaskEvent } from './model/task.ts';

type Args = { readonly context: TaskContext; readonly event: TaskEvent };

// pluggable: they read a policy's answer

/** True when the retry policy wants another try. */
export const shouldRetry = ({ event }: Args): boolean => event.type === 'retry.decided' && event.decision.again;
/** True when the dependency policy runs the task without the inputs that failed. */
export const shouldRunAnyway = ({ event }: Args): boolean => event.type === 'deps.failed' && event.run;

// bounds, whatever a policy says

/** Reports of an earlier try are late. */
export const isCurrentTry = ({ context, event }: Args): boolean => 'tryIndex' in event && event.tryIndex === context.tryIndex;
export const isNeverRetried = ({ context }: Args): boolean => budgetOfLast(context) === 'never';
/** The task has taken down several workers: a next one would go the same way. */
export const isPoison = ({ context }: Args): boolean => context.lostWorkers.length >= POISON_WORKERS;
/** A failure of the user's kind is retried while the accumulated cost is within `retries`. Source: Parsl, `DataFlowKernel.handle_exec_update`. */
export const isOverBudget = ({ context, event }: Args): boolean => {
  if (budgetOfLast(context) !== 'user') return context.infrastructureFailures > INFRASTRUCTURE_RETRIES;
  const spent = context.cost + (event.type === 'retry.decided' ? costOf(event.decision) : 1);
  return !(spent <= context.retries); // a budget that is no number is spent
};
export const isCancelledTry = (args: Args): boolean => isCurrentTry(args) && args.context.stopCause === 'cancel';
export const isTimeLimit = ({ context, event }: Args): boolean =>
  event.type === 'timer.fired' && event.timer === 'limit' && event.tryIndex === context.tryIndex;
export const isBackoffOver = ({ context, event }: Args): boolean =>
  event.type === 'timer.fired' && event.timer === 'backoff' && event.tryIndex === context.tryIndex;
export const isGraceOver = ({ context, event }: Args): boolean =>
  event.type === 'timer.fired' && event.timer === 'grace' && event.tryIndex === context.tryIndex;
export const isCancelGraceOver = (args: Args): boolean => isGraceOver(args) && args.context.stopCause === 'cancel';

export function budgetOfLast({ failures }: TaskContext): Budget {
  const last = failures.at(-1);
  return last === undefined ? 'never' : budgets[last.kind];
}
/** A whole retry, unless the policy asks for one at another price: a guard may well retry what the policy would not. */
export const costOf = (decision: RetryDecision): number => (decision.again ? (decision.cost ?? 1) : 1);

/** What a failure adds to the context. */
export function withFailure(context: TaskContext, failure: Failure): Partial<TaskContext> {
  const budget = budgets[failure.kind];
  const { worker } = failure;
  const lost = failure.kind === 'workerLost' && worker !== undefined && !context.lostWorkers.includes(worker);
  return {
    failures: [...context.failures.slice(1 - KEPT_FAILURES), failure],
    infrastructureFailures: context.infrastructureFailures + (budget === 'infrastructure' ? 1 : 0),
    ...(lost ? { lostWorkers: [...context.lostWorkers, worker] } : undefined),
  };
}
