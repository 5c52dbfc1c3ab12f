/**
 * Time and processes of a simulation. The clock jumps from one event to the next, one at a time and in a fixed order;
 * a process is whatever may be frozen, and then hears nothing and does nothing, or killed. What a simulation draws, it
 * draws from its seed.
 */
import { setImmediate as turn } from 'node:timers/promises';

import type { Clock } from '../../src/actors/timers.ts';

/** Uniform in [0, 1). */
export type Random = () => number;

/** Mulberry32. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface SimClock extends Clock {
  /** Timers that are set. */
  readonly size: number;
  /** Jumps to the next timer and fires it. False when there is none up to this time. */
  step(untilMs: number): boolean;
}

interface Alarm {
  readonly dueMs: number;
  readonly fire: () => void;
}

export function simClock(): SimClock {
  /** By time, then by the order in which they were set. */
  const alarms: Alarm[] = [];
  let now = 0;
  return {
    now: () => now,
    setTimeout(fire, ms) {
      const alarm = { dueMs: now + Math.max(0, ms), fire };
      let at = alarms.length;
      while (at > 0 && (alarms[at - 1] as Alarm).dueMs > alarm.dueMs) at--;
      alarms.splice(at, 0, alarm);
      return alarm;
    },
    clearTimeout(id) {
      const at = alarms.indexOf(id);
      if (at >= 0) alarms.splice(at, 1);
    },
    get size() {
      return alarms.length;
    },
    step(untilMs) {
      const [next] = alarms;
      if (next === undefined || next.dueMs > untilMs) {
        now = Math.max(now, untilMs);
        return false;
      }
      alarms.shift();
      now = next.dueMs;
      next.fire();
      return true;
    },
  };
}

/** Everything that needs no time has happened: turns of the event loop, and files that are being written. */
export async function settle(): Promise<void> {
  do await turn();
  while (process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq') || name === 'CloseReq'));
}

export interface SimProcess {
  /** Its own: it stands still with it. */
  readonly clock: Clock;
  readonly isAlive: boolean;
  readonly isFrozen: boolean;
  /** Now; when it thaws; or never. */
  run(fn: () => void): void;
  /** So much later, whether or not it is frozen then. */
  later(fn: () => void, ms: number): void;
  freeze(): void;
  /** Timers go first, then what has come in, as in an event loop. */
  thaw(): void;
  /** Nothing of it runs any more. */
  kill(): void;
}

export function simProcess(clock: SimClock): SimProcess {
  const alarms = new Set<unknown>();
  let timers: { readonly id: object; readonly fire: () => void }[] = [];
  let inbox: (() => void)[] = [];
  let isAlive = true;
  let isFrozen = false;

  const self: SimProcess = {
    clock: {
      now: () => clock.now(),
      setTimeout(fire, ms) {
        const own: { id?: unknown } = {};
        own.id = clock.setTimeout(() => {
          alarms.delete(own.id);
          if (isFrozen) timers.push({ id: own, fire });
          else fire();
        }, ms);
        alarms.add(own.id);
        return own;
      },
      clearTimeout(own: never) {
        const { id } = own as { id?: unknown };
        if (alarms.delete(id)) clock.clearTimeout(id as never);
        timers = timers.filter((timer) => timer.id !== own);
      },
    },
    get isAlive() {
      return isAlive;
    },
    get isFrozen() {
      return isFrozen;
    },
    run(fn) {
      if (!isAlive) return;
      if (isFrozen) inbox.push(fn);
      else fn();
    },
    later: (fn, ms) => void clock.setTimeout(() => self.run(fn), ms),
    freeze() {
      isFrozen = true;
    },
    thaw() {
      isFrozen = false;
      for (let next = timers.shift(); next !== undefined; next = timers.shift()) next.fire();
      for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) next();
    },
    kill() {
      isAlive = false;
      for (const id of alarms) clock.clearTimeout(id as never);
      alarms.clear();
      timers = [];
      inbox = [];
    },
  };
  return self;
}
