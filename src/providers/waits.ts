/** Waiting for a time or for something that comes sooner, all of it ended by one `close`. Part of {@link file://./local.ts}. */

/** Where timers come from. XState's `SimulatedClock` is one. */
export interface TimerSource {
  setTimeout(fn: () => void, timeoutMs: number): unknown;
  clearTimeout(id: never): void;
}

export interface Waits {
  /** Resolves with true after a time, with false when something came sooner; never once it is closed. */
  over(delayMs: number, sooner?: PromiseLike<unknown>): Promise<boolean>;
  close(): void;
}

/** Longest delay a real timer can have: a later one wakes up and sleeps again. */
const LONGEST_MS = 2_147_483_647;

export function waits(clock: TimerSource): Waits {
  const set = new Set<unknown>();
  let isClosed = false;
  return {
    over: (delayMs, sooner) =>
      new Promise((settle) => {
        if (isClosed) return;
        let id: unknown;
        const sleep = (leftMs: number): void => {
          id = clock.setTimeout(
            () => {
              set.delete(id);
              if (leftMs > LONGEST_MS) sleep(leftMs - LONGEST_MS);
              else settle(true);
            },
            Math.min(leftMs, LONGEST_MS),
          );
          set.add(id);
        };
        const wake = (): void => {
          if (set.delete(id)) clock.clearTimeout(id as never);
          settle(false);
        };
        sleep(delayMs);
        sooner?.then(wake, wake);
      }),
    close() {
      isClosed = true;
      for (const id of set) clock.clearTimeout(id as never);
      set.clear();
    },
  };
}
