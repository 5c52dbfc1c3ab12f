/** What a Future and a troupe show of the machines behind them, without a type of XState. */
import type { Failure } from '../machines/model/failures.ts';
import type { Counts, ExecutorState, TaskState } from '../machines/model/states.ts';
import type { TaskDigest } from '../machines/model/story.ts';

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
  readonly executors: readonly ({ readonly queued: number; readonly running: number; readonly slots: number } & { readonly label: string; readonly kind: string; readonly state: ExecutorState })[];
  /** Actors that have not ended. */
  readonly actors: number;
  /** Timers that are set: back-offs, time limits, graces. */
  readonly timers: number;
}

type Event<Type extends string, Data> = { readonly type: Type; readonly atMs: number } & Data;

/** What `troupe.on` tells. */
export interface TroupeEvents {
  /** One event taken by one actor. Every one: listening to it costs. */
  step: Event<'step', { readonly seq: number; readonly causeId: number; readonly actorId: string; readonly event: { readonly type: string }; readonly from: string; readonly to: string }>;
  'troupe.started': Event<'troupe.started', { readonly name: string; readonly runId: string }>;
  /** Every task has settled and every executor is closed; tasks by settled state. */
  'troupe.closed': Event<'troupe.closed', { readonly counts: Counts }>;
  'task.settled': Event<'task.settled', TaskDigest>;
  'task.progress': Event<'task.progress', { readonly taskId: string; readonly name: string; readonly progress: unknown }>;
  'task.output': Event<'task.output', { readonly taskId: string; readonly name: string; readonly stream: 'stdout' | 'stderr'; readonly text: string }>;
  /** A failed try was decided on. */
  'retry.decided': Event<
    'retry.decided',
    { readonly taskId: string; readonly name: string; readonly tryIndex: number; readonly policy: string; readonly again: boolean; readonly afterMs: number; readonly failure: Failure; readonly why?: string }
  >;
  /** A report of a try that is over was dropped. */
  'try.late': Event<'try.late', { readonly taskId: string; readonly report: string }>;
  'executor.state': Event<'executor.state', { readonly executor: string; readonly state: ExecutorState; readonly why?: string }>;
  /** A policy misbehaved, and the built-in decided. */
  'policy.faulted': Event<'policy.faulted', { readonly member: string; readonly policy: string; readonly what: string; readonly faults: number; readonly error?: string }>;
  'policy.slow': Event<'policy.slow', { readonly member: string; readonly policy: string; readonly tookMs: number }>;
  /** An event reached an actor that had ended. */
  'actor.deadLetter': Event<'actor.deadLetter', { readonly seq: number; readonly causeId: number; readonly actorId: string; readonly event: string }>;
  /** A defect of troupe. */
  'actor.failed': Event<'actor.failed', { readonly actorId: string; readonly message: string }>;
  '*': { readonly type: string; readonly atMs: number };
}
