/** The last `capacity` items of a sequence, by key. */
export interface Ring<T> {
  /** A key that is there already is moved to the end. */
  set(key: string, item: T): void;
  get(key: string): T | undefined;
  /** The oldest first. */
  values(): IterableIterator<T>;
  readonly size: number;
}

export function ring<T>(capacity: number): Ring<T> {
  const items = new Map<string, T>(); // in order of insertion
  /** The same keys in the same order: to ask a Map for its first key is slow when many before it were deleted. */
  let order: (string | undefined)[] = [];
  let oldest = 0;

  function evict(): void {
    while (order[oldest] === undefined) oldest++;
    items.delete(order[oldest++] as string);
  }

  return {
    set(key, item) {
      if (items.delete(key)) order[order.indexOf(key, oldest)] = undefined; // rare
      items.set(key, item);
      order.push(key);
      if (items.size > capacity) evict();
      if (order.length < 2 * capacity) return;
      order = [...items.keys()];
      oldest = 0;
    },
    get: (key) => items.get(key),
    values: () => items.values(),
    get size() {
      return items.size;
    },
  };
}
