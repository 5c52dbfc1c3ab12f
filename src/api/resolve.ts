/**
 * Futures inside plain data: finds them at the call, and puts values in their place when all have settled. Looks
 * into arrays, plain objects, Map values and Set elements, at any depth; never into class instances. The types in
 * `arguments.ts` follow the same rule.
 */
import { ConfigError, type FailedInput } from '../machines/model/errors.ts';
import type { Bound, Inputs, Outcome } from '../actors/records.ts';
import type { Dataflow } from '../actors/dataflow.ts';
import { coreOf } from './future.ts';

type Thenable = PromiseLike<unknown>;

/** How an input ended. */
type Ended =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failed: FailedInput; readonly isCancelled: boolean };

const NONE: readonly never[] = [];

/**
 * @param dataflow - The graph the data goes into: futures of another troupe are foreign to it.
 * @param root - What the path of an error starts with.
 * @param also - More to wait for, without a place in the data.
 * @throws ConfigError for data with futures inside that contains itself.
 */
export function inputsOf<T>(data: T, dataflow: Dataflow, root: string, also: readonly unknown[] = NONE): Inputs<T> {
  const inside = collect(data);
  const beside = collect(also);
  if (inside.length === 0 && beside.length === 0) return new Plain(data);
  // a cycle is the caller's error, thrown at the call; and what the caller does to the data later is not seen
  const copy = substitute(data, itself, root) as T;
  if (beside.length === 0) return new Mixed(copy, inside, dataflow, root);
  substitute(also, itself, 'inputs');
  return new Mixed(copy, [...inside, ...beside], dataflow, root);
}

const itself = (thenable: Thenable): unknown => thenable;

/** Data without futures inside. */
class Plain<T> implements Inputs<T> {
  readonly #data: T;

  constructor(data: T) {
    this.#data = data;
  }
  get sources(): readonly never[] {
    return NONE;
  }
  get foreign(): readonly never[] {
    return NONE;
  }
  cancelledBy(): undefined {
    return undefined;
  }
  bind(): Bound<T> {
    return { values: this.#data };
  }
}

class Mixed<T> implements Inputs<T> {
  readonly sources: readonly string[];
  readonly foreign: Inputs<T>['foreign'];
  readonly #data: T;
  readonly #root: string;
  /** No thenable twice. */
  readonly #thenables: readonly Thenable[];
  /** How promises that are no Futures have ended. */
  readonly #promises: ReadonlyMap<Thenable, () => Ended | undefined> | undefined;

  constructor(data: T, found: readonly Thenable[], dataflow: Dataflow, root: string) {
    this.#data = data;
    this.#root = root;
    this.#thenables = found.length === 1 ? found : [...new Set(found)];
    const sources: string[] = [];
    const foreign: Inputs<T>['foreign'][number][] = [];
    let promises: Map<Thenable, () => Ended | undefined> | undefined;
    for (const thenable of this.#thenables) {
      const core = coreOf(thenable);
      if (core === undefined) {
        const watched = watch(thenable);
        (promises ??= new Map()).set(thenable, watched.ended);
        foreign.push(watched.onSettled);
        continue;
      }
      core.markRead();
      if (core.outcome !== undefined) continue;
      if (core.dataflow === dataflow) sources.push(core.taskId);
      else foreign.push((onSettled) => core.subscribe(({ state }) => onSettled(state === 'done')));
    }
    // parts of one Future have one task; and the usual lists are made to measure
    this.sources = sources.length < 2 ? short(sources) : [...new Set(sources)];
    this.foreign = short(foreign);
    this.#promises = promises;
  }

  cancelledBy(): string | undefined {
    for (const thenable of this.#thenables) {
      const end = this.#endOf(thenable);
      if (end?.ok === false && end.isCancelled) return end.failed.source;
    }
    return undefined;
  }

