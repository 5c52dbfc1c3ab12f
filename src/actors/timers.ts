/**
 * The timer port: every machine that exists by the thousand asks here for its timers and is told `timer.fired`.
 * One wheel and one real timer a troupe, on the injected clock.
 */
import { timerWheel } from '../machines/model/timer-wheel.ts';

/** Where time comes from. XState's `SimulatedClock` is one. */
export interface Clock {
  /** Milliseconds; only differences matter, unless a time is shown. */
  now(): number;
  setTimeout(fn: () => void, timeoutMs: number): unknown;
  clearTimeout(id: never): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, timeoutMs) => setTimeout(fn, timeoutMs),
  clearTimeout: (id) => clearTimeout(id),
};

/** Longest delay a real timer can have (2³¹ − 1 ms): a later one wakes up and sleeps again. */
const LONGEST_MS = 2_147_483_647;

export interface Timers {
  /** Calls `fire` once after `delayMs`. An `id` that is set already is moved. */
  start(id: string, delayMs: number, fire: () => void): void;
  cancel(id: string): void;
  /** Timers that are set. */
  readonly size: number;
  /** Forgets them all. */
  close(): void;
}

export function timers(clock: Clock): Timers {
  const wheel = timerWheel<() => void>();
  /** Being fired: one may cancel or move another that was due at the same time. */
  let due = new Map<string, () => void>();
  let alarm: { readonly id: unknown; readonly dueMs: number } | undefined;

  function wake(): void {
    alarm = undefined;
    due = wheel.advance(clock.now());
    try {
      for (const [id, fire] of due) {
        due.delete(id);
        fire();
      }
    } finally {
      arm();
    }
  }

  function arm(): void {
    const dueMs = wheel.nextDueMs();
    if (alarm !== undefined) {
      if (dueMs !== undefined && alarm.dueMs <= dueMs) return; // wakes early enough
      clock.clearTimeout(alarm.id as never);
      alarm = undefined;
    }
    if (dueMs === undefined) return;
    alarm = { dueMs, id: clock.setTimeout(wake, Math.min(LONGEST_MS, Math.max(0, dueMs - clock.now()))) };
  }

  return {
    start(id, delayMs, fire) {
      due.delete(id);
      wheel.set(id, clock.now() + delayMs, fire);
      arm();
    },
    cancel(id) {
      due.delete(id);
      if (wheel.cancel(id) && wheel.size === 0) arm(); // the last one: nothing keeps the process alive
    },
    get size() {
      return wheel.size + due.size;
    },
    close() {
      due.clear();
      wheel.advance(Number.POSITIVE_INFINITY);
      arm();
    },
  };
}
