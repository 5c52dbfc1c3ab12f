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
  const items = new Map<string, { readonly item: T; at: number }>();
  /**
   * Keys by the time they were set; a hole where one was set again. Not left to the Map: to ask it for its first key
   * is slow when many before that one were deleted.
   */
  let order: (string | undefined)[] = [];
  let oldest = 0;

  function evict(): void {
    while (order[oldest] === undefined) oldest++;
    items.delete(order[oldest++] as string);
  }

  function compact(): void {
    order = order.slice(oldest).filter((key) => key !== undefined);
    oldest = 0;
    for (const [at, key] of order.entries()) (items.get(key as string) as { at: number }).at = at;
  }

  return {
    set(key, item) {
      const known = items.get(key);
      if (known !== undefined) order[known.at] = undefined;
      items.set(key, { item, at: order.length });
      order.push(key);
      if (items.size > capacity) evict();
      if (order.length > 2 * capacity) compact();
    },
    get: (key) => items.get(key)?.item,
    *values() {
      for (const key of order.slice(oldest)) if (key !== undefined) yield items.get(key)?.item as T;
    },
    get size() {
      return items.size;
    },
  };
}
