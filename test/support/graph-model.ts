/**
 * What a troupe should do, written a second time and as plainly as possible: tasks by key in one map, no machines,
 * no queues, no events. Every operation settles all that follows from it before it returns, except for the bodies
 * of joins, which run when the operation is over. The property test compares a live troupe with it after each step.
 */
import type { FailureKind } from '../../src/index.ts';
import { build, callsBeforeGate, placed, placedCall, refsOf, type Call, type Ref } from './graph-plan.ts';
import {
  budgetOf,
  isSettled,
  Known,
  ModelTimers,
  newTask,
  type Failed,
  type ModelTask,
  type Outcome,
  type Run,
  type State,
} from './graph-task.ts';

/** The troupe's `stopGraceMs`, and what it adds. */
export const GRACE_MS = 2000;
const MARGIN_MS = 1000;
/** Stands for the {@link TimeLimitError} that children of a join over its time are told. */
export const OVERTIME = Symbol('over its time limit');
const CLOSING = { reason: 'the troupe is closing' };

export class GraphModel {
  readonly #known = new Known();
  readonly tasks = this.#known.tasks;
  readonly promises = this.#known.promises;
  readonly runs: Run[] = [];
  readonly aborted = new Map<number, { readonly reason: unknown }>();
  closing: 'wait' | 'cancel' | undefined;
  readonly #timers = new ModelTimers();
  #bodies: string[] = [];
  /** What follows from what has settled, one after the other: it never matters who is told first. */
  #consequences: (() => void)[] = [];
  readonly #autoStops: (label: string | undefined) => boolean;
  readonly #errorOf: (key: string, run: number) => unknown;

  /** @param errorOf - What run `run` of a join's body throws. */
  constructor(autoStops: (label: string | undefined) => boolean, errorOf: (key: string, run: number) => unknown) {
    this.#autoStops = autoStops;
    this.#errorOf = errorOf;
  }

  get timers(): number {
    return this.#timers.size;
  }
  valueOf(ref: Ref): unknown {
    return this.#known.valueOf(ref);
  }
  get live(): readonly ModelTask[] {
    return [...this.tasks.values()].filter((task) => !isSettled(task));
  }

  submit(key: string, call: Call, parent?: string, born?: { readonly reason: unknown }): void {
    const task = newTask(key, call, parent);
    this.tasks.set(key, task);
    const aborted = call.signal === undefined ? undefined : this.aborted.get(call.signal);
    const cancelled = born ?? aborted ?? (this.closing === 'cancel' ? CLOSING : this.#known.cancelledInput(task));
    if (cancelled === undefined) this.#release(task);
    else this.#cancel(task, cancelled.reason);
    this.#follow();
  }

  #follow(): void {
    for (let next = this.#consequences.shift(); next !== undefined; next = this.#consequences.shift()) next();
  }

  #release(task: ModelTask): void {
    const causes = this.#known.failures(refsOf(task.call.data));
    if (causes === undefined) return;
    const cancelled = this.#known.cancelledInput(task);
    if (cancelled !== undefined) this.#cancel(task, cancelled.reason);
    else if (causes.length > 0) this.#settle(task, 'depFailed', { how: 'dependency', causes });
    else this.#queue(task);
  }

