/** Why a task is where it is: what it waits for, what each executor says, what a failure goes back to. */
import type { Outcome, TaskRecord } from '../actors/records.ts';
import { candidatesFor } from '../actors/candidates.ts';
import type { OpenTroupe } from '../actors/troupe.ts';
import { DependencyError, JoinError } from '../machines/model/errors.ts';
import { failureOf } from '../machines/model/failures.ts';
import type { TaskState } from '../machines/model/states.ts';
import type { TaskContext } from '../machines/model/task.ts';
import type { Waiting } from './views.ts';

type Explainer = (open: OpenTroupe, record: TaskRecord, context: TaskContext) => Omit<Waiting, 'state'>;

export function explain(open: OpenTroupe, taskId: string, outcome: Outcome | undefined): Waiting {
  const record = open.dataflow.records.get(taskId);
  if (outcome !== undefined)
    return { state: outcome.state, for: [], ...(outcome.state === 'done' ? undefined : { because: rootFirst(outcome.error) }) };
  const snapshot = record?.actor?.getSnapshot();
  if (record === undefined || snapshot === undefined) return { state: 'pending', for: [] };
  const state: TaskState = snapshot.value;
  return { state, ...(explainers[state] ?? inputs)(open, record, snapshot.context) };
}

const inputs: Explainer = (open, { taskId }) => {
  const sources = open.dataflow.waitingFor(taskId).map((id) => {
    const source = open.dataflow.records.get(id);
    return source === undefined
      ? `a promise (${id})`
      : `${source.submission.definition.name} (${id}), ${source.actor?.getSnapshot().value ?? 'pending'}`;
  });
  return { for: sources };
};

const place: Explainer = (_, { place: at }, { executor, tryIndex }) => ({
  for: [],
  because: `try ${tryIndex} on ${executor ?? 'no executor'}${at === undefined ? '' : `, worker ${at.worker} of ${at.host}`}`,
});

const explainers: Partial<Record<TaskState, Explainer>> = {
  pending: inputs,
  joining: inputs,
  queued(open, record, context) {
    const { executor: label, tryIndex } = context;
    const executor = label === undefined ? undefined : open.executors.get(label);
    const { candidates, reasons } = candidatesFor(record, context, open.executors);
    const others = [
      ...candidates.filter((other) => other.label !== label).map((other) => `${other.label}: could run it; ${label} was chosen`),
      ...Object.entries(reasons).map(([other, why]) => `${other}: ${why}`),
    ];
    return { for: [`${label ?? 'no executor'}: ${executor?.why({ taskId: record.taskId, tryIndex }) ?? 'its queue'}`, ...others] };
  },
  launched: place,
  running: place,
  stopping: (open, record, context) => ({
    for: [`the end of ${place(open, record, context).because ?? ''}`],
    because: context.stopCause === 'cancel' ? 'it was cancelled' : 'its time limit has passed',
  }),
  retrying: (_, __, { failures, decision, tryIndex }) => ({
    for: [`try ${tryIndex + 1}, after a back-off of ${decision?.again === true ? (decision.afterMs ?? 0) : 0} ms`],
    because: failures.at(-1)?.message ?? '',
  }),
};

/** An error as a line of text; anything can be thrown, even what cannot be printed. */
export function textOf(error: unknown): string {
  const { name, message } = failureOf('app', error, { tryIndex: 0 });
  return error instanceof Error ? `${name}: ${message}` : message;
}

/** The root cause, then the way it came. */
function rootFirst(error: unknown): string {
  if (error instanceof DependencyError || error instanceof JoinError)
    return `${textOf(error.cause)}, in ${error.path.toReversed().join(' → ')}`;
  return textOf(error);
}
