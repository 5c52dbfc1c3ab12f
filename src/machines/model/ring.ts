/** The last `capacity` items of a sequence, by key. */
export interface Ring<T> {
  set(key: string, item: T): void;
  get(key: string): T | undefined;
  values(): IterableIterator<T>;
  readonly size: number;
}

export function ring<T>(capacity: number): Ring<T> {
  const items = new Map<string, T>(); // in order of insertion
  return {
    set(key, item) {
      items.delete(key);
      items.set(key, item);
      if (items.size > capacity) for (const oldest of items.keys()) return void items.delete(oldest);
    },
    get: (key) => items.get(key),
    values: () => items.values(),
    get size() {
      return items.size;
    },
  };
}
