/**
 * How many tries a worker is given at once: one, since what waits behind a long try waits in vain; more only while
 * tries are so short that the way to the worker would take longer than they do.
 */
export interface DepthOptions {
  /** Largest depth. */
  readonly most: number;
  /** Tries are fast when they take less on average. */
  readonly fastMs: number;
}

export interface Depth {
  readonly value: number;
  /** So many tries have ended. */
  observe(tries: number, totalMs: number, longestMs: number): void;
  /** Something that says that tries are not fast: one that runs on and on, a worker that was lost. */
  fall(): void;
}

/** Weight of one try in the mean. */
const WEIGHT = 0.2;
/** A try that takes so many times longer than a fast one ends it at once. */
const SLOW = 4;

/** Whether a single try, of which so much is known, is long enough to say that tries are not fast. */
export const isSlow = (ms: number, fastMs: number): boolean => ms > SLOW * fastMs;

export function depth({ most, fastMs }: DepthOptions): Depth {
  let value = 1;
  let meanMs: number | undefined;
  /** Tries that have ended since the depth was changed. */
  let since = 0;
  return {
    get value() {
      return value;
    },
    observe(tries, totalMs, longestMs) {
      if (tries === 0) return;
      const mean = totalMs / tries;
      meanMs = meanMs === undefined ? mean : meanMs + (mean - meanMs) * (1 - (1 - WEIGHT) ** tries);
      since += tries;
      if (meanMs >= fastMs || isSlow(longestMs, fastMs)) {
        value = 1;
        since = 0;
      } else if (value < most && since >= value) {
        value = Math.min(most, 2 * value);
        since = 0;
      }
    },
    fall() {
      value = 1;
      since = 0;
    },
  };
}
