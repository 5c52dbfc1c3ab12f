/** What `troupe.on` tells, and how it is taken from what the recorder sees. */
import { AsyncResource } from 'node:async_hooks';

import type { TaskKind } from '../actors/definitions.ts';
import type { Dataflow } from '../actors/dataflow.ts';
import type { Listener } from '../actors/recorder.ts';
import type { Step } from '../actors/spawn.ts';
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

/** Events of tasks' machines that are told under their own name; others only as `step`. */
const ofSteps: ReadonlySet<string> = new Set(['task.submitted', 'try.started', 'try.failed']);

/** @param listener - One that throws is reported as a warning. */
export function listenerOf<K extends keyof TroupeEvents>(
  type: K,
  listener: (event: TroupeEvents[K]) => void,
  dataflow: Dataflow,
): Listener {
  const heard = AsyncResource.bind(listener); // not as part of the join body or the try that causes the event
  const tell = (event: { readonly type: string; readonly atMs: number }): void => {
    try {
      heard(event as TroupeEvents[K]);
    } catch (error) {
      process.emitWarning(`a listener of ${type} threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  };
  const wants = (of: string): boolean => type === '*' || type === of;

  function step(of: Step, atMs: number): void {
    if (wants('step')) tell({ type: 'step', atMs, ...of });
    if (!wants(of.event.type) || !ofSteps.has(of.event.type)) return;
    const definition = dataflow.records.get(of.actorId)?.submission.definition;
    tell({ taskId: of.actorId, name: definition?.name, kind: definition?.kind, ...of.event, atMs } as never);
  }

  return {
    ...(wants('step') || ofSteps.has(type) ? { step } : undefined),
    fact: ({ type: of, atMs, data }) => wants(of) && tell({ ...data, type: of, atMs }),
    settled: (digest) => wants('task.settled') && tell({ type: 'task.settled', atMs: digest.settledMs, ...digest }),
  };
}
