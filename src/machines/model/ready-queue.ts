/**
 * What waits for a slot: larger priorities first, first in first out within one. A binary heap whose entries know
 * their place in it, so that pushing, popping and taking one out by its id are O(log n) at any length.
 */
export interface ReadyQueue<T> {
  /** Adds `value`. An `id` that is queued already is moved to the end of its new priority. */
  push(id: string, priority: number, value: T): void;
  /** Takes out the first. */
  pop(): T | undefined;
  /** The first, left where it is. */
  peek(): T | undefined;
  /** Takes out one; `undefined` when it is not queued. */
  remove(id: string): T | undefined;
  has(id: string): boolean;
  readonly size: number;
  /** How many come before `id`; `undefined` when it is not queued. O(n): for explanations. */
  ahead(id: string): number | undefined;
  /** In the order in which they would be popped; a copy. O(n log n). */
  values(): readonly T[];
}

interface Entry<T> {
  readonly id: string;
  readonly priority: number;
  /** Order of arrival. */
  readonly seq: number;
  readonly value: T;
  /** Index in the heap. */
  at: number;
}

export function readyQueue<T>(): ReadyQueue<T> {
  const heap: Entry<T>[] = [];
  const byId = new Map<string, Entry<T>>();
  let seq = 0;

  function place(entry: Entry<T>, at: number): void {
    heap[at] = entry;
    entry.at = at;
  }

  function siftUp(entry: Entry<T>, from: number): void {
    let at = from;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Entry<T>;
      if (!isBefore(entry, parent)) break;
      place(parent, at);
      at = up;
    }
    place(entry, at);
  }

  function siftDown(entry: Entry<T>, from: number): void {
    let at = from;
    for (let child = 2 * at + 1; child < heap.length; child = 2 * at + 1) {
      const right = child + 1;
      if (right < heap.length && isBefore(heap[right] as Entry<T>, heap[child] as Entry<T>)) child = right;
      if (!isBefore(heap[child] as Entry<T>, entry)) break;
      place(heap[child] as Entry<T>, at);
      at = child;
    }
    place(entry, at);
  }

  function take(entry: Entry<T>): T {
    byId.delete(entry.id);
    const last = heap.pop() as Entry<T>;
    if (last !== entry) {
      // the last one takes the free place, and may belong above or below it
      siftUp(last, entry.at);
      siftDown(last, last.at);
    }
    return entry.value;
  }

  return {
    push(id, priority, value) {
      const queued = byId.get(id);
      if (queued !== undefined) take(queued);
      const entry = { id, priority, seq: seq++, value, at: heap.length };
      byId.set(id, entry);
      siftUp(entry, heap.length);
    },
    pop() {
      const first = heap[0];
      return first && take(first);
    },
    peek: () => heap[0]?.value,
    remove(id) {
      const entry = byId.get(id);
      return entry && take(entry);
    },
    has: (id) => byId.has(id),
    get size() {
      return heap.length;
    },
    ahead(id) {
      const entry = byId.get(id);
      return entry && heap.filter((other) => isBefore(other, entry)).length;
    },
    values: () => heap.toSorted((a, b) => (isBefore(a, b) ? -1 : 1)).map(({ value }) => value),
  };
}

const isBefore = <T>(a: Entry<T>, b: Entry<T>): boolean => a.priority > b.priority || (a.priority === b.priority && a.seq < b.seq);
