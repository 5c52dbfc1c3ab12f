/**
 * Every error this library throws or rejects with. Facts are fields, messages are sentences that name the
 * ids and the way out, and nothing is ever decided by parsing a message.
 */
const brand: unique symbol = Symbol.for('troupe.error') as never;

/** The codes of {@link TroupeError}s; `docs/errors.md` has a row for each. */
export type ErrorCode =
  | 'ERR_CONFIG'
  | 'ERR_NO_TROUPE'
  | 'ERR_CLOSED'
  | 'ERR_DEFINITION'
  | 'ERR_TASK_NOT_FOUND'
  | 'ERR_DEPENDENCY'
  | 'ERR_JOIN'
  | 'ERR_TIME_LIMIT'
  | 'ERR_CANCELLED'
  | 'ERR_WORKER_LOST'
  | 'ERR_SERIALIZATION'
  | 'ERR_UNROUTABLE'
  | 'ERR_SHELL_EXIT'
  | 'ERR_SHELL_START'
  | 'ERR_SHELL_COMMAND'
  | 'ERR_SHELL_OUTPUT'
  | 'ERR_STREAM_FILE'
  | 'ERR_MISSING_OUTPUTS'
  | 'ERR_EXECUTOR'
  | 'ERR_INTERNAL'
  | 'ERR_INVALID_TRANSITION'
  | 'ERR_EVENT_LOG'
  | 'ERR_REMOTE';

/** Root of every error this library throws or rejects with; walk `cause` for the chain. */
export abstract class TroupeError extends Error {
  abstract readonly code: ErrorCode;
  /** Works across realms and duplicate installs. */
  static is(value: unknown): value is TroupeError {
    return typeof value === 'object' && value !== null && brand in value;
  }
}
Object.defineProperty(TroupeError.prototype, brand, { value: true });

type WithCause = { readonly cause?: unknown };
const causeOf = (details: WithCause | undefined): ErrorOptions | undefined =>
  details !== undefined && 'cause' in details ? { cause: details.cause } : undefined;

/** A configuration, an option or a call is wrong; `field` is the path to what is. */
export class ConfigError extends TroupeError {
  override readonly name = 'ConfigError';
  readonly code = 'ERR_CONFIG';
  readonly field: string;
  readonly value: unknown;
  constructor(message: string, details: { readonly field: string; readonly value?: unknown } & WithCause) {
    super(message, causeOf(details));
    this.field = details.field;
    this.value = details.value;
  }
}

/** A task function was called where no troupe, or more than one, could be meant. */
export class NoTroupeError extends TroupeError {
  override readonly name = 'NoTroupeError';
  readonly code = 'ERR_NO_TROUPE';
  /** Names of the open troupes that could have been meant. */
  readonly candidates: readonly string[];
  constructor(message: string, details: { readonly candidates: readonly string[] }) {
    super(message);
    this.candidates = details.candidates;
  }
}

/** The troupe takes no new tasks: it is closing, or closed. */
export class ClosedError extends TroupeError {
  override readonly name = 'ClosedError';
  readonly code = 'ERR_CLOSED';
  readonly troupe: string;
  constructor(message: string, details: { readonly troupe: string }) {
    super(message);
    this.troupe = details.troupe;
  }
}

/** A task function was defined in a way that cannot work, or twice under one identity. */
export class DefinitionError extends TroupeError {
  override readonly name = 'DefinitionError';
  readonly code = 'ERR_DEFINITION';
  /** Package name, path within it and task name; as far as they are known. */
  readonly identity: string;
  constructor(message: string, details: { readonly identity: string } & WithCause) {
    super(message, causeOf(details));
    this.identity = details.identity;
  }
}

/** What every error that settles a task has in common. */
export abstract class TaskError extends TroupeError {
  readonly taskId: string;
  /** From 0; `undefined` when no try was made. */
  readonly tryIndex: number | undefined;
  constructor(message: string, details: { readonly taskId: string; readonly tryIndex?: number | undefined } & WithCause) {
    super(message, causeOf(details));
    this.taskId = details.taskId;
    this.tryIndex = details.tryIndex;
  }
}

/** A worker imported the module of a task function and did not find the function there. */
export class TaskNotFoundError extends TaskError {
  override readonly name = 'TaskNotFoundError';
  readonly code = 'ERR_TASK_NOT_FOUND';
  readonly identity: string;
  readonly moduleUrl: string;
  /** Identities that were known when the module had been imported. */
  readonly known: readonly string[];
  constructor(
    message: string,
    details: { readonly taskId: string; readonly tryIndex?: number; readonly identity: string; readonly moduleUrl: string; readonly known: readonly string[] } & WithCause,
  ) {
    super(message, details);
    this.identity = details.identity;
    this.moduleUrl = details.moduleUrl;
    this.known = details.known;
  }
}

/** One failed input of a {@link DependencyError} or {@link JoinError}. */
export interface FailedInput {
  /** Task id, or a description of a promise that is not ours. */
  readonly source: string;
  /** Name of the task function; `undefined` for a promise that is not ours. */
  readonly name: string | undefined;
  readonly error: unknown;
}

