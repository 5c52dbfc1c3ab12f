/** Which numbers were seen of late, at a fixed cost: two sets, of which the older is forgotten when the newer is full. */
export interface Recent {
  add(value: number): void;
  has(value: number): boolean;
  delete(value: number): void;
}

/** The last numbers, at least `count` of them and at most twice as many. */
export function recent(count: number): Recent {
  let newer = new Set<number>();
  let older = new Set<number>();
  return {
    add(value) {
      newer.add(value);
      if (newer.size < count) return;
      older = newer;
      newer = new Set();
    },
    has: (value) => newer.has(value) || older.has(value),
    delete(value) {
      newer.delete(value);
      older.delete(value);
    },
  };
}
