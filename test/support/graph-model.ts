/**
 * What a troupe should do, written a second time and as plainly as possible: tasks by key in one map, no machines,
 * no queues, no events. Every operation settles all that follows from it before it returns, except for the bodies
 * of joins, which run when the operation is over. The property test compares a live troupe with it after each step.
 */
import type { FailureKind } from '../../src/index.ts';
import { build, callsBeforeGate, placed, placedCall, refsOf, type Call, type Ref } from './graph-plan.ts';

export type State = 'pending' | 'queued' | 'launched' | 'running' | 'joining' | 'retrying' | 'stopping' | 'done' | 'failed' | 'depFailed' | 'cancelled';
export type Cause = { readonly ref: Ref; readonly outcome: Failed };
/** How a task ends without a value; `error` is the very object where there is one. */
export type Failed =
  | { readonly how: 'own'; readonly error: unknown }
  | { readonly how: 'timeLimit' | 'poison' }
  | { readonly how: 'dependency' | 'join'; readonly causes: readonly Cause[] }
  | { readonly how: 'cancelled'; readonly reason: unknown };
export type Outcome = { readonly how: 'done'; readonly value: unknown } | Failed;

export interface ModelTask {
  readonly key: string;
  readonly call: Call;
  readonly parent: string | undefined;
  state: State;
  tryIndex: number;
  /** Label of the executor that has its try, told by the test. */
  executor: string | undefined;
  placement: string | undefined;
  cost: number;
  infrastructure: number;
  readonly lost: Set<string>;
  stop: 'cancel' | 'timeLimit' | undefined;
  reason: unknown;
  outcome: Outcome | undefined;
  /** What it waits for while it joins. */
  joined: readonly Ref[];
}

/** One run of a join's body that waits at its gate. */
export interface Run {
  readonly key: string;
  readonly tryIndex: number;
  /** How the run ended it, when it has been told to stop. */
  aborted: { readonly reason: unknown } | undefined;
}

interface Timer {
  readonly key: string;
  readonly what: 'backoff' | 'limit' | 'grace';
  readonly dueMs: number;
  readonly seq: number;
}

const user: readonly FailureKind[] = ['app', 'timeLimit', 'oom'];
const infrastructure: readonly FailureKind[] = ['workerLost', 'nodeLost', 'walltime', 'preempted', 'staging', 'submit'];
/** The troupe's `stopGraceMs`, and what it adds. */
export const GRACE_MS = 2000;
const MARGIN_MS = 1000;
/** Stands for the {@link TimeLimitError} that children of a join over its time are told. */
export const OVERTIME = Symbol('over its time limit');
const CLOSING = { reason: 'the troupe is closing' };

export const isSettled = ({ state }: ModelTask): boolean => ['done', 'failed', 'depFailed', 'cancelled'].includes(state);
const refText = (ref: Ref): string => JSON.stringify(ref);