abstract class PropagatedError extends TaskError {
  /** Every failed input, in the order of the arguments. */
  readonly causes: readonly FailedInput[];
  /** From the first failed input to the root cause: `simulate (t3) ← lines (t1)`. */
  readonly path: readonly string[];
  constructor(what: string, details: { readonly taskId: string; readonly name: string; readonly causes: readonly FailedInput[] }) {
    const { root, path } = rootOf(details.causes);
    const others = details.causes.length - 1;
    const text = root instanceof Error ? `${root.name}: ${root.message}` : String(root);
    super(`${details.name} (${details.taskId}) ${what} ${path.join(' ← ')}${others > 0 ? ` (and ${others} other${others > 1 ? 's' : ''})` : ''}: ${text}`, {
      taskId: details.taskId,
      cause: root,
    });
    this.causes = details.causes;
    this.path = path;
  }
}

/** Follows first entries through nested propagated errors. Source: Parsl, `parsl/dataflow/errors.py`. */
function rootOf(causes: readonly FailedInput[]): { readonly root: unknown; readonly path: readonly string[] } {
  const first = causes[0];
  if (first === undefined) return { root: undefined, path: [] };
  const step = first.name === undefined ? first.source : `${first.name} (${first.source})`;
  if (first.error instanceof PropagatedError) return { root: first.error.cause, path: [step, ...first.error.path] };
  return { root: first.error, path: [step] };
}

/** A task was not run because what it depends on failed; `cause` is the root of the first failed input. */
export class DependencyError extends PropagatedError {
  override readonly name = 'DependencyError';
  readonly code = 'ERR_DEPENDENCY';
  constructor(details: { readonly taskId: string; readonly name: string; readonly causes: readonly FailedInput[] }) {
    super('was not run, because of', details);
  }
}

/** A task that a join returned has failed; `cause` is the root of the first one. */
export class JoinError extends PropagatedError {
  override readonly name = 'JoinError';
  readonly code = 'ERR_JOIN';
  constructor(details: { readonly taskId: string; readonly name: string; readonly causes: readonly FailedInput[] }) {
    super('joined what failed:', details);
  }
}

/** The task ran longer than its `timeLimitMs` and was stopped. */
export class TimeLimitError extends TaskError {
  override readonly name = 'TimeLimitError';
  readonly code = 'ERR_TIME_LIMIT';
  readonly limitMs: number;
  constructor(message: string, details: { readonly taskId: string; readonly tryIndex?: number; readonly limitMs: number }) {
    super(message, details);
    this.limitMs = details.limitMs;
  }
}

/** The task was cancelled; `reason` is what was given to `cancel()` or `abort()`. */
export class CancelledError extends TaskError {
  override readonly name = 'CancelledError';
  readonly code = 'ERR_CANCELLED';
  readonly reason: unknown;
  constructor(message: string, details: { readonly taskId: string; readonly tryIndex?: number; readonly reason?: unknown }) {
    super(message, details);
    this.reason = details.reason;
  }
}

/** The worker that ran the task ended before the task did. */
export class WorkerLostError extends TaskError {
  override readonly name = 'WorkerLostError';
  readonly code = 'ERR_WORKER_LOST';
  readonly hostname: string;
  readonly blockId: string | undefined;
  constructor(message: string, details: { readonly taskId: string; readonly tryIndex?: number; readonly hostname: string; readonly blockId?: string } & WithCause) {
    super(message, details);
    this.hostname = details.hostname;
    this.blockId = details.blockId;
  }
}

/** A value cannot cross to or from a worker; `path` leads to it from the argument list or the result. */
export class SerializationError extends TaskError {
  override readonly name = 'SerializationError';
  readonly code = 'ERR_SERIALIZATION';
  readonly side: 'arguments' | 'result' | 'error';
  /** For example `args[0].options.onDone`. */
  readonly path: string;
  constructor(
    message: string,
    details: { readonly taskId: string; readonly tryIndex?: number; readonly side: 'arguments' | 'result' | 'error'; readonly path: string } & WithCause,
  ) {
    super(message, details);
    this.side = details.side;
    this.path = details.path;
  }
}

/** No executor could ever run the task; `candidates` says why for each. */
export class UnroutableError extends TaskError {
  override readonly name = 'UnroutableError';
  readonly code = 'ERR_UNROUTABLE';
  /** Executor label → reason. */
  readonly candidates: Readonly<Record<string, string>>;
  constructor(message: string, details: { readonly taskId: string; readonly tryIndex?: number; readonly candidates: Readonly<Record<string, string>> }) {
    super(message, details);
    this.candidates = details.candidates;
  }
}

