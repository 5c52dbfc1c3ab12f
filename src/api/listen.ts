/** How what the recorder sees becomes what `troupe.on` tells. */
import { AsyncResource } from 'node:async_hooks';

import type { Dataflow } from '../actors/dataflow.ts';
import type { Listener } from '../actors/recorder.ts';
import type { Step } from '../actors/spawn.ts';
import { messageOf } from '../machines/model/failures.ts';
import type { TroupeEvents } from './events.ts';

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
      process.emitWarning(`a listener of ${type} threw: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`);
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
