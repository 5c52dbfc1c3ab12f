/**
 * What a program starts, calls and closes. Composes actors with plugins; everything it owns ends with `close()`.
 */
import type { EventLog } from '../actors/event-log.ts';
import type { ExecutorPlugin } from '../actors/executors/port.ts';
import { inWorker } from '../actors/loader.ts';
import type { TaskRecord } from '../actors/records.ts';
import type { OpenTroupe } from '../actors/troupe.ts';
import { ClosedError, ConfigError } from '../machines/model/errors.ts';
import { ids } from '../machines/model/ids.ts';
import type { Counts } from '../machines/model/states.ts';
import type { StoryEvent } from '../machines/model/story.ts';
import type { BlocksView } from '../machines/model/block-control.ts';
import type { TaskMachine } from '../machines/task.ts';
import { cbor } from '../transport/serializers/cbor.ts';
import type { Arg, Args } from './arguments.ts';
import { Call, type CallHost } from './call.ts';
import { blocksOf } from './blocks-of.ts';
import { checkConfig, checkLabels, type CheckedConfig, type TroupeConfig } from './config.ts';
import type * as engine from './engine.ts';
import type { TroupeEvents } from './events.ts';
import { fileExtension } from './file.ts';
import { Future } from './future.ts';
import { FutureCore, type FuturePort } from './future-core.ts';
import { completed, stream, type Completed, type StreamOptions } from './flow.ts';
import { listenerOf } from './listen.ts';
import type { ReapReport, ReapSettings } from './reap.ts';
import { inputsOf } from './resolve.ts';
import { closed, currentScope, inScope, opened, refuseInTask, type Scope } from './scope.ts';
import { settingsFor } from './settings.ts';
import { abortSignals, handleSignals } from './signals.ts';
import { specOf, type Spec, type Task } from './task.ts';
import { unreadFailures } from './unread.ts';
import { explain, textOf } from './why.ts';
import type { TroupeActor, TroupeSnapshot } from './views.ts';

type Engine = typeof engine;

/**
 * A graph of tasks with its executors.
 *
 * @example
 * await using troupe = await Troupe.start({ executors: [threads({ workers: 2 })] });
 * console.log(await simulate(42));
 */
