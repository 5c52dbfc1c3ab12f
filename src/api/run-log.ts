/** The event log of a troupe: what is written in its folder when `runDir` is set, and what to say when it is not. */
import { openEventLog, type EventLog } from '../actors/event-log.ts';
import type { ExecutorPlugin } from '../actors/executors/port.ts';
import { KEPT_DIGESTS } from '../actors/recorder.ts';
import type { StoryEvent } from '../machines/model/story.ts';
import { taskMachine } from '../machines/task.ts';
import type { CheckedConfig, MachineLike } from './config.ts';

/**
 * @returns `undefined` without `runDir`: nothing is written.
 * @throws ConfigError when the folder of the run cannot be made.
 */
export async function openRunLog(config: CheckedConfig, executors: readonly ExecutorPlugin[]): Promise<EventLog | undefined> {
  const { runDir, name, runId, log: level, clock, policies, machines } = config;
  if (runDir === undefined) return undefined;
  const { retry, routing, dependency } = policies;
  return openEventLog({
    runDir,
    name,
    runId,
    level,
    clock,
    config: {
      executors: executors.map(({ label, kind }) => ({ label, kind })),
      policies: { retry: String(retry.name), routing: String(routing.name), dependency: String(dependency.name) },
      replaced: machines.task === undefined ? [] : replacedIn(taskMachine, machines.task),
    },
  });
}

type Implementations = Readonly<Record<'guards' | 'actions' | 'delays', Readonly<Record<string, unknown>>>>;

/** Members that are not the published ones: `task.guards.shouldRetry`. */
function replacedIn(base: MachineLike, given: MachineLike): readonly string[] {
  const ours = base.implementations as Implementations;
  const theirs = given.implementations as Implementations;
  return (['guards', 'actions', 'delays'] as const).flatMap((kind) =>
    Object.keys(theirs[kind])
      .filter((name) => theirs[kind][name] !== ours[kind][name])
      .map((name) => `${base.id}.${kind}.${name}`),
  );
}

/** The story of a task that settled too long ago to be remembered: what to do about it. */
export function forgottenStory(
  taskId: string,
  state: string,
  atMs: number,
  { runDir, log }: { readonly runDir: string | undefined; readonly log: CheckedConfig['log'] },
): readonly StoryEvent[] {
  const hint =
    runDir !== undefined && log === 'full'
      ? `read it with storyOf(readLog('${runDir}'), '${taskId}') of troupe/monitoring`
      : `to keep every story, start the troupe with ${runDir === undefined ? "runDir: '<folder>' and " : ''}log: 'full'`;
  const event = { type: 'story.forgotten', hint: `only the last ${KEPT_DIGESTS} settled tasks are remembered; ${hint}` };
  return [{ seq: 0, atMs, type: event.type, taskId, from: state, to: state, causeId: 0, event }];
}
