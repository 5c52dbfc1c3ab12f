/** One piece of work of a host, beside its machine: values, errors and promises stay here and enter no event. */
import type { Actor } from 'xstate';

import { TaskNotFoundError, WorkError } from '../../machines/model/errors.ts';
import { budgets, failureOf, messageOf, type FailureKind } from '../../machines/model/failures.ts';
import type { Resources } from '../../machines/model/resources.ts';
import type { Place } from '../../machines/model/story.ts';
import type { WorkEvent } from '../../machines/model/work-events.ts';
import type { WorkMachine } from '../../machines/work.ts';
import type { Replayed } from './replayed.ts';
import type { Work } from './work.ts';

/** What a host asks for, checked. */
export interface WorkRequest {
  readonly payload: Uint8Array;
  /** URL of the module, and the name of its export. */
  readonly module: string;
  readonly entry: string;
  readonly resources: Resources;
  readonly priority: number;
  readonly timeRequestMs: number | undefined;
  readonly correlationId: string | undefined;
  /** Its work has ended: what the host keeps for it can go. */
  settled?(id: string): void;
}

/** Work that has not ended. */
export interface LiveWork extends Work {
  readonly request: WorkRequest;
  readonly events: Replayed<WorkEvent>;
  readonly submittedMs: number;
  readonly resolve: (result: Uint8Array) => void;
  readonly reject: (error: WorkError) => void;
  /** What `settle` will tell; values stay out of events. */
  result: Uint8Array | undefined;
  error: WorkError | undefined;
  reason: unknown;
  place: Partial<Place>;
  actor: Actor<WorkMachine> | undefined;
}

/** `entry.js#run`: for messages and policies. */
export const nameOf = ({ module, entry }: WorkRequest): string => `${module.slice(module.lastIndexOf('/') + 1)}#${entry}`;

/** What its promise rejects with. @param at - Where it ran; else where it was last seen. */
export function workError(
  work: LiveWork,
  kind: FailureKind,
  cause: unknown,
  { label, at }: { readonly label: string; readonly at?: Place | undefined },
): WorkError {
  const { taskId: workId, name, request, place: seen } = work;
  const { host, worker } = at ?? seen;
  const { correlationId } = request;
  const digest = failureOf(kind, cause, {
    tryIndex: 0,
    executor: label,
    ...(host === undefined ? undefined : { host }),
    ...(worker === undefined ? undefined : { worker }),
  });
  const about = `${name} (${workId}${correlationId === undefined ? '' : `, ${correlationId}`})`;
  const what = kind === 'cancelled' ? 'was cancelled' : `ended without a result (${kind})`;
  return new WorkError(`${about} ${what}: ${messageOf(cause)}`, {
    workId,
    correlationId,
    failure: { ...digest, budget: budgets[kind] },
    place: { ...seen, ...at },
    cause,
  });
}

export function notPrepared({ taskId, name, request }: LiveWork, cause: unknown): TaskNotFoundError {
  const message = `${name} (${taskId}) was not found: ${request.module} could not be prepared for workers: ${messageOf(cause)}`;
  return new TaskNotFoundError(message, { taskId, identity: name, moduleUrl: request.module, known: [], cause });
}
