/**
 * What executors say of tries becomes events of tasks. A lease fences every report: one that is not of the current
 * try is late, recorded and dropped. Values and errors stay in the record; events carry sizes and digests.
 */
import { failureOf, type Failure } from '../machines/model/failures.ts';
import type { TaskEvent } from '../machines/model/task.ts';
import type { Lease, Payload, TryReport } from './executors/port.ts';
import type { Arrived, TaskRecord } from './records.ts';

export interface ReportsPort {
  readonly records: ReadonlyMap<string, TaskRecord>;
  readonly nowMs: () => number;
  tell(taskId: string, event: TaskEvent): void;
  /** Reads what a try has brought. @throws for bytes that say nothing. */
  decode(payload: Payload): Arrived;
  fact(type: string, data: Readonly<Record<string, unknown>>): void;
  /** Output of a task's console or streams, to be forwarded. */
  output(record: TaskRecord, stream: 'stdout' | 'stderr', text: string): void;
}

export interface Reports {
  report(said: TryReport): void;
  /** Keeps a value for when the task settles, or fails for one that cannot be read. */
  arrive(record: TaskRecord, read: () => Arrived, done: (bytes: number) => void, failed: (failure: Failure) => void): void;
}

export function reports(port: ReportsPort): Reports {
  const { records, tell } = port;

  function arrive(record: TaskRecord, read: () => Arrived, done: (bytes: number) => void, failed: (failure: Failure) => void): void {
    try {
      record.arrived = read();
    } catch (error) {
      record.error = error;
      failed(failureOf('serialization', error, { tryIndex: tryIndexOf(record) }));
      return;
    }
    done(record.arrived.bytes);
  }

  function report(said: TryReport): void {
    const record = records.get(said.taskId);
    if (record === undefined || tryIndexOf(record) !== said.tryIndex) {
      if (said.type !== 'try.stopped') port.fact('try.late', { taskId: said.taskId, tryIndex: said.tryIndex, report: said.type });
      return;
    }
    handlers[said.type](record, said as never);
  }

  const handlers: { readonly [T in TryReport['type']]: (record: TaskRecord, said: Lease & Extract<TryReport, { type: T }>) => void } = {
    'try.launched': ({ taskId }, { tryIndex }) => tell(taskId, { type: 'try.launched', tryIndex }),
    'try.started': (record, { tryIndex, place }) => {
      record.startedMs = port.nowMs();
      record.place = place;
      tell(record.taskId, { type: 'try.started', tryIndex, ...place });
    },
    'try.progress': (record, { progress }) => {
      record.progress = progress;
      port.fact('task.progress', { taskId: record.taskId, name: record.submission.definition.name, progress });
    },
    'try.output': (record, { stream, text }) => port.output(record, stream, text),
    'try.done': (record, { tryIndex, result, place }) => {
      record.place = place ?? record.place;
      arrive(
        record,
        () => port.decode(result),
        (bytes) => tell(record.taskId, { type: 'try.done', tryIndex, bytes }),
        (failure) => tell(record.taskId, { type: 'try.failed', tryIndex, failure }),
      );
    },
    'try.failed': (record, { tryIndex, kind, error, output, place }) => {
      record.place = place ?? record.place;
      record.output = output;
      record.error = readError(error);
      const executor = record.actor?.getSnapshot().context.executor;
      tell(record.taskId, {
        type: 'try.failed',
        tryIndex,
        failure: failureOf(kind, record.error, { tryIndex, ...(executor === undefined ? undefined : { executor }), ...record.place }),
      });
    },
    'try.stopped': ({ taskId }, { tryIndex }) => tell(taskId, { type: 'try.stopped', tryIndex }),
  };

  function readError(error: Payload): unknown {
    try {
      return port.decode(error).value;
    } catch (cause) {
      return cause;
    }
  }

  return { report, arrive };
}

export const tryIndexOf = ({ actor }: TaskRecord): number => actor?.getSnapshot().context.tryIndex ?? 0;