  bind(stand?: { readonly value: unknown }): Bound<T> {
    if (stand === undefined) {
      const failed: FailedInput[] = [];
      for (const thenable of this.#thenables) {
        const end = this.#endOf(thenable);
        if (end?.ok === false) failed.push(end.failed);
      }
      if (failed.length > 0) return { failed, inputs: this.#thenables.length };
    }
    const valueOf = (thenable: Thenable): unknown => {
      const end = this.#endOf(thenable);
      return end?.ok === true ? end.value : stand?.value;
    };
    return { values: substitute(this.#data, valueOf, this.#root) as T };
  }

  #endOf(thenable: Thenable): Ended | undefined {
    const core = coreOf(thenable);
    if (core === undefined) return this.#promises?.get(thenable)?.();
    const { outcome } = core;
    return outcome && endOf(outcome, core);
  }
}

/** A list that was pushed to has room for sixteen more: tasks exist by the thousand. */
const short = <V>(list: readonly V[]): readonly V[] => (list.length === 0 ? NONE : list.length === 1 ? [list[0] as V] : list);

function endOf(outcome: Outcome, { taskId, name }: { readonly taskId: string; readonly name: string }): Ended {
  if (outcome.state === 'done') return { ok: true, value: outcome.value };
  return { ok: false, isCancelled: outcome.state === 'cancelled', failed: { source: taskId, name, error: outcome.error } };
}

/** Attached in the turn of the call: a foreign promise that rejects later must not crash the process. */
function watch(promise: Thenable): { readonly ended: () => Ended | undefined; readonly onSettled: (told: (ok: boolean) => void) => void } {
  let end: Ended | undefined;
  let told: ((ok: boolean) => void) | undefined;
  const settle = (now: Ended): void => {
    end = now;
    told?.(now.ok);
  };
  Promise.resolve(promise).then(
    (value) => settle({ ok: true, value }),
    (error: unknown) => settle({ ok: false, isCancelled: false, failed: { source: 'a promise', name: undefined, error } }),
  );
  return {
    ended: () => end,
    onSettled(tell) {
      if (end === undefined) told = tell;
      else tell(end.ok);
    },
  };
}

const isThenable = (value: unknown): value is Thenable =>
  (typeof value === 'object' || typeof value === 'function') &&
  value !== null &&
  typeof (value as { readonly then?: unknown }).then === 'function';

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
};

/** Every thenable inside plain data, in the order it is read. Iterative, and no spread into `push` (which overflows at about 10⁵). */
function collect(root: unknown): readonly Thenable[] {
  if (Array.isArray(root) && isFlat(root)) return short(root.filter(isThenable));
  const found: Thenable[] = [];
  const seen = new Set<unknown>();
  const todo: unknown[] = [root];
  while (todo.length > 0) {
    const value = todo.pop();
    if (typeof value !== 'object' && typeof value !== 'function') continue;
    if (isThenable(value)) {
      found.push(value);
      continue;
    }
    if (value === null || typeof value === 'function' || seen.has(value)) continue;
    const inner = innerOf(value);
    if (inner === undefined) continue;
    seen.add(value);
    for (let i = inner.length - 1; i >= 0; i--) if (typeof inner[i] === 'object' || typeof inner[i] === 'function') todo.push(inner[i]);
  }
  return short(found);
}

/** Nothing in it has anything in it, as the arguments of most calls. */
function isFlat(list: readonly unknown[]): boolean {
  for (const item of list) if (typeof item === 'object' && item !== null && !isThenable(item)) return false;
  return true;
}

function innerOf(value: object): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (value instanceof Map || value instanceof Set) return [...value.values()];
  return isPlain(value) ? Object.values(value) : undefined;
}

/** Nesting beyond this is refused, with futures inside: nobody writes it, and recursion stays safe. */
const MAX_DEPTH = 500;

/** A copy of the data with `valueOf(thenable)` for thenables. What is shared in it is shared in the copy. */
function substitute(data: unknown, valueOf: (thenable: Thenable) => unknown, root: string): unknown {
  if (Array.isArray(data) && isFlat(data)) return data.map((item: unknown) => (isThenable(item) ? valueOf(item) : item));
  const open = new Set<object>();
  const copies = new Map<object, unknown>();
  return visit(data, root, 0);

  function visit(value: unknown, path: string, depth: number): unknown {
    if (isThenable(value)) return valueOf(value);
    if (typeof value !== 'object' || value === null) return value;
    const isKnown = Array.isArray(value) || value instanceof Map || value instanceof Set || isPlain(value);
    if (!isKnown) return value;
    if (copies.has(value)) return copies.get(value);
    if (open.has(value)) throw new ConfigError(`${path} contains itself; data with futures inside must be a tree`, { field: path });
    if (depth > MAX_DEPTH) throw new ConfigError(`${path} is nested deeper than ${MAX_DEPTH} levels`, { field: path });
    open.add(value);
    const copy = within(value, path, depth + 1);
    open.delete(value);
    copies.set(value, copy);
    return copy;
  }

  function within(value: object, path: string, depth: number): unknown {
    if (Array.isArray(value))
      return value.map((item, i) =>
        typeof item === 'object' || typeof item === 'function' ? visit(item, depth < 4 ? `${path}[${i}]` : path, depth) : item,
      );
    if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, visit(item, `${path}.get(${String(key)})`, depth)]));
    if (value instanceof Set) return new Set([...value].map((item) => visit(item, `${path}.values()`, depth)));
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, visit(item, `${path === '' ? '' : `${path}.`}${key}`, depth)]),
    );
  }
}
