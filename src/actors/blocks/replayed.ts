/**
 * A short sequence that anybody may read from its start, at any time, at any pace: the events of one piece of work.
 * Who does not read costs nothing but the items; of a sequence that grows too long the oldest are forgotten.
 */

export interface Replayed<T> {
  push(item: T): void;
  /** Nothing comes any more: readers end once they have read the rest. */
  end(): void;
  readonly items: AsyncIterable<T>;
}

/** @param capacity - Items that are kept. */
export function replayed<T>(capacity: number): Replayed<T> {
  let kept: T[] = [];
  /** Items that were forgotten. */
  let forgotten = 0;
  let isOver = false;
  const waiting = new Set<() => void>();

  function wake(): void {
    const all = [...waiting];
    waiting.clear();
    for (const one of all) one();
  }

  function read(): AsyncIterator<T, undefined> {
    let at = 0;
    let hasLeft = false;
    const own = new Set<() => void>();
    const done = { done: true, value: undefined } as const;
    return {
      next: () =>
        new Promise((resolve) => {
          const look = (): void => {
            own.delete(look);
            at = Math.max(at, forgotten);
            if (hasLeft) resolve(done);
            else if (at < forgotten + kept.length) resolve({ done: false, value: kept[at++ - forgotten] as T });
            else if (isOver) resolve(done);
            else {
              own.add(look);
              waiting.add(look);
            }
          };
          look();
        }),
      return() {
        hasLeft = true;
        for (const look of own) {
          waiting.delete(look);
          look();
        }
        return Promise.resolve(done);
      },
    };
  }

  return {
    push(item) {
      if (isOver) return;
      kept.push(item);
      if (kept.length > capacity) {
        kept = kept.slice(1);
        forgotten++;
      }
      wake();
    },
    end() {
      isOver = true;
      wake();
    },
    items: { [Symbol.asyncIterator]: read },
  };
}
