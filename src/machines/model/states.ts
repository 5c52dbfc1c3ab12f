/** The states of the machines as words that other rooms use; each machine's own file says what they mean. */
export type TaskState =
  | 'pending'
  | 'queued'
  | 'launched'
  | 'running'
  | 'joining'
  | 'deciding'
  | 'retrying'
  | 'stopping'
  | 'done'
  | 'failed'
  | 'depFailed'
  | 'cancelled';

/** A settled task never changes again. */
export const settledStates = ['done', 'failed', 'depFailed', 'cancelled'] as const satisfies readonly TaskState[];
export type SettledState = (typeof settledStates)[number];

export type ExecutorState = 'starting' | 'ready' | 'degraded' | 'bad' | 'draining' | 'stopped';
export type DataflowState = 'open' | 'draining' | 'cancelling' | 'closed';

/** Tasks by settled state. */
export type Counts = Readonly<Record<SettledState, number>>;
export const noCounts: Counts = { done: 0, failed: 0, depFailed: 0, cancelled: 0 };