export class Troupe {
  readonly #engine: Engine;
  readonly #config: CheckedConfig;
  readonly #open: OpenTroupe;
  readonly #log: EventLog | undefined;
  readonly #ids = ids();
  readonly #port: FuturePort;
  readonly #unread = unreadFailures();
  readonly #signals = abortSignals((taskId, reason) => this.#open.dataflow.cancel(taskId, reason));
  readonly #settings: ReturnType<typeof settingsFor>;
  readonly #calls: CallHost = {
    signals: this.#signals,
    unread: this.#unread,
    runBody: (parentId, signal, fn, values) => this.#runBody({ troupe: this, parentId, signal }, fn, values),
  };
  #isClosing = false;
  #closing: Promise<Counts> | undefined;
  readonly #cleanups: (() => void | Promise<void>)[] = [];

  private constructor(loaded: Engine, config: CheckedConfig, executors: readonly ExecutorPlugin[], log: EventLog | undefined) {
    this.#engine = loaded;
    this.#config = config;
    this.#log = log;
    this.#settings = settingsFor({ retries: config.retries, runDir: log?.dir, streamPath: config.policies.streamPath });
    this.#open = loaded.openTroupe({
      name: config.name,
      runId: config.runId,
      runDir: log?.dir,
      executors,
      policies: config.policies,
      machines: { task: (config.machines.task ?? loaded.taskMachine) as TaskMachine },
      serializer: cbor({ extensions: [fileExtension] }),
      clock: config.clock,
      random: config.random,
      stopGraceMs: config.stopGraceMs,
      ...(config.inspect === undefined ? undefined : { inspect: contained(config.inspect) }),
      ...(log === undefined ? undefined : { listener: log.listener }),
      output: (record, name, text) => this.#output(record, name, text),
    });
    const { dataflow, recorder } = this.#open;
    this.#port = {
      dataflow,
      stateOf: (taskId) => dataflow.records.get(taskId)?.actor?.getSnapshot().value ?? 'pending',
      storyOf: (taskId, state) => this.#storyOf(taskId, state),
      whyOf: (taskId, outcome) => explain(this.#open, taskId, outcome),
      actorOf: (taskId) => dataflow.records.get(taskId)?.actor,
      cancel: (taskId, reason) => dataflow.cancel(taskId, reason),
      onRead: (taskId) => this.#unread.read(taskId),
    };
    opened(this);
    this.#cleanups.push(() => closed(this));
    if (config.signals) this.#cleanups.push(handleSignals(() => this.close({ pending: 'cancel' })));
    recorder.fact('troupe.started', { name: config.name, runId: config.runId });
  }

  /**
   * Checks the configuration, opens the executors, and takes tasks from then on.
   *
   * In a worker that imports the module of a task function this never settles: what stands above it is defined.
   *
   * @throws ConfigError naming field, value and way out.
   */
  static async start(config: TroupeConfig = {}): Promise<Troupe> {
    const worker = inWorker();
    if (worker !== undefined) return worker.neverStart();
    const loaded = await import('./engine.ts');
    const checked = checkConfig(config, loaded.nanoid(10));
    const executors = checked.executors ?? [loaded.defaultExecutor()];
    await Promise.all(executors.flatMap((executor) => executor.load?.() ?? []));
    const log = await loaded.openRunLog(checked, executors);
    try {
      return new Troupe(loaded, checked, executors, log);
    } catch (error) {
      await log?.close();
      throw error;
    }
  }

  /**
   * Cancels the blocks that a dead driver has left, and says what became of each. Does nothing while the driver may still
   * live, unless `force` says so.
   *
   * @param runDir - The folder of a run, or one with many.
   */
  static async reap(runDir: string, settings: ReapSettings = {}): Promise<ReapReport> {
    const { reap } = await import('./reap.ts');
    return reap(runDir, settings);
  }

  get name(): string {
    return this.#config.name;
  }

  /** Folder of this run, inside the `runDir` of the configuration; `undefined` when nothing is written. */
  get runDir(): string | undefined {
    return this.#log?.dir;
  }

  /** @internal */
  get isAmbient(): boolean {
    return this.#config.ambient;
  }

  /** The root of the actor system. */
  get actor(): TroupeActor {
    return this.#open.actor;
  }

  /**
   * Makes a task.
   *
   * @throws ConfigError for an unknown executor label; ClosedError once `close` was called.
   */
  run<A extends readonly unknown[], R>(task: Task<A, R> | ((...args: Args<A>) => Future<R>), ...args: Args<A>): Future<R> {
    const spec = specOf(task);
    if (spec === undefined)
      throw new ConfigError('run: the first argument is not a task function; make one with task(import.meta, name, fn)', {
        field: 'task',
        value: task,
      });
    refuseInTask(spec.definition.name);
    return this.#submit(spec, args) as Future<R>;
  }

  /** One task an item, in order. */
  map<T, R>(task: Task<[item: T], R>, items: Iterable<Arg<T>>): Future<R>[] {
    return Array.from(items, (item) => this.run(task, item));
  }

  /** Runs `fn`, and what it starts, with direct calls of task functions meaning this troupe. */
  scope<T>(fn: () => T): T {
    refuseInTask('scope');
    const body = currentScope(); // within the body of a join, tasks are still its children
    return inScope(body?.troupe === this ? body : { troupe: this, parentId: undefined, signal: undefined }, fn);
  }

  /**
   * Results of one task an item, in the order of the items, with at most `window` tasks in flight: the source is
   * read as fast as results are taken. Rejects with the first failure; leaving the loop cancels what is in flight.
   */
  stream<T, R>(
    task: Task<[item: T], R>,
    items: Iterable<Arg<T>> | AsyncIterable<Arg<T>>,
    options: StreamOptions = {},
  ): AsyncGenerator<R, void, undefined> {
    return stream((item: Arg<T>) => this.run(task, item), items, options);
  }

  /** How futures settle, in the order in which they do: `{ status, value | reason, future }`. Never rejects. */
  completed<T>(futures: Iterable<Future<T>>): AsyncGenerator<Completed<T>, void, undefined> {
    return completed(futures);
  }

  /** Resolves when no task is live. */
  idle(): Promise<void> {
    return this.#open.idle();
  }

  /** Opens one more executor. @throws ConfigError for a label that is taken. */
  addExecutor(plugin: ExecutorPlugin): void {
    if (this.#isClosing) throw new ClosedError(`${this.name} is closed; it takes no executors`, { troupe: this.name });
    if (typeof plugin?.open !== 'function' || typeof plugin.label !== 'string') {
      throw new ConfigError('addExecutor: this is not an executor; use one of troupe/executors, for example threads({ workers: 2 })', {
        field: 'executor',
        value: plugin,
      });
    }
    checkLabels([...this.#open.executors.keys(), plugin.label]);
    this.#open.addExecutor(plugin);
  }

  /**
   * An executor that consists of blocks: what there is of it, and what it can be told. The label may be left out when
   * only one does.
   *
   * @throws ConfigError naming the labels of those that do.
   */
  blocks(label?: string): BlocksView {
    return blocksOf(this.#open.executors, label);
  }

  /** What there is, as plain data: state, counts, executors with their load. */
  snapshot(): TroupeSnapshot {
    const { actor, dataflow, executors, live } = this.#open;
    const { live: tasks, settled } = dataflow.actor.getSnapshot().context;
    return {
      name: this.name,
      runId: this.#config.runId,
      state: String(actor.getSnapshot().value),
      tasks: { live: tasks, ...settled },
      executors: [...executors.values()].map((executor) => ({
        label: executor.label,
        kind: executor.kind,
        state: executor.state,
        ...executor.load(),
      })),
      actors: live.actors.size,
      timers: live.timers,
    };
  }

  /**
   * Calls `listener` for every event of a type, `'*'` for all. A listener that throws is reported as a warning.
   *
   * @returns Stops listening.
   */
  on<K extends keyof TroupeEvents>(type: K, listener: (event: TroupeEvents[K]) => void): () => void {
    return this.#open.recorder.add(listenerOf(type, listener, this.#open.dataflow));
  }

  /**
   * Takes no more tasks, ends those there are, closes the executors.
   *
   * @returns Tasks by settled state, over the whole run. A second call returns the same.
   */
  close({ pending = 'wait' }: { readonly pending?: 'wait' | 'cancel' } = {}): Promise<Counts> {
    this.#isClosing = true; // before anybody is told: who hears of the end must not add to it
    const counts = this.#open.close(pending);
    this.#closing ??= this.#cleanUp(counts);
    return this.#closing;
  }

  /** Cancels what is pending, says so, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { live } = this.#open.dataflow.actor.getSnapshot().context;
    if (live > 0 && !this.#isClosing) {
      process.emitWarning(
        `${this.name} was left with ${live} task${live > 1 ? 's' : ''} pending, which were cancelled; await troupe.close() to wait for them`,
        { code: 'TROUPE_LEFT' },
      );
    }
    await this.close({ pending: 'cancel' });
  }

  #submit(spec: Spec, args: readonly unknown[]): Future<unknown> {
    const { definition, options } = spec;
    const { name, kind } = definition;
    const { dataflow } = this.#open;
    const scope = currentScope();
    const body = scope?.troupe === this ? scope : undefined;
    const parentId = body?.parentId !== undefined && dataflow.records.has(body.parentId) ? body.parentId : undefined;
    if (this.#isClosing && parentId === undefined) {
      throw new ClosedError(`${name}() was called after ${this.name} was told to close; call it before, or start another troupe`, {
        troupe: this.name,
      });
    }
    this.#checkExecutors(options.executors, name);
    const taskId = this.#ids.nextTask();
    const settings = this.#settings(options, kind, taskId, name);
    const inputs = inputsOf(args, dataflow, 'args', options.inputs);
    const core = new FutureCore(taskId, name, this.#port);
    const future = Future.of<unknown>(core, options.outputs);
    const { signal } = options;
    const stopped = body?.signal?.aborted === true ? body.signal : signal?.aborted === true ? signal : undefined;
    const submission = new Call(core, this.#calls, { definition, settings, parentId, args: inputs, signal });
    dataflow.submit(submission, stopped && { reason: stopped.reason, by: stopped === signal ? undefined : body?.parentId });
    return future;
  }

  /** A future that the body returns is what it waits for; a promise of anything is awaited first. */
  async #runBody(scope: Scope<Troupe>, fn: Spec['definition']['fn'], values: readonly unknown[]): Promise<ReturnType<typeof inputsOf>> {
    const returned = inScope(scope, () => (fn as (...args: readonly unknown[]) => unknown)(...values));
    const result = returned instanceof Promise ? await returned : returned;
    return inputsOf(result, this.#open.dataflow, 'result');
  }

  #checkExecutors(labels: readonly string[] | undefined, name: string): void {
    const unknown = labels?.find((label) => !this.#open.executors.has(label));
    if (unknown === undefined) return;
    const known = [...this.#open.executors.keys()].map((label) => `'${label}'`).join(', ');
    throw new ConfigError(`${name}: executors names '${unknown}', but ${this.name} has ${known}`, { field: 'executors', value: unknown });
  }

  async #cleanUp(closing: Promise<Counts>): Promise<Counts> {
    try {
      const counts = await closing;
      for (const cleanup of this.#cleanups.splice(0).toReversed()) await cleanup();
      const unread = this.#unread.summary();
      if (unread !== undefined) process.emitWarning(`${this.name}: ${unread}`, { code: 'TROUPE_UNREAD' });
      this.#open.recorder.fact('troupe.closed', { counts });
      return counts;
    } finally {
      await this.#log?.close(); // last: it records all the rest
    }
  }

  #storyOf(taskId: string, state: string): readonly StoryEvent[] {
    const { dataflow, recorder } = this.#open;
    const live = dataflow.records.get(taskId);
    if (live !== undefined) return [...(live.story ?? [])]; // it goes on
    const digest = recorder.digest(taskId);
    if (digest !== undefined) return this.#engine.digestStory(digest);
    const { clock, log } = this.#config;
    return this.#engine.forgottenStory(taskId, state, clock.now(), { runDir: this.runDir, log });
  }

  #output(record: TaskRecord, name: 'stdout' | 'stderr', text: string): void {
    const { taskId, submission } = record;
    this.#open.recorder.fact('task.output', { taskId, name: submission.definition.name, stream: name, text });
    // what a command writes is its result
    if (this.#config.output === 'forward' && submission.definition.kind !== 'shell') process[name].write(text);
  }
}

/** An inspector that throws would end the actor that it looks at. */
function contained(inspect: (event: unknown) => void): (event: unknown) => void {
  let hasThrown = false;
  return (event) => {
    try {
      inspect(event);
    } catch (error) {
      if (!hasThrown) process.emitWarning(`inspect threw: ${textOf(error)}`);
      hasThrown = true;
    }
  };
}
