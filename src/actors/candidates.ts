/** Which executors could run a task, and what to say when none could: asked for routing, and by `future.why()`. */
import { UnroutableError } from '../machines/model/errors.ts';
import type { TaskContext } from '../machines/model/task.ts';
import type { RoutingCandidate } from '../machines/policies/routing/port.ts';
import type { Executor } from './executor.ts';
import type { TaskRecord } from './records.ts';

interface Candidates {
  readonly candidates: readonly RoutingCandidate[];
  /** Label → why it cannot run the task. */
  readonly reasons: Readonly<Record<string, string>>;
}

/** Who could run the task, and why the others could not. */
export function candidatesFor(
  record: TaskRecord,
  { resources }: Pick<TaskContext, 'resources'>,
  executors: ReadonlyMap<string, Executor>,
): Candidates {
  const candidates: RoutingCandidate[] = [];
  const reasons: Record<string, string> = {};
  for (const label of record.submission.settings.executors ?? executors.keys()) {
    const executor = executors.get(label);
    const why = executor === undefined ? 'there is no such executor' : executor.refusal(resources);
    if (executor !== undefined && why === undefined) candidates.push({ label, kind: executor.kind, ...executor.load() });
    else reasons[label] = why ?? '';
  }
  return { candidates, reasons };
}

export function unroutable(
  { submission }: TaskRecord,
  { taskId, name }: TaskContext,
  reasons: Readonly<Record<string, string>>,
): UnroutableError {
  const { executors } = submission.settings;
  const list = Object.entries(reasons).map(([label, why]) => `${label} (${why})`);
  return new UnroutableError(
    `no executor could ever run ${name} (${taskId})${executors === undefined ? '' : `, which asks for ${executors.join(' or ')}`}: ${list.join('; ')}`,
    { taskId, candidates: reasons },
  );
}
