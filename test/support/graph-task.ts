/** What the model of the graph knows of tasks and promises, and its timers. */
import type { FailureKind } from '../../src/index.ts';
import { refsOf, type Call, type Ref } from './graph-plan.ts';

export type State =
  | 'pending'
  | 'queued'
  | 'launched'
  | 'running'
  | 'joining'
  | 'retrying'
  | 'stopping'
  | 'done'
  | 'failed'
  | 'depFailed'
  | 'cancelled';
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

export const isSettled = ({ state }: ModelTask): boolean => ['done', 'failed', 'depFailed', 'cancelled'].includes(state);

export const newTask = (key: string, call: Call, parent: string | undefined): ModelTask => ({
  key,
  call,
  parent,
  state: 'pending',
  tryIndex: 0,
  executor: undefined,
  placement: undefined,
  cost: 0,
  infrastructure: 0,
  lost: new Set(),
  stop: undefined,
  reason: undefined,
  outcome: undefined,
  joined: [],
});

const user: readonly FailureKind[] = ['app', 'timeLimit', 'oom'];
const infrastructure: readonly FailureKind[] = ['workerLost', 'nodeLost', 'walltime', 'preempted', 'staging', 'submit'];

/** Whose budget a failure of this kind spends. */
export function budgetOf(kind: FailureKind): 'user' | 'infrastructure' | 'never' {
  if (user.includes(kind)) return 'user';
  return infrastructure.includes(kind) ? 'infrastructure' : 'never';
}

/** All there is to wait for. */
export class Known {
  readonly tasks = new Map<string, ModelTask>();
  readonly promises: { state: 'pending' | 'kept' | 'broken'; value: unknown }[] = [];

  endOf(ref: Ref): Outcome | undefined {
    if ('key' in ref) return this.tasks.get(ref.key)?.outcome;
    const { state = 'pending', value } = 'promise' in ref ? (this.promises[ref.promise] ?? {}) : {};
    if (state === 'pending') return undefined;
    return state === 'kept' ? { how: 'done', value } : { how: 'own', error: value };
  }

  valueOf(ref: Ref): unknown {
    const outcome = this.endOf(ref);
    return outcome?.how === 'done' ? outcome.value : undefined;
  }

  /** A task with such an input is cancelled at once, whatever else it waits for. */
  cancelledInput({ call }: ModelTask): { readonly reason: unknown } | undefined {
    for (const ref of refsOf(call.data)) {
      const outcome = this.endOf(ref);
      if (outcome?.how === 'cancelled') return outcome;
    }
    return undefined;
  }

  /** Refs that ended badly, each once, in the order they are read; `undefined` while one has not ended. */
  failures(refs: readonly Ref[]): readonly Cause[] | undefined {
    const causes = new Map<string, Cause>();
    for (const ref of refs) {
      const outcome = this.endOf(ref);
      if (outcome === undefined) return undefined;
      if (outcome.how !== 'done') causes.set(JSON.stringify(ref), { ref, outcome });
    }
    return [...causes.values()];
  }
}

interface Timer {
  readonly key: string;
  readonly what: 'backoff' | 'limit' | 'grace';
  readonly dueMs: number;
  readonly seq: number;
}

export class ModelTimers {
  nowMs = 0;
  #timers: Timer[] = [];
  #seq = 0;

  get size(): number {
    return this.#timers.length;
  }

  start({ key }: ModelTask, what: Timer['what'], ms: number): void {
    this.stop(key, what);
    this.#timers.push({ key, what, dueMs: this.nowMs + ms, seq: this.#seq++ });
  }

  /** @param what - All of the task when it is not given. */
  stop(key: string, what?: Timer['what']): void {
    this.#timers = this.#timers.filter((timer) => timer.key !== key || (what !== undefined && timer.what !== what));
  }

  /** Fires what is due now, in order, unless an earlier one stops it; what is set meanwhile waits for the next time. */
  advance(ms: number, fire: (key: string, what: Timer['what']) => void): void {
    this.nowMs += ms;
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.nowMs).toSorted((a, b) => a.dueMs - b.dueMs || a.seq - b.seq);
    for (const timer of due) {
      if (!this.#timers.includes(timer)) continue;
      this.#timers.splice(this.#timers.indexOf(timer), 1);
      fire(timer.key, timer.what);
    }
  }
}
