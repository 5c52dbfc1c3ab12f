/** Waits that double: between requests that go unanswered, and between tries of what fails. */
export interface BackOff {
  readonly firstMs: number;
  readonly mostMs: number;
}

/** @param attempt - From 0. */
export const backOffMs = (attempt: number, { firstMs, mostMs }: BackOff): number => Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 40));

/** Between half of a wait and all of it, so that those who failed together do not come back together. @param random - In [0, 1). */
export const jittered = (ms: number, random: number): number => Math.round(ms * (0.5 + random / 2));
