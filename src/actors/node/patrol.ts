/**
 * Looks after tries that run, with one timer for all workers: says which have started (those that end at once need no
 * word), notices that tries are not short, and has what waits behind a long one taken back for workers with nothing to
 * do.
 */
import type { Timers } from '../timers.ts';
import { isSlow, type Depth } from './depth.ts';
import type { Entry, Handle } from './handle.ts';

export interface PatrolOptions {
  readonly timers: Timers;
  readonly nowMs: () => number;
  /** How often it looks, and how long a try runs before it is said to run. */
  readonly fastMs: number;
  readonly depth: Depth;
  up(): readonly Handle[];
  hasQueue(): boolean;
  started(leases: readonly number[], workers: readonly string[]): void;
  /** Asks for tries that have not started. */
  takeBack(handle: Handle, behind: readonly Entry[]): void;
  /** After each look. */
  looked(): void;
}

export interface Patrol {
  /** Looks from now on, for as long as there is something to look at. */
  watch(): void;
  /** Says again which tries run. */
  announceAgain(): void;
}

/** A try that runs for so long has the others behind it moved. */
const MOVE_AFTER_MS = 50;

export function openPatrol(options: PatrolOptions): Patrol {
  const { timers, nowMs, fastMs, depth, up, started } = options;
  let isWatching = false;

  function isOfInterest({ pipe: [head, next] }: Handle): boolean {
    return head !== undefined && (next !== undefined || !head.isAnnounced || depth.value > 1);
  }

  function watch(): void {
    if (isWatching || !up().some(isOfInterest)) return;
    isWatching = true;
    timers.start('tries', fastMs, look);
  }

  function look(): void {
    isWatching = false;
    const now = nowMs();
    const begun: Entry[] = [];
    let idle = 0;
    for (const {
      pipe: [head],
    } of up()) {
      if (head === undefined) idle++;
      else {
        if (!head.isAnnounced && now - head.sinceMs >= fastMs) begun.push(head);
        if (isSlow(now - head.sinceMs, fastMs)) depth.fall();
      }
    }
    announce(begun);
    if (idle > 0 && !options.hasQueue()) move(idle, now);
    options.looked();
    watch();
  }

  function announce(heads: readonly Entry[]): void {
    if (heads.length === 0) return;
    for (const entry of heads) entry.isAnnounced = true;
    started(
      heads.map(({ lease }) => lease),
      heads.map(({ worker }) => worker?.name ?? ''),
    );
  }

  function move(most: number, now: number): void {
    let left = most;
    for (const handle of up()) {
      const [head, ...behind] = handle.pipe;
      if (head === undefined || now - head.sinceMs < MOVE_AFTER_MS) continue;
      const moved = behind.filter(({ isAsked }) => !isAsked).slice(0, left);
      left -= moved.length;
      if (moved.length > 0) options.takeBack(handle, moved);
    }
  }

  return {
    watch,
    announceAgain: () => announce(up().flatMap(({ pipe: [head] }) => (head?.isAnnounced === true ? head : []))),
  };
}
