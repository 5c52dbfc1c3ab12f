/** What is seen of the run: a list of tasks and tries that grows with the troupe's events. Only this file knows those. */
import type { Failure, SettledState, Troupe } from 'troupe';

export interface SeenTry {
  readonly startMs: number;
  readonly worker: string;
  endMs: number | undefined;
  /** Why it failed. */
  failure: string | undefined;
}

/** A task with its tries; times are milliseconds since the first task. */
export interface SeenTask {
  readonly name: string;
  readonly kind: 'function' | 'shell' | 'join';
  readonly submittedMs: number;
  readonly tries: SeenTry[];
  settledMs: number | undefined;
  outcome: SettledState | undefined;
}

/** The events of one task that matter here. */
type TaskEvent =
  | { readonly type: 'task.submitted'; readonly taskId: string; readonly name: string; readonly kind: SeenTask['kind'] }
  | { readonly type: 'try.started'; readonly worker?: string }
  | { readonly type: 'try.done' | 'join.done' }
  | { readonly type: 'try.failed' | 'join.failed'; readonly failure: Failure };

/**
 * @param tell - Gets a line about each try that is to be made again.
 * @returns A live list, in the order in which the tasks were made.
 */
export function recordTasks(troupe: Troupe, tell: (line: string) => void): readonly SeenTask[] {
  const tasks = new Map<string, SeenTask>();
  const list: SeenTask[] = [];
  let firstMs: number | undefined;

  troupe.on('step', ({ atMs, actorId, event }) => {
    const seen = event as TaskEvent;
    const now = atMs - (firstMs ?? atMs);
    if (seen.type === 'task.submitted') {
      firstMs ??= atMs;
      const task: SeenTask = { name: seen.name, kind: seen.kind, submittedMs: now, tries: [], settledMs: undefined, outcome: undefined };
      tasks.set(seen.taskId, task);
      list.push(task);
      return;
    }
    const task = tasks.get(actorId);
    if (task === undefined) return;
    if (seen.type === 'try.started')
      task.tries.push({ startMs: now, worker: seen.worker ?? 'driver', endMs: undefined, failure: undefined });
    const last = task.tries.at(-1);
    if (last === undefined) return;
    // the body of a join is soon done; the task ends with what it waits for
    if (seen.type === 'join.done' || (seen.type === 'try.done' && task.kind !== 'join')) last.endMs = now;
    if (seen.type === 'try.failed' || seen.type === 'join.failed') Object.assign(last, { endMs: now, failure: seen.failure.message });
  });
  troupe.on('task.settled', ({ taskId, state, settledMs }) => {
    const task = tasks.get(taskId);
    if (task !== undefined) Object.assign(task, { settledMs: settledMs - (firstMs ?? settledMs), outcome: state });
  });
  troupe.on('retry.decided', ({ tryIndex, again, afterMs, failure }) => {
    tell(`${failure.message.split('\n')[0]}; ${again ? `try ${tryIndex + 2} in ${Math.round(afterMs)} ms` : 'not tried again'}`);
  });
  return list;
}
