/**
 * What the driver holds of a task beside its machine: the arguments, the value, the errors. None of it enters a
 * context, an event or the log. A record lives until its task has settled; then a digest is what remains.
 */
import type { Actor } from 'xstate';

import type { FailedInput } from '../machines/model/errors.ts';
import type { Resources } from '../machines/model/resources.ts';
import type { SettledState } from '../machines/model/states.ts';
import type { Place, StoryEvent, TaskDigest } from '../machines/model/story.ts';
import type { TaskMachine } from '../machines/task.ts';
import type { Definition } from './definitions.ts';
import type { ShellSettings } from './executors/port.ts';

/** A task's options, checked and with defaults laid under. */
export interface TaskSettings {
  /** Labels; `undefined`: any executor. */
  readonly executors: readonly string[] | undefined;
  readonly retries: number;
  readonly priority: number;
  readonly resources: Resources;
  readonly timeRequestMs: number | undefined;
  readonly timeLimitMs: number | undefined;
  readonly shell: ShellSettings | undefined;
  /** Paths. */
  readonly outputs: readonly string[];
  readonly key: string | undefined;
}

/** Values of a group of inputs, or what is missing. */
export type Bound<T> = { readonly values: T } | { readonly failed: readonly FailedInput[]; readonly inputs: number };

/** Data with futures inside, as the api hands it over: what to wait for, and how to read it afterwards. */
export interface Inputs<T> {
  /** Live tasks of this troupe; no id twice. */
  readonly sources: readonly string[];
  /** Promises that are not ours; each calls back once, at the earliest in a later turn. */
  readonly foreign: readonly ((onSettled: (ok: boolean) => void) => void)[];
  /** A task among the inputs that has been cancelled. */
  cancelledBy(): string | undefined;
  /** The data with values for futures; only after all have settled. `stand` is put where an input has none. */
  bind(stand?: { readonly value: unknown }): Bound<T>;
}

/** A value, and the size it had when encoded (0 when it was not). */
export interface Arrived {
  readonly value: unknown;
  readonly bytes: number;
}

export type Outcome =
  | { readonly state: 'done'; readonly value: unknown }
  | { readonly state: Exclude<SettledState, 'done'>; readonly error: unknown };

/** A call of a task function, on its way into the graph. */
export interface Submission {
  readonly taskId: string;
  readonly definition: Definition;
  readonly settings: TaskSettings;
  /** The join whose body made the call. */
  readonly parentId: string | undefined;
  readonly args: Inputs<readonly unknown[]>;
  /** Joins: runs the body within the scope of this task. May return a promise of the inputs. */
  body?(args: readonly unknown[], signal: AbortSignal): Inputs<unknown> | Promise<Inputs<unknown>>;
  /** Called once. */
  settle(outcome: Outcome, digest: TaskDigest): void;
}

export interface TaskRecord {
  readonly taskId: string;
  readonly submission: Submission;
  actor: Actor<TaskMachine> | undefined;
  readonly submittedMs: number;
  startedMs: number | undefined;
  place: Place | undefined;
  /** The argument list with values for futures; from `deps.met` on. */
  values: readonly unknown[] | undefined;
  /** The same, encoded at the first try that needs it. */
  encoded: Uint8Array | undefined;
  /** What the current try has brought. */
  arrived: Arrived | undefined;
  /** The error that the task settles with if it fails. */
  error: unknown;
  /** Tail of the console of the try that failed. */
  output: string | undefined;
  /** Set when someone has cancelled it; `by`: the task whose cancellation reached it. */
  cancelled: { readonly reason: unknown; readonly by: string | undefined } | undefined;
  /** Tasks that its body has made and that have not settled; `undefined` until there are any. */
  children: Set<string> | undefined;
  /** Joins: what the body returned, and how it is stopped. */
  joined: Inputs<unknown> | undefined;
  abort: AbortController | undefined;
  /** The last 64 lines; `undefined` before the first. */
  story: StoryEvent[] | undefined;
  progress: unknown;
  /** Some timer was started for it, which may have fired since. */
  hasTimers: boolean;
}

export function taskRecord(submission: Submission, submittedMs: number): TaskRecord {
  return {
    taskId: submission.taskId,
    submission,
    actor: undefined,
    submittedMs,
    startedMs: undefined,
    place: undefined,
    values: undefined,
    encoded: undefined,
    arrived: undefined,
    error: undefined,
    output: undefined,
    cancelled: undefined,
    children: undefined,
    joined: undefined,
    abort: undefined,
    story: undefined,
    progress: undefined,
    hasTimers: false,
  };
}
