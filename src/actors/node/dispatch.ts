/**
 * Which worker of a manager has which try. Tries wait in the manager's own queue and go to workers one by one, or by
 * the batch while they are short; the first in a worker's pipe is the one that runs. What waits behind a long one is
 * taken back for workers with nothing to do. Nothing here is done once a try: all of it is once a batch.
 */
import { outcomeTags } from '../../machines/model/outcome-tags.ts';
import type { MessageOf } from '../../transport/protocol.ts';
import type { FromWorkerOf } from './pipe-protocol.ts';
import type { ActorSystem } from '../spawn.ts';
import type { Timers } from '../timers.ts';
import { depth as openDepth } from './depth.ts';
import { fresh, lossOf, type Entry, type Handle } from './handle.ts';
import { openPatrol } from './patrol.ts';
import { recent } from './recent.ts';

export interface DispatchOptions {
  readonly system: ActorSystem;
  readonly timers: Timers;
  readonly nowMs: () => number;
  readonly maxCredit: number;
  readonly fastMs: number;
  readonly crew: Crew;
  readonly report: DispatchReports;
}

/** The workers, as far as tries are concerned. */
export interface Crew {
  up(): readonly Handle[];
  /** Those that are up, or about to be. */
  workers(): number;
  /** They are being stopped: nobody is told what becomes of their tries. */
  isEnding(): boolean;
  kill(handle: Handle, why: string): void;
}

/** What the driver is to be told. */
export interface DispatchReports {
  ended(lease: number, outcome: Uint8Array, worker: string): void;
  lost(loss: Omit<MessageOf<'lost'>, 't' | 'seq'>): void;
  returned(leases: readonly number[]): void;
  started(leases: readonly number[], workers: readonly string[]): void;
  credit(credit: number, workers: number): void;
}

export interface Dispatch {
  grant(leases: readonly number[], works: readonly Uint8Array[]): void;
  recall(leases: readonly number[]): void;
  stop(lease: number, reason: Uint8Array, graceMs: number): void;
  /** They are nobody's any more: ends them without a word. */
  drop(leases: readonly number[]): void;
  /** Takes nothing from now on, and gives back what does not run. */
  giveBack(): void;
  /** A worker has come up. */
  ready(handle: Handle): void;
  ended(handle: Handle, message: FromWorkerOf<'ended'>): void;
  revoked(handle: Handle, message: FromWorkerOf<'revoked'>): void;
  /** A worker is gone. */
  closed(handle: Handle): void;
  /** There are more or fewer workers. */
  changed(): void;
  /** The driver may not have heard which tries run. */
  announceAgain(): void;
  /** Leases that have not ended. */
  leases(): readonly number[];
  readonly size: number;
  /** How many leases it takes at once, for a message that says so. */
  sayCredit(): number;
}

/** Leases that ended, kept in case the transport delivers a grant twice. */
const REMEMBERED = 512;

const stopped = Uint8Array.of(outcomeTags.stopped);

