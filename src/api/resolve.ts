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

/**
 * @param dataflow - The graph the data goes into: futures of another troupe are foreign to it.
 * @param root - What the path of an error starts with; may be empty.
 * @throws ConfigError for data with futures inside that contains itself.
 */
export function inputsOf<T>(data: T, dataflow: Dataflow, root: string): Inputs<T> {
  const found = collect(data);
  if (found.length === 0) return { sources: [], foreign: [], cancelledBy: () => undefined, bind: () => ({ values: data }) };
  // a cycle is the caller's error, thrown at the call; and what the caller does to the data later is not seen
  const copy = substitute(data, (thenable) => thenable, root);

  const ended = new Map<Thenable, () => Ended | undefined>();
  const sources = new Set<string>();
  const foreign: Inputs<T>['foreign'][number][] = [];
  for (const thenable of found) {
    if (ended.has(thenable)) continue;
    const core = coreOf(thenable);
    if (core === undefined) {
      const watched = watch(thenable);
      ended.set(thenable, watched.ended);
      foreign.push(watched.onSettled);
      continue;
    }
    core.markRead();
    ended.set(thenable, () => core.outcome && endOf(core.outcome, core));
    if (core.outcome !== undefined) continue;
    if (core.dataflow === dataflow) sources.add(core.taskId);
    else foreign.push((onSettled) => core.subscribe(({ state }) => onSettled(state === 'done')));
  }

  const endedOf = (thenable: Thenable): Ended | undefined => ended.get(thenable)?.();
  return {
    sources: [...sources],
    foreign,
    cancelledBy() {
      for (const end of ended.values()) {
        const now = end();
        if (now?.ok === false && now.isCancelled) return now.failed.source;
      }
      return undefined;
    },
    bind(stand): Bound<T> {
      const failed = [...ended.values()].flatMap((end) => {
        const now = end();
        return now?.ok === false ? [now.failed] : [];
      });
      if (failed.length > 0 && stand === undefined) return { failed, inputs: ended.size };
      const valueOf = (thenable: Thenable): unknown => {
        const end = endedOf(thenable);
        return end?.ok === true ? end.value : stand?.value;
      };
      return { values: substitute(copy, valueOf, root) as T };
    },
  };
}

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
function collect(root: unknown): Thenable[] {
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
  return found;
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
