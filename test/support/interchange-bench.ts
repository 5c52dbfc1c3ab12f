/**
 * The interchange and the managers of an executor, without blocks, provider and transport: managers say what the test
 * has them say, and time is a clock that it moves.
 */
import { expect } from 'vitest';
import { createMachine, SimulatedClock } from 'xstate';

import { interchange, type Interchange, type InterchangeHost } from '../../src/actors/blocks/interchange.ts';
import { managers, type Manager, type Managers } from '../../src/actors/blocks/managers.ts';
import type { Work } from '../../src/actors/blocks/work.ts';
import { actorSystem, spaceOf, type ActorSystem } from '../../src/actors/spawn.ts';
import { timers, type Timers } from '../../src/actors/timers.ts';
import type { BlockEnd } from '../../src/machines/model/blocks.ts';
import type { FailureKind } from '../../src/machines/model/failures.ts';
import type { Resources } from '../../src/machines/model/resources.ts';
import type { Place } from '../../src/machines/model/story.ts';
import { handshakeKind, orderingKind, selectionKind } from '../../src/machines/policies/block-kinds.ts';
import { asker } from '../../src/machines/policies/firewall.ts';
import { encodeKey, playManager, started, thisBuild, type PlayedManager, type Registers } from './played-manager.ts';

/** What was told of a piece of work. */
export interface Told {
  readonly type: 'sent' | 'started' | 'ended' | 'failed' | 'stopped' | 'progress' | 'output';
  readonly key: string;
  readonly kind?: FailureKind;
  readonly error?: Error;
  readonly bytes?: Uint8Array;
  readonly place?: Omit<Place, 'worker'> & { readonly worker?: string };
}