/** A shell command ended with a code that is not 0, or by a signal. */
export class ShellExitError extends TaskError {
  override readonly name = 'ShellExitError';
  readonly code = 'ERR_SHELL_EXIT';
  readonly command: string;
  /** `undefined` when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** At most the last 4 kB of each stream; empty when the stream went to a file. */
  readonly stdout: string;
  readonly stderr: string;
  constructor(
    message: string,
    details: {
      readonly taskId: string;
      readonly tryIndex?: number;
      readonly command: string;
      readonly exitCode?: number | undefined;
      readonly signal?: string | undefined;
      readonly stdout: string;
      readonly stderr: string;
    },
  ) {
    super(message, details);
    this.command = details.command;
    this.exitCode = details.exitCode;
    this.signal = details.signal;
    this.stdout = details.stdout;
    this.stderr = details.stderr;
  }
}

/** A shell command could not be started at all. */
export class ShellStartError extends TaskError {
  override readonly name = 'ShellStartError';
  readonly code = 'ERR_SHELL_START';
  readonly command: string;
  constructor(message: string, details: { readonly taskId: string; readonly tryIndex?: number; readonly command: string } & WithCause) {
    super(message, details);
    this.command = details.command;
  }
}

/** The body of a shell task returned something that is not a command. */
export class ShellCommandError extends TaskError {
  override readonly name = 'ShellCommandError';
  readonly code = 'ERR_SHELL_COMMAND';
}

/** A shell command wrote more to a stream that is kept in memory than may be kept, and was stopped. */
export class ShellOutputError extends TaskError {
  override readonly name = 'ShellOutputError';
  readonly code = 'ERR_SHELL_OUTPUT';
  readonly stream: 'stdout' | 'stderr';
  readonly limitBytes: number;
  constructor(message: string, details: { readonly taskId: string; readonly tryIndex?: number; readonly stream: 'stdout' | 'stderr'; readonly limitBytes: number }) {
    super(message, details);
    this.stream = details.stream;
    this.limitBytes = details.limitBytes;
  }
}

/** A file for stdout or stderr could not be opened. */
export class StreamFileError extends TaskError {
  override readonly name = 'StreamFileError';
  readonly code = 'ERR_STREAM_FILE';
  readonly stream: 'stdout' | 'stderr';
  readonly path: string;
  constructor(message: string, details: { readonly taskId: string; readonly tryIndex?: number; readonly stream: 'stdout' | 'stderr'; readonly path: string } & WithCause) {
    super(message, details);
    this.stream = details.stream;
    this.path = details.path;
  }
}

/** The task ended well, yet files that it declared as outputs are not there. */
export class MissingOutputsError extends TaskError {
  override readonly name = 'MissingOutputsError';
  readonly code = 'ERR_MISSING_OUTPUTS';
  /** Paths, in the order of the declaration. */
  readonly outputs: readonly string[];
  constructor(message: string, details: { readonly taskId: string; readonly tryIndex?: number; readonly outputs: readonly string[] }) {
    super(message, details);
    this.outputs = details.outputs;
  }
}

/** The executor is in its bad state, stopped, or could not start. */
export class ExecutorError extends TroupeError {
  override readonly name = 'ExecutorError';
  readonly code = 'ERR_EXECUTOR';
  readonly label: string;
  constructor(message: string, details: { readonly label: string } & WithCause) {
    super(message, causeOf(details));
    this.label = details.label;
  }
}

/** An actor of troupe itself has failed: a defect. What it owed was settled with this error. */
export class InternalError extends TroupeError {
  override readonly name = 'InternalError';
  readonly code = 'ERR_INTERNAL';
  /** Id of the actor. */
  readonly actor: string;
  constructor(message: string, details: { readonly actor: string } & WithCause) {
    super(message, causeOf(details));
    this.actor = details.actor;
  }
}

/** A machine was told what it cannot be told in its state: a defect, with the story that led there. */
export class InvalidTransitionError extends TroupeError {
  override readonly name = 'InvalidTransitionError';
  readonly code = 'ERR_INVALID_TRANSITION';
  readonly machine: string;
  readonly state: string;
  readonly event: string;
  constructor(message: string, details: { readonly machine: string; readonly state: string; readonly event: string }) {
    super(message);
    this.machine = details.machine;
    this.state = details.state;
    this.event = details.event;
  }
}

/** An event log cannot be read, or does not say what was asked of it. */
export class EventLogError extends TroupeError {
  override readonly name = 'EventLogError';
  readonly code = 'ERR_EVENT_LOG';
  readonly path: string;
  constructor(message: string, details: { readonly path: string } & WithCause) {
    super(message, causeOf(details));
    this.path = details.path;
  }
}

/** An error of a class that this process does not know; keeps its name, message, stack and fields. */
export class RemoteError extends TroupeError {
  override readonly name: string;
  readonly code = 'ERR_REMOTE';
  /** Own enumerable fields of the original. */
  readonly fields: Readonly<Record<string, unknown>>;
  constructor(message: string, details: { readonly name: string; readonly stack?: string | undefined; readonly fields?: Readonly<Record<string, unknown>> } & WithCause) {
    super(message, causeOf(details));
    this.name = details.name;
    this.fields = details.fields ?? {};
    if (details.stack !== undefined) this.stack = details.stack;
  }
}
