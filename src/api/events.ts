/** What `troupe.on` tells. */
import type { TaskKind } from '../actors/definitions.ts';
import type { Failure } from '../machines/model/failures.ts';
import type { Counts, ExecutorState } from '../machines/model/states.ts';
import type { Place, TaskDigest } from '../machines/model/story.ts';

interface OfTask {
  readonly taskId: string;
  readonly name: string;
  readonly kind: TaskKind;
}
type Event<Type extends string, Data> = { readonly type: Type; readonly atMs: number } & Data;

/** What `troupe.on` tells. */
export interface TroupeEvents {
  /** One event taken by one actor. Every one: listening to it costs. */
  step: Event<
    'step',
    {
      readonly seq: number;
      readonly causeId: number;
      readonly actorId: string;
      readonly event: { readonly type: string };
      readonly from: string;
      readonly to: string;
    }
  >;
  'troupe.started': Event<'troupe.started', { readonly name: string; readonly runId: string }>;
  /** Every task has settled and every executor is closed; tasks by settled state. */
  'troupe.closed': Event<'troupe.closed', { readonly counts: Counts }>;
  'task.submitted': Event<'task.submitted', OfTask & { readonly parentId?: string; readonly waits: number }>;
  /** A worker has begun with a try. */
  'try.started': Event<'try.started', OfTask & { readonly tryIndex: number } & Partial<Place>>;
  'try.failed': Event<'try.failed', OfTask & { readonly tryIndex: number; readonly failure: Failure }>;
  'task.settled': Event<'task.settled', TaskDigest>;
  'task.progress': Event<'task.progress', { readonly taskId: string; readonly name: string; readonly progress: unknown }>;
  'task.output': Event<
    'task.output',
    { readonly taskId: string; readonly name: string; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  >;
  /** A failed try was decided on. */
  'retry.decided': Event<
    'retry.decided',
    {
      readonly taskId: string;
      readonly name: string;
      readonly tryIndex: number;
      readonly policy: string;
      readonly again: boolean;
      readonly afterMs: number;
      readonly failure: Failure;
      readonly why?: string;
    }
  >;
  /** A report of a try that is over was dropped. */
  'try.late': Event<'try.late', { readonly taskId: string; readonly report: string }>;
  'executor.state': Event<'executor.state', { readonly executor: string; readonly state: ExecutorState; readonly why?: string }>;
  /** A policy misbehaved, and the built-in decided. */
  'policy.faulted': Event<
    'policy.faulted',
    { readonly member: string; readonly policy: string; readonly what: string; readonly faults: number; readonly error?: string }
  >;
  'policy.slow': Event<'policy.slow', { readonly member: string; readonly policy: string; readonly tookMs: number }>;
  /** An event reached an actor that had ended. */
  'actor.deadLetter': Event<
    'actor.deadLetter',
    { readonly seq: number; readonly causeId: number; readonly actorId: string; readonly event: string }
  >;
  /** A defect of troupe. */
  'actor.failed': Event<'actor.failed', { readonly actorId: string; readonly message: string }>;
  '*': { readonly type: string; readonly atMs: number };
}