  #queue(task: ModelTask): void {
    task.state = 'queued';
    task.executor = undefined;
    if (task.call.body !== undefined) this.#bodies.push(task.key);
  }

  #settle(task: ModelTask, state: State, outcome: Outcome): void {
    task.state = state;
    task.outcome = outcome;
    this.#timers.stop(task.key);
    this.#consequences.push(() => this.#tellDependents(task, outcome));
  }

  #tellDependents(task: ModelTask, outcome: Outcome): void {
    for (const other of this.live) {
      const waitsFor = (refs: readonly Ref[]): boolean => refs.some((ref) => 'key' in ref && ref.key === task.key);
      if (other.state === 'joining' && waitsFor(other.joined)) this.#tryJoin(other);
      if (other.state !== 'pending' || !waitsFor(refsOf(other.call.data))) continue;
      if (outcome.how === 'cancelled') this.#cancel(other, outcome.reason);
      else this.#release(other);
    }
  }

  #tryJoin(task: ModelTask): void {
    const causes = this.#known.failures(task.joined);
    if (causes === undefined) return;
    if (causes.length > 0) this.#settle(task, 'failed', { how: 'join', causes });
    else this.#settle(task, 'done', { how: 'done', value: this.#joinedValue(task) });
  }

  #joinedValue({ call, key, tryIndex }: ModelTask): unknown {
    return call.body && build(call.body.returned, (ref) => this.#known.valueOf(placed(ref, key, tryIndex)));
  }

  // what executors say of the current try

  launched(task: ModelTask): void {
    if (task.state !== 'queued') return;
    task.state = 'launched';
    this.#startLimit(task);
  }

  started(task: ModelTask): void {
    if (task.state !== 'queued' && task.state !== 'launched') return;
    task.state = 'running';
    this.#startLimit(task);
  }

  done(task: ModelTask, value: unknown): void {
    if (task.state === 'stopping') this.#stopped(task);
    else this.#settle(task, 'done', { how: 'done', value });
    this.#follow();
  }

  stopped(task: ModelTask): void {
    if (task.state === 'stopping') this.#stopped(task);
    this.#follow();
  }

  failed(task: ModelTask, kind: FailureKind, error: unknown, worker: string): void {
    if (task.state === 'stopping') this.#stopped(task);
    else this.#decide(task, kind, error, worker);
    this.#follow();
  }

  #stopped(task: ModelTask): void {
    if (task.stop === 'cancel') this.#settle(task, 'cancelled', { how: 'cancelled', reason: task.reason });
    else this.#decide(task, 'timeLimit', undefined, '');
  }

  #decide(task: ModelTask, kind: FailureKind, error: unknown, worker: string): void {
    const { call } = task;
    const budget = budgetOf(kind);
    if (kind === 'workerLost') task.lost.add(worker);
    if (budget === 'infrastructure') task.infrastructure++;
    this.#timers.stop(task.key, 'limit');
    this.#timers.stop(task.key, 'grace');
    const decision = call.decisions[task.tryIndex % call.decisions.length];
    const isPoison = task.lost.size >= 3;
    const cost = decision?.again === true ? (decision.cost ?? 1) : 1;
    const isOver = budget === 'user' ? task.cost + cost > call.retries : task.infrastructure > 10;
    if (budget === 'never' || isPoison || isOver || decision?.again !== true) {
      const own: Failed = kind === 'timeLimit' ? { how: 'timeLimit' } : { how: 'own', error };
      this.#settle(task, 'failed', isPoison && kind === 'workerLost' ? { how: 'poison' } : own);
      return;
    }
    if (budget === 'user') task.cost += cost;
    task.placement = decision.executor;
    task.state = 'retrying';
    this.#timers.start(task, 'backoff', decision.afterMs ?? 0);
  }

  // cancel, time

  cancel(key: string, reason: unknown): void {
    const task = this.tasks.get(key);
    if (task !== undefined) this.#cancel(task, reason);
    this.#follow();
  }

  #cancel(task: ModelTask, reason: unknown): void {
    if (isSettled(task)) return;
    if (task.stop !== 'cancel') task.reason = reason;
    if (task.state === 'stopping') {
      task.stop = 'cancel';
    } else if (task.state === 'launched' || task.state === 'running') {
      this.#stop(task, 'cancel');
    } else {
      this.#settle(task, 'cancelled', { how: 'cancelled', reason: task.reason });
      this.#cancelChildren(task, task.reason);
    }
  }

  #stop(task: ModelTask, cause: 'cancel' | 'timeLimit'): void {
    task.state = 'stopping';
    task.stop = cause;
    this.#timers.stop(task.key, 'limit');
    this.#timers.start(task, 'grace', GRACE_MS + MARGIN_MS);
    const run = this.runs.find(({ key, tryIndex }) => key === task.key && tryIndex === task.tryIndex);
    if (run !== undefined) run.aborted ??= { reason: cause === 'timeLimit' ? OVERTIME : task.reason };
    this.#cancelChildren(task, cause === 'timeLimit' ? OVERTIME : task.reason);
    if (task.call.body === undefined && this.#autoStops(task.executor)) this.#stopped(task);
  }

  #cancelChildren({ key }: ModelTask, reason: unknown): void {
    for (const child of this.live) if (child.parent === key) this.#cancel(child, reason);
  }

  abort(signal: number, reason: unknown): void {
    if (this.aborted.has(signal)) return;
    this.aborted.set(signal, { reason });
    for (const task of this.live) if (task.call.signal === signal) this.cancel(task.key, reason);
  }

  advance(ms: number): void {
    this.#timers.advance(ms, (key, what) => {
      const task = this.tasks.get(key);
      if (task !== undefined) this.#fire(task, what);
      this.#follow();
    });
  }

  #fire(task: ModelTask, what: 'backoff' | 'limit' | 'grace'): void {
    if (what === 'backoff') {
      task.tryIndex++;
      task.stop = undefined;
      this.#queue(task);
    } else if (what === 'grace') {
      this.#stopped(task);
    } else if (task.state === 'joining') {
      this.#settle(task, 'failed', { how: 'timeLimit' });
      this.#cancelChildren(task, OVERTIME);
    } else {
      this.#stop(task, 'timeLimit');
    }
  }

  #startLimit(task: ModelTask): void {
    if (task.call.timeLimitMs !== undefined) this.#timers.start(task, 'limit', task.call.timeLimitMs);
  }

  // promises, joins, the end

  keep(promise: number, state: 'kept' | 'broken', value: unknown): void {
    this.promises[promise] = { state, value };
    const isIt = (ref: Ref): boolean => 'promise' in ref && ref.promise === promise;
    for (const task of this.live) {
      if (task.state === 'joining' && task.joined.some(isIt)) this.#tryJoin(task);
      else if (task.state === 'pending' && refsOf(task.call.data).some(isIt)) this.#release(task);
    }
    this.#follow();
  }

  /** Runs the bodies that are due. */
  settleBodies(): void {
    for (let key = this.#bodies.shift(); key !== undefined; key = this.#bodies.shift()) {
      const task = this.tasks.get(key);
      if (task?.state !== 'queued' || task.call.body === undefined) continue; // cancelled
      this.started(task);
      const { tryIndex, call } = task;
      this.#makeChildren(key, tryIndex, call.body, 'before', undefined);
      if (call.body?.isGated === true) this.runs.push({ key, tryIndex, aborted: undefined });
      else this.#endBody(task);
      this.#follow();
    }
  }

  #makeChildren(key: string, run: number, body: Call['body'], when: 'before' | 'after', aborted: Run['aborted']): void {
    if (body === undefined) return;
    const gate = callsBeforeGate(body);
    const parent = this.tasks.get(key);
    for (let i = when === 'before' ? 0 : gate; i < (when === 'before' ? gate : body.calls.length); i++) {
      const isChild = parent !== undefined && !isSettled(parent);
      if (!isChild && this.closing !== undefined) return; // the call throws ClosedError, which ends the body
      this.submit(`${key}.${run}.${i}`, placedCall(body.calls[i] as Call, key, run), isChild ? key : undefined, aborted);
    }
  }

  openGate(run: Run): void {
    this.runs.splice(this.runs.indexOf(run), 1);
    const task = this.tasks.get(run.key);
    this.#makeChildren(run.key, run.tryIndex, task?.call.body, 'after', run.aborted);
    if (task === undefined || isSettled(task) || task.tryIndex !== run.tryIndex) return; // it is late
    if (task.state === 'stopping') this.#stopped(task);
    else if (task.state === 'running') this.#endBody(task);
    this.#follow();
  }

  #endBody(task: ModelTask): void {
    const { call, key, tryIndex } = task;
    if (call.body === undefined) return;
    if (tryIndex < call.body.throws) {
      this.#decide(task, 'app', this.#errorOf(key, tryIndex), '');
      return;
    }
    task.state = 'joining';
    task.joined = refsOf(call.body.returned).map((ref) => placed(ref, key, tryIndex));
    this.#tryJoin(task);
  }

  close(pending: 'wait' | 'cancel'): void {
    if (this.closing !== 'cancel') this.closing = pending;
    if (pending === 'cancel') for (const task of this.live) this.#cancel(task, CLOSING.reason);
    this.#follow();
  }
}