export function openDispatch({ system, timers, nowMs, maxCredit, fastMs, crew, report }: DispatchOptions): Dispatch {
  const entries = new Map<number, Entry>();
  let queue: Entry[] = [];
  const depth = openDepth({ most: maxCredit, fastMs });
  const past = recent(REMEMBERED);
  const patrol = openPatrol({
    timers,
    nowMs,
    fastMs,
    depth,
    up: crew.up,
    hasQueue: () => queue.length > 0,
    started: report.started,
    takeBack: ask,
    looked: tellCredit,
  });
  let isTaking = true;
  let said = '';

  const credit = (): number => (isTaking ? crew.workers() * depth.value : 0);

  // ——— giving

  /** What was given to each worker in one go. */
  type Batch = Map<Handle, Entry[]>;

  function give(handle: Handle, batch: Batch): void {
    const entry = queue.shift() as Entry;
    entry.worker = handle;
    entry.sinceMs = nowMs();
    handle.pipe.push(entry);
    const given = batch.get(handle);
    if (given === undefined) batch.set(handle, [entry]);
    else given.push(entry);
  }

  function send(batch: Batch): void {
    for (const [handle, given] of batch) {
      handle.send({ t: 'run', leases: given.map(({ lease }) => lease), works: given.map(({ work }) => work) });
      if (handle.state === 'idle') system.post(handle.actor, { type: 'worker.given' });
    }
    if (batch.size > 0) patrol.watch();
  }

  /** First one for each worker with nothing to do, then a second for each, … */
  function pump(): void {
    if (queue.length === 0) return;
    const batch: Batch = new Map();
    const open = crew.up().filter(takesMore);
    for (let level = 0; level < depth.value && queue.length > 0; level++) {
      for (const handle of open) if (handle.pipe.length <= level && queue.length > 0) give(handle, batch);
    }
    send(batch);
  }

  function refill(handle: Handle): void {
    if (queue.length === 0 || !takesMore(handle) || handle.pipe.length >= depth.value) return;
    const batch: Batch = new Map();
    while (queue.length > 0 && handle.pipe.length < depth.value) give(handle, batch);
    send(batch);
  }

  const takesMore = ({ state }: Handle): boolean => state === 'idle' || state === 'busy';

  // ——— taking back

  /** Out of wherever it is. */
  function remove(entry: Entry): void {
    entries.delete(entry.lease);
    past.add(entry.lease);
    const at = entry.worker === undefined ? queue : entry.worker.pipe;
    const index = at[0] === entry ? 0 : at.indexOf(entry);
    if (index >= 0) at.splice(index, 1);
  }

  function ask(handle: Handle, asked: readonly Entry[]): void {
    if (asked.length === 0) return;
    for (const entry of asked) entry.isAsked = true;
    handle.send({ t: 'revoke', leases: asked.map(({ lease }) => lease) });
  }

  const known = (leases: readonly number[]): readonly Entry[] => leases.flatMap((lease) => entries.get(lease) ?? []);
  const isHead = (entry: Entry): boolean => entry.worker?.pipe[0] === entry;

  /** Asks workers for those that have not started, with what is to become of them; returns those in the queue. */
  function withdraw(wanted: readonly Entry[], wish: 'return' | 'drop'): readonly number[] {
    const asked = new Map<Handle, Entry[]>();
    const here: number[] = [];
    for (const entry of wanted) {
      if (entry.worker === undefined) {
        remove(entry);
        here.push(entry.lease);
      } else if (!isHead(entry) && entry.wish === 'run') {
        entry.wish = wish;
        asked.set(entry.worker, [...(asked.get(entry.worker) ?? []), entry]);
      }
    }
    for (const [handle, behind] of asked) ask(handle, behind);
    return here;
  }

  function back(leases: readonly number[]): void {
    if (leases.length > 0) report.returned(leases);
  }

  function giveBackQueue(): void {
    back(withdraw([...queue], 'return'));
  }

  // ——— after what a worker has said

  /** Its machine follows its pipe. */
  function settle(handle: Handle): void {
    const [head] = handle.pipe;
    if (head === undefined) {
      if (handle.state === 'busy' || handle.state === 'stopping') system.post(handle.actor, { type: 'worker.emptied' });
      return;
    }
    if (head.isTimed) return;
    if (handle.state === 'stopping') system.post(handle.actor, { type: 'worker.relieved' });
    if (head.wish === 'stop') expire(handle, head);
  }

  /** Its grace begins when it runs. */
  function expire(handle: Handle, entry: Entry): void {
    entry.isTimed = true;
    system.post(handle.actor, { type: 'worker.stop', graceMs: entry.graceMs });
  }

  function advance(handle: Handle, before: Entry | undefined): void {
    const [head] = handle.pipe;
    if (head !== undefined && head !== before) head.sinceMs = nowMs();
    if (handle.state === 'stopping') settle(handle); // it takes more once the try that was to stop has
    refill(handle);
    settle(handle);
    patrol.watch();
  }

  const creditText = (): string => `${credit()} ${crew.workers()}`;

  function tellCredit(): void {
    const text = creditText();
    if (text === said) return;
    said = text;
    report.credit(credit(), crew.workers());
  }

  return {
    grant(leases, works) {
      if (!isTaking) return back(leases);
      for (const [i, lease] of leases.entries()) {
        const work = works[i];
        if (work === undefined || entries.has(lease) || past.has(lease)) continue;
        const entry = fresh(lease, work);
        entries.set(lease, entry);
        queue.push(entry);
      }
      pump();
    },
    recall: (leases) => back(withdraw(known(leases), 'return')),
    stop(lease, reason, graceMs) {
      const entry = entries.get(lease);
      if (entry === undefined) return; // its end is on its way
      if (entry.worker === undefined) {
        remove(entry);
        return back([lease]);
      }
      if (entry.wish !== 'drop') entry.wish = 'stop';
      entry.graceMs = graceMs;
      entry.worker.send({ t: 'stop', lease, reason, graceMs });
      if (isHead(entry)) expire(entry.worker, entry);
    },
    drop(leases) {
      const dropped = known(leases);
      withdraw(dropped, 'drop');
      for (const entry of dropped) {
        entry.wish = 'drop';
        if (entry.worker !== undefined && isHead(entry)) crew.kill(entry.worker, 'its try is no longer wanted');
      }
    },
    giveBack() {
      isTaking = false;
      giveBackQueue();
      for (const { pipe } of crew.up()) withdraw(pipe.slice(1), 'return');
      tellCredit();
    },
    ready() {
      pump();
      tellCredit();
    },
    ended(handle, { leases, outcomes, totalMs, longestMs }) {
      const [before] = handle.pipe;
      for (const [i, lease] of leases.entries()) {
        const entry = entries.get(lease);
        const outcome = outcomes[i];
        if (entry?.worker !== handle || outcome === undefined) continue;
        remove(entry);
        // a try that was stopped though nobody asked for it has ended with its manager
        const isOurs = outcome[0] === outcomeTags.stopped && entry.wish !== 'stop';
        if (entry.wish !== 'drop' && !isOurs) report.ended(lease, outcome, handle.name);
      }
      handle.hasEnded = true;
      depth.observe(leases.length, totalMs, longestMs);
      advance(handle, before);
      tellCredit();
    },
    revoked(handle, { leases, kept }) {
      const [before] = handle.pipe;
      const here: number[] = [];
      const again: Entry[] = [];
      for (const entry of known(leases)) {
        if (entry.worker !== handle) continue;
        remove(entry);
        if (entry.wish === 'run' && isTaking) again.push(entry);
        else if (entry.wish !== 'drop') here.push(entry.lease);
      }
      for (const entry of known(kept)) {
        if (entry.worker !== handle) continue;
        entry.isAsked = false;
        if (entry.wish === 'drop') crew.kill(handle, 'its try is no longer wanted');
        if (entry.wish === 'return') entry.wish = 'run';
      }
      requeue(again);
      back(here);
      advance(handle, before);
      pump();
    },
    closed(handle) {
      const [head, ...behind] = handle.pipe.splice(0);
      if (head !== undefined) {
        remove(head);
        depth.fall();
        if (head.wish === 'stop') report.ended(head.lease, stopped, handle.name);
        else if (head.wish !== 'drop' && !crew.isEnding()) report.lost(lossOf(head, handle));
      }
      const here: number[] = [];
      const again: Entry[] = [];
      for (const entry of behind) {
        if (entry.wish === 'run' && isTaking) again.push(entry);
        else {
          remove(entry);
          if (entry.wish !== 'drop') here.push(entry.lease);
        }
      }
      requeue(again);
      back(here);
      pump();
      tellCredit();
    },
    changed() {
      if (crew.workers() === 0) giveBackQueue(); // others may have workers
      tellCredit();
    },
    announceAgain: patrol.announceAgain,
    leases: () => [...entries.keys()],
    get size() {
      return entries.size;
    },
    sayCredit() {
      said = creditText();
      return credit();
    },
  };

  /** They go first: they have waited longest. */
  function requeue(again: readonly Entry[]): void {
    if (again.length === 0) return;
    const fresher = again.map(({ lease, work }) => fresh(lease, work));
    for (const entry of fresher) {
      entries.set(entry.lease, entry);
      past.delete(entry.lease);
    }
    queue = [...fresher, ...queue];
  }
}
