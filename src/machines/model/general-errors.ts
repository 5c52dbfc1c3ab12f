/** The root of all errors, and those that concern no single task. `errors.ts` has them all. */
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
  | 'ERR_NODE_LOST'
  | 'ERR_SERIALIZATION'
  | 'ERR_UNROUTABLE'
  | 'ERR_SHELL_EXIT'
  | 'ERR_SHELL_START'
  | 'ERR_SHELL_COMMAND'
  | 'ERR_SHELL_OUTPUT'
  | 'ERR_STREAM_FILE'
  | 'ERR_MISSING_OUTPUTS'
  | 'ERR_SUBMIT_REFUSED'
  | 'ERR_WORK'
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

/** Details of an error that may have a cause. */
export type WithCause = { readonly cause?: unknown };
/** What `super` takes. */
export const causeOf = (details: WithCause | undefined): ErrorOptions | undefined =>
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
  constructor(
    message: string,
    details: {
      readonly name: string;
      readonly stack?: string | undefined;
      readonly fields?: Readonly<Record<string, unknown>>;
    } & WithCause,
  ) {
    super(message, causeOf(details));
    this.name = details.name;
    this.fields = details.fields ?? {};
    if (details.stack !== undefined) this.stack = details.stack;
  }
}
