/** What actors of blocks need around them: an actor system on a clock that the test moves, a ledger in memory, notes. */
import { createMachine, SimulatedClock } from 'xstate';

import type { Ledger } from '../../src/actors/blocks/ledger.ts';
import type { LedgerRecord } from '../../src/actors/blocks/ledger-records.ts';
import type { ActorSpace } from '../../src/actors/executors/port.ts';
import { actorSystem, spaceOf, type ActorSystem } from '../../src/actors/spawn.ts';
import type { JobSpec } from '../../src/machines/model/blocks.ts';

export interface Note {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface BlockWorld {
  readonly system: ActorSystem;
  readonly space: ActorSpace;
  readonly clock: SimulatedClock;
  readonly notes: readonly Note[];
  note(type: string, data: Readonly<Record<string, unknown>>): void;
  /** Data of the notes of a type. */
  noted(type: string): readonly Readonly<Record<string, unknown>>[];
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>;
  /** Moves the clock, a step at a time, and lets everything happen at each. */
  pass(ms: number, stepMs?: number): Promise<void>;
  /** Errors of actors: a test ends with none. */
  readonly errors: readonly string[];
}

export function blockWorld(): BlockWorld {
  const errors: string[] = [];
  const notes: Note[] = [];
  const clock = new SimulatedClock();
  const system = actorSystem(
    {
      onStep: () => {},
      onDeadLetter: ({ actorId, event }) => errors.push(`${actorId} had ended before ${event.type}`),
      onError: (actorId, error) => errors.push(`${actorId}: ${String(error)}`),
    },
    { clock },
  );
  const root = system.spawn(createMachine({ id: 'root' }), { id: 'root', input: undefined });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  return {
    system,
    space: spaceOf(system, root),
    clock,
    notes,
    note: (type, data) => notes.push({ type, data }),
    noted: (type) => notes.filter((each) => each.type === type).map(({ data }) => data),
    settle,
    async pass(ms, stepMs = Math.max(1, ms / 20)) {
      for (let left = ms; left > 0; left -= stepMs) {
        clock.increment(Math.min(stepMs, left));
        await settle();
      }
    },
    errors,
  };
}

export interface MemoryLedger extends Ledger {
  readonly records: readonly LedgerRecord[];
  /** The next append fails. */
  fail(error: Error): void;
  /** Called before the next record is in. */
  onAppend(look: () => void): void;
  readonly isClosed: boolean;
}

export function memoryLedger(): MemoryLedger {
  const records: LedgerRecord[] = [];
  let failure: Error | undefined;
  let isClosed = false;
  let look = (): void => {};
  return {
    records,
    nextBlock: 0,
    async append(record) {
      const error = failure;
      failure = undefined;
      if (error !== undefined) throw error;
      look();
      look = () => {};
      records.push(record);
    },
    onAppend(next) {
      look = next;
    },
    fail(error) {
      failure = error;
    },
    async close() {
      isClosed = true;
    },
    get isClosed() {
      return isClosed;
    },
  };
}

export const specOf = (blockId: string, name: string): JobSpec => ({
  blockId,
  name,
  nodes: 1,
  walltimeMs: undefined,
  argv: ['true'],
  env: {},
  workDir: '/',
  stdout: '/dev/null',
  stderr: '/dev/null',
});
