/**
 * Where everything that happens passes: macrosteps into the stories of live tasks, digests of settled tasks into a
 * ring, and all of it to whoever listens: the event log, `troupe.on`, later the viewer. Nothing here holds values.
 */
import { ring } from '../machines/model/ring.ts';
import { STORY_LENGTH, type StoryEvent, type TaskDigest } from '../machines/model/story.ts';
import type { TaskRecord } from './records.ts';
import type { DeadLetter, Spawned, Step } from './spawn.ts';

/** Settled tasks that are remembered without an event log. */
export const KEPT_DIGESTS = 10_000;

/** Something that happened, other than a macrostep. */
export interface Fact {
  readonly type: string;
  readonly atMs: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Told of everything, in order. Must not throw. */
export interface Listener {
  /** Every macrostep of every actor; absent for those who need only facts. */
  step?(step: Step, atMs: number): void;
  /** These three are for those who want steps. */
  spawned?(spawned: Spawned, atMs: number): void;
  stopped?(stopped: Pick<Spawned, 'actorId' | 'causeId'>, atMs: number): void;
  deadLetter?(letter: DeadLetter, atMs: number): void;
  fact(fact: Fact): void;
  settled(digest: TaskDigest): void;
}

export interface Recorder {
  step(step: Step): void;
  spawned(spawned: Spawned): void;
  stopped(stopped: Pick<Spawned, 'actorId' | 'causeId'>): void;
  deadLetter(letter: DeadLetter): void;
  fact(type: string, data: Readonly<Record<string, unknown>>): void;
  settled(digest: TaskDigest): void;
  digest(taskId: string): TaskDigest | undefined;
  add(listener: Listener): () => void;
}

export function recorder(nowMs: () => number, recordOf: (taskId: string) => TaskRecord | undefined): Recorder {
  const digests = ring<TaskDigest>(KEPT_DIGESTS);
  let listeners: readonly Listener[] = [];
  let watchers: readonly Listener[] = []; // those who want steps
  const refresh = (next: readonly Listener[]): void => {
    listeners = next;
    watchers = next.filter(({ step }) => step !== undefined);
  };

  return {
    step(step) {
      const atMs = nowMs();
      const record = recordOf(step.actorId);
      if (record !== undefined) tellStory(record, step, atMs);
      for (const watcher of watchers) watcher.step?.(step, atMs);
    },
    spawned(spawned) {
      for (const watcher of watchers) watcher.spawned?.(spawned, nowMs());
    },
    stopped(stopped) {
      for (const watcher of watchers) watcher.stopped?.(stopped, nowMs());
    },
    deadLetter(letter) {
      for (const watcher of watchers) watcher.deadLetter?.(letter, nowMs());
    },
    fact(type, data) {
      const fact = { type, atMs: nowMs(), data };
      for (const listener of listeners) listener.fact(fact);
    },
    settled(digest) {
      digests.set(digest.taskId, digest);
      for (const listener of listeners) listener.settled(digest);
    },
    digest: (taskId) => digests.get(taskId),
    add(listener) {
      refresh([...listeners, listener]);
      return () => refresh(listeners.filter((other) => other !== listener));
    },
  };
}

function tellStory(record: TaskRecord, { seq, causeId, event, from, to }: Step, atMs: number): void {
  const { taskId } = record;
  const line = { seq, atMs, type: event.type, taskId, from, to, causeId, event };
  const { story } = record;
  if (story === undefined) record.story = [line];
  else if (story.push(line) > STORY_LENGTH) story.shift();
}

/** The story of a settled task, from its digest. */
export function digestStory({
  taskId,
  submittedMs,
  startedMs,
  settledMs,
  state,
  failure,
  place,
  executor,
  tries,
}: TaskDigest): readonly StoryEvent[] {
  const line = (atMs: number, type: string, from: string, to: string, data: Readonly<Record<string, unknown>>): StoryEvent => ({
    seq: 0,
    atMs,
    type,
    taskId,
    from,
    to,
    causeId: 0,
    event: { type, ...data },
  });
  return [
    line(submittedMs, 'task.submitted', '', 'pending', {}),
    ...(startedMs === undefined ? [] : [line(startedMs, 'try.started', 'queued', 'running', { ...place, executor, tryIndex: tries - 1 })]),
    line(settledMs, 'task.settled', startedMs === undefined ? 'pending' : 'running', state, {
      tries,
      ...(failure === undefined ? undefined : { failure }),
    }),
  ];
}
