/**
 * A live troupe that can be compared with {@link GraphModel}: it makes the calls of a plan, plays its executors, its
 * promises and the gates in the bodies of its joins, and looks at everything that can be seen from outside.
 */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import { SimulatedClock } from 'xstate';

import {
  CancelledError,
  DependencyError,
  join,
  JoinError,
  task,
  TimeLimitError,
  Troupe,
  WorkerLostError,
  type Future,
} from '../../src/index.ts';
import type { Try } from '../../src/actors/executors/port.ts';
import type { RetryPolicy } from '../../src/machines/policies/retry/port.ts';
import { GRACE_MS, GraphModel, OVERTIME } from './graph-model.ts';
import { build, callsBeforeGate, placed, placedCall, type Call, type Ref } from './graph-plan.ts';
import { isSettled, type Cause, type ModelTask } from './graph-task.ts';
import { manualExecutor, type ManualExecutor } from './manual-executor.ts';

/** The one whose joins run now. */
let world: GraphWorld | undefined;
export const newWorld = (): GraphWorld => (world = new GraphWorld());
const step = task(import.meta, 'graphStep', (key: string, data: unknown): unknown => [key, data]);
const grow = join(import.meta, 'graphGrow', (key: string, data: unknown): unknown => world?.runBody(key, data));

/** Lets everything that is under way come to rest. */
export const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Deferred {
  readonly promise: PromiseLike<unknown>;
  settle(state: 'kept' | 'broken', value: unknown): void;
  /** Somebody listens: it may be broken. */
  isUsed: boolean;
}

export class GraphWorld {
  readonly clock = new SimulatedClock();
  readonly executors: ManualExecutor[] = [];
  readonly model: GraphModel;
  readonly promises: Deferred[] = [];
  closed: Promise<unknown> | undefined;
  readonly #calls = new Map<string, Call>();
  readonly #futures = new Map<string, Future<unknown>>();
  readonly #keys = new Map<string, string>();
  readonly #outcomes = new Map<string, { readonly value: unknown } | { readonly error: unknown }>();
  /** Settled, and right: they do not change again. */
  readonly #checked = new Set<string>();
  readonly #settled = new Map<string, number>();
  readonly #bodies = new Map<string, unknown[]>();
  readonly #errors = new Map<string, Error>();
  readonly #gates = new Map<string, () => void>();
  readonly #controllers = [new AbortController(), new AbortController()];
  readonly #faults: unknown[] = [];
  #troupe: Troupe | undefined;

  constructor() {
    this.model = new GraphModel(
      (label) => label === 'b',
      (key, run) => this.#errorOf(key, run),
    );
  }

