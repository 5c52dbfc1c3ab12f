/** What `troupe.on` tells. */
import type { TaskKind } from '../actors/definitions.ts';
import type { BlockView, JobEnd, ManagerState } from '../machines/model/blocks.ts';
import type { Failure } from '../machines/model/failures.ts';
import type { Counts, ExecutorState } from '../machines/model/states.ts';
import type { Place, TaskDigest } from '../machines/model/story.ts';

interface OfTask {
  readonly taskId: string;
  readonly name: string;
  readonly kind: TaskKind;
}
interface OfBlock {
  /** Label. */
  readonly executor: string;
  readonly blockId: string;
  readonly jobName: string;
  readonly jobId?: string;
  readonly why?: string;
}
interface OfManager {
  readonly executor: string;
  readonly managerId: string;
  readonly blockId: string;
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
  /** A block of an executor is queued, has managers, is given back, … */
  'block.requested': Event<'block.requested', OfBlock>;
  'block.submitting': Event<'block.submitting', OfBlock>;
  'block.pending': Event<'block.pending', OfBlock>;
  'block.held': Event<'block.held', OfBlock>;
  'block.starting': Event<'block.starting', OfBlock>;
  'block.ready': Event<'block.ready', OfBlock>;
  'block.draining': Event<'block.draining', OfBlock>;
  'block.cancelling': Event<'block.cancelling', OfBlock>;
  'block.ended': Event<'block.ended', BlockView & { readonly executor: string; readonly evidence?: JobEnd }>;
  /** How many blocks there should be, and why. Told when it changes something, and the first time. */
  'scaling.decided': Event<
    'scaling.decided',
    { readonly executor: string; readonly out: number; readonly in: readonly string[]; readonly policy: string; readonly why?: string }
  >;
  'manager.registered': Event<
    'manager.registered',
    OfManager & { readonly host: string; readonly pid: number; readonly workers: number; readonly version: string }
  >;
  'manager.state': Event<'manager.state', OfManager & { readonly host: string; readonly state: ManagerState; readonly why?: string }>;
  /** A worker has ended, and the try that it ran with it. */
  'worker.lost': Event<
    'worker.lost',
    { readonly executor: string; readonly taskId?: string; readonly tryIndex?: number; readonly worker: string; readonly message: string }
  >;
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