export class GraphModel {
  readonly tasks = new Map<string, ModelTask>();
  readonly promises: { state: 'pending' | 'kept' | 'broken'; value: unknown }[] = [];
  readonly runs: Run[] = [];
  readonly aborted = new Map<number, { readonly reason: unknown }>();
  closing: 'wait' | 'cancel' | undefined;
  nowMs = 0;
  #timers: Timer[] = [];
  #seq = 0;
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
    return this.#timers.length;
  }
  get live(): readonly ModelTask[] {
    return [...this.tasks.values()].filter((task) => !isSettled(task));
  }

  submit(key: string, call: Call, parent?: string, born?: { readonly reason: unknown }): void {
    const fresh = { executor: undefined, placement: undefined, stop: undefined, reason: undefined, outcome: undefined, joined: [] };
    const task: ModelTask = { key, call, parent, state: 'pending', tryIndex: 0, cost: 0, infrastructure: 0, lost: new Set(), ...fresh };
    this.tasks.set(key, task);
    const aborted = call.signal === undefined ? undefined : this.aborted.get(call.signal);
    const cancelled = born ?? aborted ?? (this.closing === 'cancel' ? CLOSING : this.#cancelledInput(task));
    if (cancelled === undefined) this.#release(task);
    else this.#cancel(task, cancelled.reason);
    this.#follow();
  }

  #follow(): void {
    for (let next = this.#consequences.shift(); next !== undefined; next = this.#consequences.shift()) next();
  }

  /** It is cancelled at once, whatever else it waits for. */
  #cancelledInput({ call }: ModelTask): { readonly reason: unknown } | undefined {
    for (const ref of refsOf(call.data)) {
      const outcome = this.#endOf(ref);
      if (outcome?.how === 'cancelled') return outcome;
    }
    return undefined;
  }

  #endOf(ref: Ref): Outcome | undefined {
    if ('key' in ref) return this.tasks.get(ref.key)?.outcome;
    const { state = 'pending', value } = 'promise' in ref ? (this.promises[ref.promise] ?? {}) : {};
    if (state === 'pending') return undefined;
    return state === 'kept' ? { how: 'done', value } : { how: 'own', error: value };
  }

  /** Refs that ended badly, each once, in the order they are read; `undefined` while one has not ended. */
  #failures(refs: readonly Ref[]): readonly Cause[] | undefined {
    const causes = new Map<string, Cause>();
    for (const ref of refs) {
      const outcome = this.#endOf(ref);
      if (outcome === undefined) return undefined;
      if (outcome.how !== 'done') causes.set(refText(ref), { ref, outcome });
    }
    return [...causes.values()];
  }

  #release(task: ModelTask): void {
    const causes = this.#failures(refsOf(task.call.data));
    if (causes === undefined) return;
    const cancelled = this.#cancelledInput(task);
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
    this.#timers = this.#timers.filter(({ key }) => key !== task.key);
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
    const causes = this.#failures(task.joined);
    if (causes === undefined) return;
    if (causes.length > 0) this.#settle(task, 'failed', { how: 'join', causes });
    else this.#settle(task, 'done', { how: 'done', value: this.#joinedValue(task) });
  }

  #joinedValue({ call, key, tryIndex }: ModelTask): unknown {
    return call.body && build(call.body.returned, (ref) => this.valueOf(placed(ref, key, tryIndex)));
  }

  valueOf(ref: Ref): unknown {
    const outcome = this.#endOf(ref);
    return outcome?.how === 'done' ? outcome.value : undefined;
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
    const isUser = user.includes(kind);
    if (kind === 'workerLost') task.lost.add(worker);
    if (infrastructure.includes(kind)) task.infrastructure++;
    this.#stopTimers(task, 'limit');
    this.#stopTimers(task, 'grace');
    const decision = call.decisions[task.tryIndex % call.decisions.length];
    const isPoison = task.lost.size >= 3;
    const cost = decision?.again === true ? (decision.cost ?? 1) : 1;
    const isOver = isUser ? task.cost + cost > call.retries : task.infrastructure > 10;
    if ((!isUser && !infrastructure.includes(kind)) || isPoison || isOver || decision?.again !== true) {
      const own: Failed = kind === 'timeLimit' ? { how: 'timeLimit' } : { how: 'own', error };
      this.#settle(task, 'failed', isPoison && kind === 'workerLost' ? { how: 'poison' } : own);
      return;
    }
    if (isUser) task.cost += cost;
    task.placement = decision.executor;
    task.state = 'retrying';
    this.#startTimer(task, 'backoff', decision.afterMs ?? 0);
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
    this.#stopTimers(task, 'limit');
    this.#startTimer(task, 'grace', GRACE_MS + MARGIN_MS);
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
    this.nowMs += ms;
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.nowMs).toSorted((a, b) => a.dueMs - b.dueMs || a.seq - b.seq);
    for (const timer of due) {
      if (!this.#timers.includes(timer)) continue; // an earlier one has stopped it
      this.#timers.splice(this.#timers.indexOf(timer), 1);
      const task = this.tasks.get(timer.key);
      if (task !== undefined) this.#fire(task, timer.what);
      this.#follow();
    }
  }

  #fire(task: ModelTask, what: Timer['what']): void {
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
    if (task.call.timeLimitMs !== undefined) this.#startTimer(task, 'limit', task.call.timeLimitMs);
  }

  #startTimer(task: ModelTask, what: Timer['what'], ms: number): void {
    this.#stopTimers(task, what);
    this.#timers.push({ key: task.key, what, dueMs: this.nowMs + ms, seq: this.#seq++ });
  }

  #stopTimers({ key }: ModelTask, what: Timer['what']): void {
    this.#timers = this.#timers.filter((timer) => timer.key !== key || timer.what !== what);
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