export interface Note {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface BenchOptions {
  readonly silentAfterMs?: number;
  readonly lostAfterMs?: number;
  readonly maxWorkBytes?: number;
  readonly batch?: number;
  readonly policies?: { readonly ordering?: InterchangeHost['askOrdering']; readonly selection?: InterchangeHost['askSelection'] };
}

export interface InterchangeBench {
  readonly clock: SimulatedClock;
  readonly exchange: Interchange;
  readonly crew: Managers;
  readonly system: ActorSystem;
  readonly timers: Timers;
  readonly told: readonly Told[];
  readonly notes: readonly Note[];
  /** Blocks that a manager may be of, and those that are held. */
  readonly blocks: Set<string>;
  readonly heldBlocks: Set<string>;
  readonly doubted: readonly string[];
  /** Managers whose workers do not come up, and why. */
  readonly broken: readonly string[];
  /** Events to actors that had ended. */
  readonly deadLetters: readonly string[];
  readonly gone: readonly { readonly managerId: string; readonly state: string; readonly end: BlockEnd | undefined }[];
  submit(key: string, more?: Partial<Work>): void;
  submitAll(keys: readonly string[], more?: Partial<Work>): void;
  /** Connects a manager: four workers, a credit of four, eight cores. */
  manager(managerId: string, more?: Registers): PlayedManager;
  entry(managerId: string): Manager;
  /** What became of a piece of work: the ends it was told of. */
  endsOf(key: string): readonly Told[];
  /** Everything that waits for the end of the turn has run. */
  rest(): Promise<void>;
  stop(key: string, graceMs?: number): boolean;
}

const ends: readonly string[] = ['ended', 'failed', 'stopped'];
export function workOf(key: string, more: Partial<Work> = {}): Work {
  const resources: Resources = {};
  return {
    key,
    taskId: key.split('/')[0] as string,
    tryIndex: Number(key.split('/')[1] ?? 0),
    name: 'simulate',
    priority: 0,
    resources,
    timeRequestMs: undefined,
    encode: () => encodeKey(key),
    ...more,
  };
}

export function interchangeBench(options: BenchOptions = {}): InterchangeBench {
  const { silentAfterMs = 20_000, lostAfterMs = 30_000, maxWorkBytes = 1000, batch = 64 } = options;
  const clock = new SimulatedClock();
  const wheel = timers(clock);
  const told: Told[] = [];
  const notes: Note[] = [];
  const doubted: string[] = [];
  const deadLetters: string[] = [];
  const broken: string[] = [];
  const gone: { managerId: string; state: string; end: BlockEnd | undefined }[] = [];
  const blocks = new Set(['1', '2', '3']);
  const heldBlocks = new Set<string>();
  const quiet = (): void => {};
  const system = actorSystem({
    onStep: quiet,
    onDeadLetter: ({ actorId, event }) => deadLetters.push(`${actorId}: ${event.type}`),
    onError(actorId, error) {
      throw new Error(`${actorId} has failed`, { cause: error });
    },
  });
  const root = system.spawn(createMachine({ id: 'bench' }), { id: 'bench', input: undefined });
  const space = spaceOf(system, root);
  const note = (type: string, data: Readonly<Record<string, unknown>>): void => void notes.push({ type, data });
  const watch = {
    nowMs: () => 0,
    onSlow: quiet,
    onFault: (fault: object) => note('policy.faulted', { ...fault }),
  };

  const exchange: Interchange = interchange({
    label: 'hpc',
    space,
    timers: wheel,
    nowMs: () => clock.now(),
    random: () => 0.5,
    askOrdering: options.policies?.ordering ?? asker(orderingKind, orderingKind.fallback, watch),
    askSelection: options.policies?.selection ?? asker(selectionKind, selectionKind.fallback, watch),
    managers: () => crew.live,
    jobIdOf: (blockId) => `job-${blockId}`,
    batch,
    maxWorkBytes,
    sink: {
      sent: ({ key }, place) => told.push({ type: 'sent', key, place }),
      started: ({ key }, place) => told.push({ type: 'started', key, place }),
      ended: ({ key }, bytes, place) => told.push({ type: 'ended', key, bytes, place }),
      failed: ({ key }, kind, error, place) => told.push({ type: 'failed', key, kind, error, ...(place && { place }) }),
      stopped: ({ key }) => told.push({ type: 'stopped', key }),
      progress: ({ key }, bytes) => told.push({ type: 'progress', key, bytes }),
      output: ({ key }) => told.push({ type: 'output', key }),
    },
    broken: ({ managerId }, why) => broken.push(`${managerId}: ${why}`),
    changed: quiet,
    note,
  });
  const crew: Managers = managers({
    space,
    timers: wheel,
    nowMs: () => clock.now(),
    build: thisBuild,
    heartbeatMs: 5000,
    silentAfterMs,
    lostAfterMs,
    askHandshake: asker(handshakeKind, handshakeKind.fallback, watch),
    admit: ({ blockId }) => blocks.has(blockId),
    isHeld: (blockId) => heldBlocks.has(blockId),
    reconcile: exchange.reconcile,
    heard: exchange.heard,
    changed: exchange.gained,
    gone(manager, how) {
      gone.push({ managerId: manager.managerId, state: how.state, end: how.end });
      exchange.release(manager, how);
    },
    doubted: ({ managerId }) => doubted.push(managerId),
    note,
  });
  exchange.open();

  const bench: InterchangeBench = {
    clock,
    exchange,
    crew,
    system,
    timers: wheel,
    told,
    notes,
    blocks,
    heldBlocks,
    doubted,
    deadLetters,
    broken,
    gone,
    submit: (key, more) => exchange.submit(workOf(key, more)),
    submitAll(keys, more) {
      for (const key of keys) bench.submit(key, more);
    },
    manager: (managerId, more) => playManager(crew, managerId, more),
    entry(managerId) {
      const found = crew.live.get(managerId);
      if (found === undefined) throw new Error(`there is no manager ${managerId}`);
      return found;
    },
    endsOf: (key) => told.filter((each) => each.key === key && ends.includes(each.type)),
    rest: () => new Promise((resolve) => setImmediate(resolve)),
    stop: (key, graceMs = 1000) => exchange.stop(key, new Uint8Array(), graceMs),
  };
  return bench;
}

/** A manager with four tries, of which the first two run. */
export async function busyManager(bench: InterchangeBench): Promise<PlayedManager> {
  const manager = bench.manager('m1');
  bench.submitAll(['a/0', 'b/0', 'c/0', 'd/0']);
  await bench.rest();
  manager.say(started(...manager.leases().slice(0, 2)));
  return manager;
}
/** Data of the notes of a type. */
export const notesOf = ({ notes }: InterchangeBench, type: string): readonly Note['data'][] =>
  notes.filter((note) => note.type === type).map(({ data }) => data);
/** States that a manager was said to be in. */
export const statesOf = (bench: InterchangeBench, managerId: string): readonly unknown[] =>
  notesOf(bench, 'manager.state')
    .filter((data) => data['managerId'] === managerId)
    .map(({ state }) => state);

/** That the interchange and everything around it has nothing left. */
export function expectNothingLeft({ exchange, crew, clock, timers: wheel }: InterchangeBench): void {
  expect([exchange.queued, exchange.granted, exchange.running]).toEqual([0, 0, 0]);
  expect(exchange.demand).toEqual({ cores: 0, memoryBytes: 0, gpus: 0 });
  for (const { holder } of crew.live.values()) expect(holder).toMatchObject({ large: 0, taken: { cores: 0, memoryBytes: 0, gpus: 0 } });
  crew.close('the test is over');
  exchange.close();
  clock.increment(25); // of what was about to be asked back
  expect(wheel.size).toBe(0);
}
