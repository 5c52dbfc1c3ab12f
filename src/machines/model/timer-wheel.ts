/**
 * Timers by the ten thousand on one real timer: a heap of due times, each with the timers that share it.
 * Adding and finding the next are O(log of distinct times), cancelling is O(1); what was cancelled takes no room for
 * long, however far ahead it was due. Pure: it is told the time.
 */
export interface TimerWheel<T> {
  /** Sets or moves the timer `id`. `dueMs` is absolute, on the same scale as `advance`. */
  set(id: string, dueMs: number, value: T): void;
  /** True when the timer was set. */
  cancel(id: string): boolean;
  /** Takes out what is due, by id, in order of time, then of setting. */
  advance(nowMs: number): Map<string, T>;
  /** When `advance` would next find something; `undefined` when no timer is set. */
  nextDueMs(): number | undefined;
  readonly size: number;
}

export function timerWheel<T>(): TimerWheel<T> {
  const buckets = new Map<number, Map<string, T>>();
  const dueOf = new Map<string, number>();
  /** Due times: at least one entry a bucket. Those of emptied buckets leave at the top, or when they are too many. */
  let heap: number[] = [];

  function cancel(id: string): boolean {
    const dueMs = dueOf.get(id);
    if (dueMs === undefined) return false;
    dueOf.delete(id);
    const bucket = buckets.get(dueMs);
    bucket?.delete(id);
    if (bucket?.size === 0) buckets.delete(dueMs);
    if (heap.length > 2 * buckets.size + SLACK) heap = [...buckets.keys()].toSorted((a, b) => a - b); // sorted is a heap
    return true;
  }

  /** Drops what is over from the top of the heap. */
  function settleTop(): number | undefined {
    for (let top = heap[0]; top !== undefined; top = heap[0]) {
      if (buckets.has(top)) return top;
      popMin(heap);
    }
    return undefined;
  }

  return {
    set(id, dueMs, value) {
      cancel(id);
      let bucket = buckets.get(dueMs);
      if (bucket === undefined) {
        bucket = new Map();
        buckets.set(dueMs, bucket);
        pushMin(heap, dueMs);
      }
      bucket.set(id, value);
      dueOf.set(id, dueMs);
    },
    cancel,
    advance(nowMs) {
      const due = new Map<string, T>();
      for (let top = settleTop(); top !== undefined && top <= nowMs; top = settleTop()) {
        const bucket = buckets.get(top) as Map<string, T>;
        buckets.delete(top);
        popMin(heap);
        for (const [id, value] of bucket) {
          dueOf.delete(id);
          due.set(id, value);
        }
      }
      return due;
    },
    nextDueMs: settleTop,
    get size() {
      return dueOf.size;
    },
  };
}

/** Entries of emptied buckets that are not worth a sweep. */
const SLACK = 64;

function pushMin(heap: number[], value: number): void {
  let at = heap.length;
  heap.push(value);
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up] as number;
    if (parent <= value) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = value;
}

function popMin(heap: number[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++;
    if ((heap[child] as number) >= last) break;
    heap[at] = heap[child] as number;
    at = child;
  }
  heap[at] = last;
}
