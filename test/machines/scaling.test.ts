/** The machine of scaling: when the policy is asked, what is done with its answer, and the limits that hold whatever it says. */
import { describe, expect, it } from 'vitest';
import type { SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

import type { BlockState, BlockView } from '../../src/machines/model/blocks.ts';
import { bounded, leastMissed, type ScalingBounds } from '../../src/machines/model/scaling-bounds.ts';
import { scalingMachine, type ScalingContext, type ScalingEvent } from '../../src/machines/scaling.ts';
import { isSerialisable, next, notFlat, snapshotAt, statesOf, step } from '../support/machines.ts';

type State = 'idle' | 'deciding' | 'resting' | 'due' | 'held' | 'stopped' | 'closed';
const at = (state: State, context: Partial<ScalingContext> = {}): SnapshotFrom<typeof scalingMachine> =>
  snapshotAt(scalingMachine, state, { label: 'hpc', min: 2, floor: 2, isFirst: false, memory: undefined, ...context });

const events = {
  changed: { type: 'scaling.changed' },
  decided: { type: 'scaling.decided', out: 0, in: [] },
  rested: { type: 'timer.fired', timer: 'rest' },
  again: { type: 'timer.fired', timer: 'again' },
  commanded: { type: 'scaling.commanded', blocks: 1 },
  hold: { type: 'scaling.hold' },
  unhold: { type: 'scaling.unhold' },
  stop: { type: 'scaling.stop' },
  recover: { type: 'scaling.recover' },
  close: { type: 'scaling.close' },
} as const satisfies Record<string, ScalingEvent>;
type Name = keyof typeof events;

const always = { hold: 'held', stop: 'stopped', close: 'closed' } as const;
const table: Readonly<Record<State, Partial<Record<Name, State>>>> = {
  idle: { changed: 'deciding', again: 'deciding', ...always },
  deciding: { decided: 'resting', ...always },
  resting: { changed: 'due', rested: 'idle', again: 'due', ...always },
  due: { rested: 'deciding', ...always },
  held: { unhold: 'deciding', stop: 'stopped', close: 'closed' },
  stopped: { recover: 'deciding', close: 'closed' },
  closed: {},
};
const cells = (Object.keys(table) as State[]).flatMap((state) =>
  (Object.keys(events) as Name[]).map((name) => [state, name, table[state][name] ?? state] as const),
);

describe('scaling', () => {
  it.each(cells)('%s + %s → %s', (state, name, to) => {
    expect(step(scalingMachine, at(state), events[name]).snapshot.value).toBe(to);
  });

  it.each([
    [{ out: 2, in: [] }, ['startAgain', 'scaleIn', 'scaleOut', 'startRest']],
    [{ out: 0, in: ['3'] }, ['startAgain', 'scaleIn', 'startRest']],
    [{ out: 0, in: [] }, ['startAgain', 'startRest']],
  ])('an answer %o asks for %o', (answer, effects) => {
    expect(step(scalingMachine, at('deciding'), { type: 'scaling.decided', ...answer }).effects).toEqual(effects);
  });

  it('keeps the memory of the policy, and forgets it when it recovers', () => {
    const decided = next(scalingMachine, at('deciding', { isFirst: true }), { ...events.decided, memory: { seen: 3 } });
    expect(decided.context).toMatchObject({ isFirst: false, memory: { seen: 3 } });
    const recovered = next(scalingMachine, next(scalingMachine, decided, events.stop), events.recover);
    expect(recovered.context).toMatchObject({ isFirst: true, memory: undefined, floor: 2 });
  });

  it('lowers the floor to what a command has left, and raises it no higher than the minimum', () => {
    const lower = next(scalingMachine, at('idle'), { type: 'scaling.commanded', blocks: 0 });
    expect(lower.context.floor).toBe(0);
    expect(next(scalingMachine, lower, { type: 'scaling.commanded', blocks: 7 }).context.floor).toBe(2);
  });

  it('reaches every state', () => {
    const paths = getShortestPaths(scalingMachine, {
      input: { label: 'hpc', min: 1 },
      events: Object.values(events),
      serializeState: ({ value, context }) => JSON.stringify([value, context]),
    });
    expect(new Set(paths.map(({ state }) => state.value))).toEqual(new Set(Object.keys(table)));
    expect(paths.every(({ state }) => isSerialisable(state))).toBe(true);
  });

  it('describes each of its states, has one way to end, and is flat', () => {
    expect(statesOf(scalingMachine).filter(({ description = '' }) => description.length < 10)).toEqual([]);
    expect(statesOf(scalingMachine).filter(({ type }) => type === 'final')).toMatchObject([{ name: 'closed', events: [] }]);
    expect(notFlat(scalingMachine)).toEqual([]);
  });
});

const view = (blockId: string, state: BlockState, more: Partial<BlockView> = {}): BlockView => ({
  blockId,
  state,
  sinceMs: 0,
  requestedMs: Number(blockId),
  jobName: `j${blockId}`,
  managers: 0,
  workers: 0,
  tries: 0,
  ...more,
});
const three = [view('0', 'ready'), view('1', 'ready'), view('2', 'pending')];
const bounds = (more: Partial<ScalingBounds> = {}): ScalingBounds => ({
  limits: { init: 0, min: 0, max: 4 },
  isFirst: false,
  floor: 0,
  canReplace: true,
  live: three,
  isLeaving: () => false,
  ...more,
});

describe('the limits on scaling', () => {
  it('leave no room above the maximum, blocks that are leaving counted', () => {
    expect(bounded({ out: 9, in: [] }, bounds()).out).toBe(1);
    expect(bounded({ out: 9, in: ['0', '1'] }, bounds()).out).toBe(1);
    expect(bounded({ out: 9, in: [] }, bounds({ limits: { init: 0, min: 0, max: 2 } })).out).toBe(0);
  });

  it.each([Number.NaN, -3, 0.5, Number.NEGATIVE_INFINITY])('take %d for none', (out) => {
    expect(bounded({ out, in: [] }, bounds()).out).toBe(0);
  });

  it('give back only what is there and is not leaving already, each once', () => {
    const isLeaving = (blockId: string): boolean => blockId === '1';
    expect(bounded({ out: 0, in: ['1', '2', '2', '7', '0'] }, bounds({ isLeaving })).in).toEqual(['2', '0']);
  });

  it('keep the minimum from above and from below', () => {
    expect(bounded({ out: 0, in: ['0', '1', '2'] }, bounds({ floor: 2 })).in).toEqual(['0']);
    expect(bounded({ out: 0, in: [] }, bounds({ floor: 4 })).out).toBe(1);
    expect(bounded({ out: 0, in: [] }, bounds({ floor: 3, isLeaving: (id) => id === '0' })).out).toBe(1);
    expect(bounded({ out: 0, in: [] }, bounds({ floor: 4, canReplace: false })).out).toBe(0);
  });

  it('ask for the first blocks, whatever the policy says', () => {
    const limits = { init: 3, min: 0, max: 4 };
    expect(bounded({ out: 0, in: [] }, bounds({ limits, isFirst: true, live: [] })).out).toBe(3);
    expect(bounded({ out: 0, in: [] }, bounds({ limits, isFirst: false, live: [] })).out).toBe(0);
    expect(bounded({ out: 9, in: [] }, bounds({ limits, isFirst: true, live: [] })).out).toBe(4);
  });
});

it('blocks that do not run are missed least, then those that are idle longest, then those with the fewest tries', () => {
  const blocks = [
    view('0', 'ready', { tries: 5 }),
    view('1', 'ready', { tries: 2 }),
    view('2', 'ready', { idleSinceMs: 50 }),
    view('3', 'ready', { idleSinceMs: 10 }),
    view('4', 'starting'),
    view('5', 'pending'),
    view('6', 'pending'),
    view('7', 'requested'),
  ];
  expect(leastMissed(blocks).map(({ blockId }) => blockId)).toEqual(['7', '6', '5', '4', '3', '2', '1', '0']);
});
