/** What a Future and a troupe show of the machines behind them, without a type of XState. */
import type { Counts, ExecutorState, TaskState } from '../machines/model/states.ts';

/** As much of an XState actor as a debugger needs; the root entry needs no XState types. */
export interface ActorView<S, E extends { readonly type: string }> {
  readonly id: string;
  readonly sessionId: string;
  getSnapshot(): S;
  subscribe(listener: (snapshot: S) => void): { unsubscribe(): void };
  send(event: E): void;
}
export interface TaskView {
  readonly value: string;
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  readonly context: object;
}
export type TaskActor = ActorView<TaskView, { readonly type: 'task.cancel' }>;

/** Why a task is where it is. */
export interface Waiting {
  readonly state: TaskState;
  /** What it waits for: task ids, promises, executors with the reason of each. Empty when it waits for nothing. */
  readonly for: readonly string[];
  /** In words; of a failure the root cause first. */
  readonly because?: string;
}

export type TroupeActor = ActorView<TaskView, { readonly type: string }>;

/** What there is at one moment; plain data. */
export interface TroupeSnapshot {
  readonly name: string;
  readonly runId: string;
  /** State of the root machine: `open`, `closing`, … */
  readonly state: string;
  /** Tasks that have not settled, and those that have, by state. */
  readonly tasks: { readonly live: number } & Counts;
  readonly executors: readonly ({ readonly queued: number; readonly running: number; readonly slots: number } & {
    readonly label: string;
    readonly kind: string;
    readonly state: ExecutorState;
  })[];
  /** Actors that have not ended. */
  readonly actors: number;
  /** Timers that are set: back-offs, time limits, graces. */
  readonly timers: number;
}
