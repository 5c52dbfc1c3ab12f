/**
 * Binds the pool machine to worker processes: one a slot, started at once, and replaced when it ends. A worker that
 * ends before it has done anything is replaced ever later, so that what cannot come up does not keep the node busy.
 */
import type { Actor } from 'xstate';

import { backOffMs, jittered } from '../../machines/model/back-off.ts';
import { poolMachine, type PoolEnd, type PoolMachine, type PoolState } from '../../machines/pool.ts';
import type { WorkerState } from '../../machines/worker.ts';
import type { FromWorker, ToWorker } from './pipe-protocol.ts';
import type { ActorSystem } from '../spawn.ts';
import type { Timers } from '../timers.ts';
import { exitText, startHandle, type Handle, type SpawnWorker } from './handle.ts';

export interface PoolOptions {
  readonly system: ActorSystem;
  readonly timers: Timers;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly startMs: number;
  readonly stopGraceMs: number;
  /** What the worker of each slot gets. */
  readonly slots: readonly Slot[];
  /** Why there are none. */
  readonly whyNone: string;
  readonly spawnWorker: SpawnWorker;
  readonly on: PoolHandlers;
}

export interface Slot {
  readonly env: Readonly<Record<string, string>>;
  readonly cores: readonly number[] | undefined;
  readonly setup: Extract<ToWorker, { t: 'setup' }>;
}

export interface PoolHandlers {
  /** It can be given tries. */
  ready(handle: Handle): void;
  messages(handle: Handle, messages: readonly FromWorker[]): void;
  /** It is lost or ended; what is in its pipe has to be settled. */
  closed(handle: Handle): void;
  /** More or fewer slots have a worker that is up, or about to be. */
  changed(): void;
  /** What was granted and does not run goes back. */
  giveBack(): void;
  sayLeaving(): void;
  state(state: PoolState): void;
}

export interface Pool {
  readonly actor: Actor<PoolMachine>;
  readonly state: PoolState;
  readonly end: PoolEnd | undefined;
  /** Workers that were ready and have not ended. */
  readonly up: readonly Handle[];
  /** Slots with a worker that is up, or about to be. */
  readonly workers: number;
  kill(handle: Handle, why: string): void;
}

/** Between a worker that did nothing and the next one in its slot. */
const RESTART = { firstMs: 100, mostMs: 30_000 } as const;

interface Place extends Slot {
  handle: Handle | undefined;
  /** Workers in a row that have ended before they had done anything. */
  failures: number;
  isResting: boolean;
}

export function openPool(options: PoolOptions): Pool {
  const { system, timers, nowMs, random, on } = options;
  const places: Place[] = options.slots.map((slot) => ({ ...slot, handle: undefined, failures: 0, isResting: false }));
  let up: readonly Handle[] = [];
  let started = 0;

  const state = (): PoolState => actor.getSnapshot().value;
  const takes = (): boolean => state() === 'starting' || state() === 'serving';

  function start(slot: number): void {
    const place = places[slot];
    if (place === undefined || place.handle !== undefined || !takes()) return;
    const wasResting = place.isResting;
    place.isResting = false;
    place.handle = startHandle({
      system,
      parent,
      timers,
      nowMs,
      id: `worker/${slot}.${++started}`,
      slot,
      startMs: options.startMs,
      spawn: (handlers) => options.spawnWorker({ slot, env: place.env, cores: place.cores, ...handlers }),
      setup: place.setup,
      onState,
      onMessages: on.messages,
    });
    if (wasResting) on.changed();
  }

  function onState(handle: Handle, to: WorkerState): void {
    if (to === 'idle') {
      up = [...up, handle];
      system.post(actor, { type: 'worker.ready' });
      system.afterStep(() => on.ready(handle));
    } else system.afterStep(() => closed(handle));
  }

  function closed(handle: Handle): void {
    const place = places[handle.slot] as Place;
    // one that ends with a try, or because we wanted it, did what it could
    const wasOfUse = handle.hasEnded || handle.pipe.length > 0 || (handle.wasUp && handle.state === 'ended');
    up = up.filter((each) => each !== handle);
    place.handle = undefined;
    on.closed(handle);
    const { exit } = handle;
    if (!handle.wasUp && exit !== undefined) {
      const why = `a worker has ended before it was ready: ${handle.actor.getSnapshot().context.why ?? exitText(exit)}`;
      system.post(actor, { type: 'worker.failed', why, stderr: exit.stderr });
    }
    place.failures = wasOfUse ? 0 : place.failures + 1;
    // the first time, one that was up may have been killed by anybody
    const attempt = place.failures - (handle.wasUp ? 2 : 1);
    system.afterStep(() => replace(handle.slot, place, attempt < 0 ? 0 : jittered(backOffMs(attempt, RESTART), random())));
    gone();
  }

  function replace(slot: number, place: Place, afterMs: number): void {
    if (!takes()) return;
    if (afterMs === 0) return start(slot);
    place.isResting = true;
    timers.start(`slot/${slot}`, afterMs, () => start(slot));
    on.changed();
  }

  function gone(): void {
    if (state() === 'ending' && places.every(({ handle }) => handle === undefined)) system.post(actor, { type: 'pool.gone' });
  }

  function endWorkers(): void {
    for (const [slot, { handle }] of places.entries()) {
      timers.cancel(`slot/${slot}`);
      if (handle !== undefined) system.post(handle.actor, { type: 'worker.end', graceMs: options.stopGraceMs });
    }
    system.afterStep(gone);
  }

  const machine = poolMachine.provide({
    actions: {
      // not within the step that makes the pool itself
      startWorkers: () =>
        queueMicrotask(() => {
          if (places.length === 0) system.post(actor, { type: 'pool.unfit', why: options.whyNone });
          else for (const slot of places.keys()) start(slot);
        }),
      giveBack: () => system.afterStep(on.giveBack),
      sayLeaving: on.sayLeaving,
      endWorkers,
      announce: (_, { state: to }) => system.afterStep(() => on.state(to)),
    },
  });
  const actor: Actor<PoolMachine> = system.spawn(machine, { id: 'pool', input: undefined });
  const parent = system.supervisor('workers', actor);

  return {
    actor,
    get state() {
      return state();
    },
    get end() {
      return actor.getSnapshot().context.end;
    },
    get up() {
      return up;
    },
    get workers() {
      return places.reduce((sum, { isResting }) => sum + (isResting ? 0 : 1), 0);
    },
    kill: (handle, why) => system.post(handle.actor, { type: 'worker.kill', why }),
  };
}
