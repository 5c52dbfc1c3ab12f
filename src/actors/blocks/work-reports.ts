/** What a pool says of work, told to the machine that each piece has; what is said of work that has ended is late. */
import { InternalError } from '../../machines/model/errors.ts';
import { messageOf, type FailureKind } from '../../machines/model/failures.ts';
import type { Place } from '../../machines/model/story.ts';
import type { BlockWork } from '../../machines/model/work-events.ts';
import type { WorkMachineEvent } from '../../machines/work.ts';
import type { Serializer } from '../../transport/serializers/port.ts';
import { decodeOutcome } from '../work.ts';
import type { LiveWork } from './live-work.ts';
import type { Work, WorkSink } from './work.ts';

/** Which work something is about, as its host knows it. */
export type Named = Pick<BlockWork, 'id' | 'correlationId'>;

export interface WorkReportsHost {
  readonly live: ReadonlyMap<string, LiveWork>;
  readonly serializer: Serializer;
  post(work: LiveWork, event: WorkMachineEvent): void;
  fail(work: LiveWork, kind: FailureKind, cause: unknown, place?: Place): void;
  output(work: Named, stream: 'stdout' | 'stderr', text: string): void;
  progress(work: Named, bytes: Uint8Array): void;
  note(type: string, data: Readonly<Record<string, unknown>>): void;
}

export function workReports({ live, serializer, post, fail, output, progress, note }: WorkReportsHost): WorkSink {
  /** The live work that a report is about; a report without one is recorded and dropped. */
  function about({ taskId }: Work, report: string): LiveWork | undefined {
    const work = live.get(taskId);
    if (work === undefined) note('work.late', { workId: taskId, report, why: 'it has ended' });
    return work;
  }

  /** From another process. @throws TypeError for what is no outcome. */
  function take(work: LiveWork, bytes: Uint8Array, place: Place): void {
    const outcome = decodeOutcome(bytes, serializer);
    if (outcome.type === 'stopped') post(work, { type: 'work.stopped' });
    else if (outcome.type === 'failed') fail(work, outcome.kind, serializer.decode(bytesOf(outcome.error)), place);
    else {
      work.result = new Uint8Array(bytesOf(outcome.result)); // a copy: the frame it came in holds much else
      post(work, { type: 'work.done', bytes: work.result.length, place });
    }
  }

  return {
    sent(one, place) {
      const work = about(one, 'sent');
      if (work !== undefined) post(work, { type: 'work.sent', place });
    },
    started(one, place) {
      const work = about(one, 'started');
      if (work !== undefined) post(work, { type: 'work.started', place });
    },
    ended(one, bytes, place) {
      const work = about(one, 'ended');
      if (work === undefined) return;
      work.place = place;
      try {
        take(work, bytes, place);
      } catch (cause) {
        const message = `what the worker said of ${work.name} (${work.taskId}) is no outcome: ${messageOf(cause)}`;
        fail(work, 'internal', new InternalError(message, { actor: work.taskId, cause }), place);
      }
    },
    failed(one, kind, error, place) {
      const work = about(one, 'failed');
      if (work !== undefined) fail(work, kind, error, place);
    },
    stopped(one) {
      const work = about(one, 'stopped');
      if (work !== undefined) post(work, { type: 'work.stopped' });
    },
    progress(one, bytes) {
      const work = live.get(one.taskId);
      if (work !== undefined) progress(named(work), new Uint8Array(bytes));
    },
    output(one, stream, text) {
      const work = live.get(one.taskId);
      if (work !== undefined) output(named(work), stream, text);
    },
  };
}

const named = ({ taskId, request }: LiveWork): Named => ({ id: taskId, correlationId: request.correlationId });

function bytesOf(payload: { readonly bytes: Uint8Array } | { readonly value: unknown }): Uint8Array {
  if ('bytes' in payload) return payload.bytes;
  throw new TypeError('a worker gives bytes');
}