  get troupe(): Troupe {
    if (this.#troupe === undefined) throw new Error('not started');
    return this.#troupe;
  }

  async start(labels: readonly string[]): Promise<void> {
    this.executors.push(...labels.map(executorOf));
    const decide: RetryPolicy['decide'] = ({ taskId, tryIndex }) => {
      const { decisions = [] } = this.#calls.get(this.#keys.get(taskId) ?? '') ?? {};
      return decisions[tryIndex % decisions.length] ?? { again: false };
    };
    const policies = { retry: { kind: 'retry', name: 'planned', decide } as const };
    this.#troupe = await Troupe.start({
      executors: this.executors,
      clock: this.clock,
      policies,
      stopGraceMs: GRACE_MS,
      signals: false,
      output: 'silent',
    });
    this.#troupe.on('task.settled', ({ taskId }) => this.#settled.set(taskId, (this.#settled.get(taskId) ?? 0) + 1));
    for (const type of ['actor.failed', 'actor.deadLetter', 'policy.faulted'] as const)
      this.#troupe.on(type, (fault) => this.#faults.push(fault));
    await rest();
  }

  addExecutor(label: string): void {
    const added = executorOf(label);
    this.executors.push(added);
    this.troupe.addExecutor(added);
  }

  // calls

  call(key: string, call: Call, run = (fn: typeof step, data: unknown) => this.troupe.run(fn, key, data)): void {
    const { retries, priority, timeLimitMs, signal, executors, body } = call;
    const options = {
      retries,
      priority,
      ...(timeLimitMs && { timeLimitMs }),
      ...(signal !== undefined && { signal: this.#controllers[signal]?.signal as AbortSignal }),
    };
    const fn = body === undefined ? step.with({ ...options, ...(executors && { executors }) }) : grow.with(options);
    const data = build(call.data, (ref) => this.#waitable(ref));
    const future = run(fn, data);
    this.#calls.set(key, call);
    this.#futures.set(key, future);
    this.#keys.set(future.id, key);
    future.then(
      (value) => this.#outcomes.set(key, { value }),
      (error: unknown) => this.#outcomes.set(key, { error }),
    );
  }

  #waitable(ref: Ref): unknown {
    if ('key' in ref) return this.#futures.get(ref.key) ?? expect.unreachable(`no task ${ref.key}`);
    const deferred = 'promise' in ref ? this.promises[ref.promise] : undefined;
    if (deferred === undefined) return expect.unreachable(`no ${JSON.stringify(ref)}`);
    deferred.isUsed = true;
    return deferred.promise;
  }

  runBody(key: string, data: unknown): unknown {
    const { body } = this.#calls.get(key) ?? {};
    const runs = this.#bodies.get(key) ?? [];
    this.#bodies.set(key, runs);
    const run = runs.push(data) - 1;
    if (body === undefined) return expect.unreachable();
    const gate = callsBeforeGate(body);
    const make = (from: number, to: number): void => {
      for (let i = from; i < to; i++)
        this.call(`${key}.${run}.${i}`, placedCall(body.calls[i] as Call, key, run), (fn, args) => fn(`${key}.${run}.${i}`, args));
    };
    const end = (): unknown => {
      if (run < body.throws) throw this.#errorOf(key, run);
      return build(body.returned, (ref) => this.#waitable(placed(ref, key, run)));
    };
    make(0, gate);
    if (!body.isGated) return end();
    return new Promise<void>((resolve) => this.#gates.set(`${key}.${run}`, resolve)).then(() => {
      make(gate, body.calls.length);
      return end();
    });
  }

  #errorOf(key: string, run: number): Error {
    const id = `${key}.${run}`;
    const error = this.#errors.get(id) ?? new Error(`body ${id}`);
    this.#errors.set(id, error);
    return error;
  }

  // what happens to them

  newPromise(): void {
    const { promise, resolve, reject } = withResolvers();
    // every other one is just a thenable
    const thenable: PromiseLike<unknown> = this.promises.length % 2 === 0 ? promise : { then: (...args) => promise.then(...args) };
    this.promises.push({
      promise: thenable,
      settle: (state, value) => (state === 'kept' ? resolve(value) : reject(value as Error)),
      isUsed: false,
    });
  }

  openGate(key: string, run: number): void {
    this.#gates.get(`${key}.${run}`)?.();
  }

  cancel(key: string, reason: unknown): void {
    this.#futures.get(key)?.cancel(reason);
  }

  abort(signal: number, reason: unknown): void {
    this.#controllers[signal]?.abort(reason);
  }

  keyOf(attempt: Try): string {
    return 'values' in attempt.args ? String(attempt.args.values[0]) : '';
  }

  /** The task whose current try this is; `undefined` for a lease that is over. */
  current(attempt: Try): ModelTask | undefined {
    const found = this.model.tasks.get(this.keyOf(attempt));
    return found !== undefined && found.tryIndex === attempt.tryIndex && ['queued', 'launched', 'running', 'stopping'].includes(found.state)
      ? found
      : undefined;
  }

  // what can be seen

  /** Compares all there is with the model, once the bodies that are due have run. */
  async check(): Promise<void> {
    await rest();
    this.model.settleBodies();
    this.#checkTries();
    for (const expected of this.model.tasks.values()) this.#checkTask(expected);
    const { tasks, timers, actors, executors } = this.troupe.snapshot();
    const all = [...this.model.tasks.values()];
    const count = (state: string): number => all.filter((one) => one.state === state).length;
    expectEqual(tasks, {
      live: this.model.live.length,
      done: count('done'),
      failed: count('failed'),
      depFailed: count('depFailed'),
      cancelled: count('cancelled'),
    });
    expectEqual(this.#faults, []);
    if (this.model.closing !== undefined && this.model.live.length === 0) {
      expect({ timers, actors }).toEqual({ timers: 0, actors: 0 });
      return;
    }
    expect({ timers, actors }).toEqual({ timers: this.model.timers, actors: this.model.live.length + executors.length + 2 });
  }

  #checkTries(): void {
    const live = new Map<string, Try>();
    for (const { label, held, stopping } of this.executors) {
      for (const attempt of held) {
        const found = this.current(attempt);
        const isStopping = stopping.some(({ taskId, tryIndex }) => taskId === attempt.taskId && tryIndex === attempt.tryIndex);
        if (found === undefined || found.state === 'stopping') {
          expect(isStopping, `${attempt.taskId}/${attempt.tryIndex} is over, and its executor was not told`).toBe(true);
          continue;
        }
        expect(live.has(found.key), `${found.key} has two live tries`).toBe(false);
        live.set(found.key, attempt);
        found.executor = label;
        if (found.state === 'queued' && found.tryIndex > 0 && found.placement !== undefined) expect(label).toBe(found.placement);
        this.#checkTry(attempt, found);
      }
    }
    const expected = this.model.live.filter(
      ({ state, call }) => call.body === undefined && ['queued', 'launched', 'running'].includes(state),
    );
    expect([...live.keys()].toSorted()).toEqual(expected.map(({ key }) => key).toSorted());
  }

  #checkTry({ args, priority }: Try, { call, executor }: ModelTask): void {
    expect(priority).toBe(call.priority);
    if (call.executors !== undefined) expect(call.executors).toContain(executor);
    const values = 'values' in args ? args.values[1] : undefined;
    expectEqual(values, this.#dataOf(call));
  }

  #dataOf = (call: Call): unknown => build(call.data, (ref) => this.model.valueOf(ref));

  #checkTask(expected: ModelTask): void {
    const { key, state, call } = expected;
    const future = this.#futures.get(key) ?? expect.unreachable(`no future of ${key}`);
    const isOver = isSettled(expected);
    const seen = {
      key,
      state: future.state,
      why: future.why().state,
      settled: this.#settled.get(future.id) ?? 0,
      hasActor: future.actor !== undefined,
    };
    expectEqual(
      { ...seen, hasOutcome: this.#outcomes.has(key) },
      { key, state, why: state, settled: isOver ? 1 : 0, hasActor: !isOver, hasOutcome: isOver },
    );
    for (const data of this.#bodies.get(key) ?? []) expectEqual(data, this.#dataOf(call));
    if (!isOver || this.#checked.has(key)) return;
    this.#checked.add(key);
    this.#checkOutcome(expected, future);
  }

  #checkOutcome({ key, outcome, call }: ModelTask, future: Future<unknown>): void {
    const got = this.#outcomes.get(key) ?? expect.unreachable(`${key} is ${future.state} and its future is not settled`);
    if (outcome?.how === 'done') {
      expectEqual(got, { value: outcome.value });
      return;
    }
    const error = 'error' in got ? got.error : expect.unreachable(`${key} has a value`);
    if (outcome?.how === 'own') expect(error).toBe(outcome.error);
    if (outcome?.how === 'poison') expect(error).toBeInstanceOf(WorkerLostError);
    if (outcome?.how === 'timeLimit') expect(error).toBeInstanceOf(TimeLimitError);
    if (outcome?.how === 'timeLimit') expect((error as TimeLimitError).limitMs).toBe(call.timeLimitMs ?? 0);
    if (outcome?.how === 'cancelled') expect(error).toBeInstanceOf(CancelledError);
    if (outcome?.how === 'cancelled') this.#checkReason((error as CancelledError).reason, outcome.reason);
    if (outcome?.how !== 'dependency' && outcome?.how !== 'join') return;
    expect(error).toBeInstanceOf(outcome.how === 'join' ? JoinError : DependencyError);
    const { causes, cause } = error as DependencyError;
    expect(causes.map(({ source, error: of }) => [source, of])).toEqual(outcome.causes.map((one) => this.#causeOf(one)));
    expect(cause).toBe(this.#rootOf(outcome.causes));
  }

  #checkReason(reason: unknown, wanted: unknown): void {
    if (wanted === OVERTIME) expect(reason).toBeInstanceOf(TimeLimitError);
    else expect(reason).toBe(wanted);
  }

  #causeOf({ ref, outcome }: Cause): readonly [string, unknown] {
    if (!('key' in ref)) return ['a promise', outcome.how === 'own' ? outcome.error : undefined];
    const got = this.#outcomes.get(ref.key);
    return [this.#futures.get(ref.key)?.id ?? '', got !== undefined && 'error' in got ? got.error : undefined];
  }

  #rootOf([first]: readonly Cause[]): unknown {
    if (first === undefined) return undefined;
    const { outcome } = first;
    return outcome.how === 'dependency' || outcome.how === 'join' ? this.#rootOf(outcome.causes) : this.#causeOf(first)[1];
  }
}

const executorOf = (label: string): ManualExecutor => manualExecutor({ label, autoStop: label === 'b' });

function expectEqual(got: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(got, wanted)) expect(got).toEqual(wanted);
}

function withResolvers(): {
  readonly promise: Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
} {
  let resolve = (_: unknown): void => {};
  let reject = (_: Error): void => {};
  const promise = new Promise<unknown>((keep, shatter) => {
    resolve = keep;
    reject = shatter;
  });
  return { promise, resolve, reject };
}
