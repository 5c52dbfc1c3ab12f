/** What comes out of a task: the value or error its Future settles with, and the digest that remains. */
import { CancelledError, TimeLimitError, WorkerLostError } from '../machines/model/errors.ts';
import { failureOf, POISON_WORKERS } from '../machines/model/failures.ts';
import type { SettledState } from '../machines/model/states.ts';
import { KEPT_SOURCES, type TaskDigest } from '../machines/model/story.ts';
import type { TaskContext } from '../machines/model/task.ts';
import type { Outcome, TaskRecord } from './records.ts';

/** What a Future is told. */
export function outcomeOf(state: SettledState, record: TaskRecord, context: TaskContext): Outcome {
  if (state === 'done') return { state, value: record.arrived?.value };
  return { state, error: errorOf(state, record, context) };
}

/** What a try, its body and its children are told. */
export function reasonToStop({ cancelled }: TaskRecord, context: TaskContext): unknown {
  const last = context.failures.at(-1);
  return cancelled === undefined && last?.kind === 'timeLimit' ? overTime(context, last.message) : cancelled?.reason;
}

const overTime = ({ taskId, name, tryIndex, timeLimitMs }: TaskContext, message: string): TimeLimitError =>
  new TimeLimitError(`${name} (${taskId}) ${message}`, { taskId, tryIndex, limitMs: timeLimitMs ?? 0 });

function errorOf(state: SettledState, record: TaskRecord, context: TaskContext): unknown {
  const { taskId, name, tryIndex, lostWorkers } = context;
  if (state === 'cancelled') {
    const { reason, by } = record.cancelled ?? {};
    const said = reason === undefined ? undefined : failureOf('cancelled', reason, { tryIndex }).message;
    return new CancelledError(
      `${name} (${taskId}) was cancelled${by === undefined ? '' : ` with ${by}`}${said === undefined ? '' : `: ${said}`}`,
      { taskId, tryIndex, reason },
    );
  }
  const last = context.failures.at(-1);
  if (last?.kind === 'timeLimit') return overTime(context, last.message);
  if (last?.kind === 'workerLost' && lostWorkers.length >= POISON_WORKERS) {
    return new WorkerLostError(
      `${name} (${taskId}) has taken down ${lostWorkers.length} workers (${lostWorkers.join(', ')}) and is not tried again`,
      {
        taskId,
        tryIndex,
        hostname: record.place?.host ?? '',
        cause: record.error,
      },
    );
  }
  return withOutput(record.error, record.output);
}

/** The last words of the console go on the error, unless it has something of that name. */
function withOutput(error: unknown, output: string | undefined): unknown {
  if (output !== undefined && output !== '' && error instanceof Error && Object.isExtensible(error) && !('output' in error)) {
    Object.defineProperty(error, 'output', { value: output, enumerable: false, configurable: true });
  }
  return error;
}

/** What remains of a task. Fields without a value are left out: a digest is a line of the log. */
export function digestOf(state: SettledState, record: TaskRecord, context: TaskContext, settledMs: number): TaskDigest {
  const { submission, submittedMs, startedMs, place, arrived } = record;
  const { definition, settings, parentId, args } = submission;
  const { executor } = context;
  const digest: Writable<TaskDigest> = {
    taskId: context.taskId,
    name: context.name,
    identity: definition.identity,
    kind: definition.kind,
    state,
    dependsOn: args.sources.length > KEPT_SOURCES ? args.sources.slice(0, KEPT_SOURCES) : args.sources,
    inputs: args.sources.length,
    tries: executor === undefined ? 0 : context.tryIndex + 1,
    submittedMs,
    settledMs,
  };
  if (parentId !== undefined) digest.parentId = parentId;
  if (startedMs !== undefined) digest.startedMs = startedMs;
  if (executor !== undefined) digest.executor = executor;
  if (place !== undefined) digest.place = place;
  if (settings.timeRequestMs !== undefined) digest.timeRequestMs = settings.timeRequestMs;
  if (settings.key !== undefined) digest.key = settings.key;
  const failure = context.failures.at(-1);
  if (failure !== undefined) digest.failure = failure;
  if (state === 'done' && arrived !== undefined) digest.bytes = arrived.bytes;
  return digest;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
