/** Errors that settle a task. */
import type { BlockEnd } from './blocks.ts';
import { messageOf } from './failures.ts';
import { causeOf, TroupeError, type WithCause } from './general-errors.ts';

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
    details: {
      readonly taskId: string;
      readonly tryIndex?: number;
      readonly identity: string;
      readonly moduleUrl: string;
      readonly known: readonly string[];
    } & WithCause,
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
  /** From the first failed input to the root cause: `simulate (t3) ← lines (t1)`; the middle of a long one is `…`. */
  readonly path: readonly string[];
  constructor(what: string, details: { readonly taskId: string; readonly name: string; readonly causes: readonly FailedInput[] }) {
    const { root, path } = rootOf(details.causes);
    const others = details.causes.length - 1;
    const text = root instanceof Error ? `${root.name}: ${root.message}` : messageOf(root);
    super(
      `${details.name} (${details.taskId}) ${what} ${path.join(' ← ')}${others > 0 ? ` (and ${others} other${others > 1 ? 's' : ''})` : ''}: ${text}`,
      {
        taskId: details.taskId,
        cause: root,
      },
    );
    this.causes = details.causes;
    this.path = path;
    // where troupe made it says nothing; where the root cause came from does, and `cause` has it
    this.stack = `${new.target.name}: ${this.message}`;
  }

  /** Printed: what was not run and why, then the root cause, rather than every nested cause. */
  [Symbol.for('nodejs.util.inspect.custom')](
    _depth: number,
    options: object,
    inspect: (value: unknown, options: object) => string,
  ): string {
    return `${this.stack}\n  [cause]: ${inspect(this.cause, options).replaceAll('\n', '\n  ')}`;
  }
}

/** Follows first entries through nested propagated errors. Source: Parsl, `parsl/dataflow/errors.py`. */
function rootOf(causes: readonly FailedInput[]): { readonly root: unknown; readonly path: readonly string[] } {
  const first = causes[0];
  if (first === undefined) return { root: undefined, path: [] };
  const step = first.name === undefined ? first.source : `${first.name} (${first.source})`;
  if (first.error instanceof PropagatedError) return { root: first.error.cause, path: shortened([step, ...first.error.path]) };
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
  constructor(
    message: string,
    details: { readonly taskId: string; readonly tryIndex?: number; readonly hostname: string; readonly blockId?: string } & WithCause,
  ) {
    super(message, details);
    this.hostname = details.hostname;
    this.blockId = details.blockId;
  }
}

/** The manager that had the try is gone, or its block: killed, cut off, pre-empted, over its walltime. */
export class NodeLostError extends TaskError {
  override readonly name = 'NodeLostError';
  readonly code = 'ERR_NODE_LOST';
  readonly hostname: string;
  readonly blockId: string;
  /** How the block has ended; `undefined` while it has not. */
  readonly end: BlockEnd | undefined;
  constructor(
    message: string,
    details: {
      readonly taskId: string;
      readonly tryIndex?: number;
      readonly hostname: string;
      readonly blockId: string;
      readonly end?: BlockEnd | undefined;
    } & WithCause,
  ) {
    super(message, details);
    this.hostname = details.hostname;
    this.blockId = details.blockId;
    this.end = details.end;
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
    details: {
      readonly taskId: string;
      readonly tryIndex?: number;
      readonly side: 'arguments' | 'result' | 'error';
      readonly path: string;
    } & WithCause,
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
  constructor(
    message: string,
    details: { readonly taskId: string; readonly tryIndex?: number; readonly candidates: Readonly<Record<string, string>> },
  ) {
    super(message, details);
    this.candidates = details.candidates;
  }
}

const PATH_ENDS = 8;

/** Both ends of a long path: every error of a long chain has one, and each would be as long as its chain. */
const shortened = (path: readonly string[]): readonly string[] =>
  path.length > 2 * PATH_ENDS ? [...path.slice(0, PATH_ENDS), '…', ...path.slice(1 - PATH_ENDS)] : path;
