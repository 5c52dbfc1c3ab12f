/**
 * The promise of a task's result. A class of its own, assignable to `Promise<T>`: it makes an inner promise only
 * when somebody asks, so a failure that nobody reads raises nothing.
 */
import type { Outcome } from '../actors/records.ts';
import type { FailureKind } from '../machines/model/failures.ts';
import type { TaskState } from '../machines/model/states.ts';
import type { StoryEvent } from '../machines/model/story.ts';
import type { Eventual } from './arguments.ts';
import type { File } from './file.ts';
import type { CoreView, FutureCore } from './future-core.ts';
import type { TaskActor, Waiting } from './views.ts';

/** How a task failed, beside its error. */
export interface FutureFailure {
  readonly kind: FailureKind;
  readonly message: string;
  /** Tries that were made. */
  readonly tries: number;
  readonly executor: string | undefined;
  readonly host: string | undefined;
  readonly worker: string | undefined;
}

/**
 * What is behind a Future of this copy of troupe; `undefined` for any other value.
 * @internal
 */
export let coreOf: (value: unknown) => CoreView | undefined;

/**
 * The promise of a task's result, and the handle of the task.
 *
 * @example
 * const future = simulate(42);
 * console.log(future.state, future.why());
 * const { energy } = await future;
 */
export class Future<out T> implements Eventual<T> {
  static {
    coreOf = (value: unknown): CoreView | undefined =>
      typeof value === 'object' && value !== null && #view in value ? value.#view : undefined;
  }
  readonly #core: FutureCore;
  readonly #view: CoreView;
  readonly #lift: (value: unknown) => unknown;
  readonly #outputs: readonly DataFuture[];
  #promise: Promise<T> | undefined;

  /** @internal */
  protected constructor(core: FutureCore, outputs: readonly File[] = [], lift: (value: unknown) => unknown = whole, path = '') {
    this.#core = core;
    this.#lift = lift;
    this.#view = path === '' ? core : lifted(core, path, lift);
    this.#outputs = outputs.length === 0 ? noOutputs : Object.freeze(outputs.map((file) => new DataFuture(core, file)));
  }

  /** @internal */
  static of<T>(core: FutureCore, outputs: readonly File[] | undefined): Future<T> {
    return new Future<T>(core, outputs);
  }

  /** Id of the task: `t1`, `t2`, … in the order of the calls. */
  get id(): string {
    return this.#core.taskId;
  }

  /** Name of the task function. */
  get name(): string {
    return this.#core.name;
  }

  /** State of the task's machine. */
  get state(): TaskState {
    return this.#core.outcome?.state ?? this.#core.port.stateOf(this.id);
  }

  /** The task's machine while it is live; `undefined` once it has settled. */
  get actor(): TaskActor | undefined {
    return this.#core.port.actorOf(this.id);
  }

  /** One for each declared output, in order; each resolves with its File when the task is done. */
  get outputs(): readonly DataFuture[] {
    return this.#outputs;
  }

  /** How the task failed; `undefined` while it is live and when it is done. */
  get failure(): FutureFailure | undefined {
    const { outcome, digest } = this.#core;
    if (outcome === undefined || outcome.state === 'done' || digest === undefined) return undefined;
    const { failure, tries, executor, place } = digest;
    return {
      kind: outcome.state === 'cancelled' ? 'cancelled' : (failure?.kind ?? 'internal'),
      message: failure?.message ?? String(outcome.error),
      tries,
      executor,
      host: place?.host,
      worker: place?.worker,
    };
  }

  then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#view.markRead();
    this.#promise ??= new Promise<T>((resolve, reject) => {
      this.#view.subscribe((outcome) => (outcome.state === 'done' ? resolve(outcome.value as T) : reject(outcome.error)));
    });
    return this.#promise.then(onfulfilled, onrejected);
  }

  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, onrejected);
  }

  finally(onfinally?: (() => void) | null): Promise<T> {
    return this.then().finally(onfinally);
  }

  get [Symbol.toStringTag](): string {
    return 'Future';
  }

  /**
   * The future of one part of the value: a property, an element. It is no task; it settles with this one, and
   * rejects with a `TypeError` when the value has no such part.
   */
  at<K extends keyof T>(key: K): Future<T[K]> {
    const lift = this.#lift;
    const path = this.#view === this.#core ? '' : this.#view.name.slice(this.name.length);
    return new Future<T[K]>(this.#core, [], (value) => part(lift(value), key, this.name), `${path}[${String(key)}]`);
  }

  /**
   * Cancels the task, wherever it is. Harmless once it has settled.
   *
   * @param reason - Arrives as `reason` of the {@link CancelledError} and of the task's abort signal.
   */
  cancel(reason?: unknown): void {
    this.#core.port.cancel(this.id, reason);
  }

  /**
   * What has happened to the task, oldest first: at most 64 lines while it is live, a digest later, and one line that
   * says what to set when 10,000 others have settled since.
   */
  story(): readonly StoryEvent[] {
    return this.#core.port.storyOf(this.id, this.state);
  }

  /** Why the task waits, or failed. */
  why(): Waiting {
    return this.#core.port.whyOf(this.id, this.#core.outcome);
  }

  /** Cancels what has not settled and waits until it has. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel('its scope was left');
    await this.then(
      () => {},
      () => {},
    );
  }
}

/** The promise of a File that a task makes. */
export class DataFuture extends Future<File> {
  readonly file: File;
  /** @internal */
  constructor(core: FutureCore, file: File) {
    super(core, [], () => file, `→${file.url}`);
    this.file = file;
  }
}

const noOutputs: readonly never[] = Object.freeze([]);
const whole = (value: unknown): unknown => value;

/** A part of a task's outcome; what cannot be taken from the value is an error of the part. */
function lifted(core: FutureCore, path: string, lift: (value: unknown) => unknown): CoreView {
  const view = (outcome: Outcome): Outcome => {
    if (outcome.state !== 'done') return outcome;
    try {
      return { state: 'done', value: lift(outcome.value) };
    } catch (error) {
      return { state: 'failed', error };
    }
  };
  return {
    taskId: core.taskId,
    name: core.name + path,
    dataflow: core.dataflow,
    get outcome() {
      return core.outcome && view(core.outcome);
    },
    subscribe: (listener) => core.subscribe((outcome) => listener(view(outcome))),
    markRead: () => core.markRead(),
  };
}

function part(value: unknown, key: PropertyKey, name: string): unknown {
  if (value === null || value === undefined) throw new TypeError(`at(${String(key)}): the result of ${name} is ${value}`);
  if (!(key in Object(value))) throw new TypeError(`at(${String(key)}): the result of ${name} has no such part`);
  return (value as Record<PropertyKey, unknown>)[key];
}
