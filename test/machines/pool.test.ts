/** The machine of a pool: every event in every state, what each asks for, with what it ends. */
import { describe, expect, it } from 'vitest';
import type { SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

import { exitCodes, poolMachine, type PoolContext, type PoolEvent, type PoolState } from '../../src/machines/pool.ts';
import { isSerialisable, next, notFlat, snapshotAt, statesOf, step } from '../support/machines.ts';

const inState = (state: PoolState, context: Partial<PoolContext> = {}): SnapshotFrom<typeof poolMachine> =>
  snapshotAt(poolMachine, state, { deaths: 0, end: undefined, ...context });

const events = {
  ready: { type: 'worker.ready' },
  failed: { type: 'worker.failed', why: 'it exited with code 1', stderr: 'no module' },
  unfit: { type: 'pool.unfit', why: 'no cores' },
  drain: { type: 'pool.drain', why: 'its walltime is nearly over' },
  emptied: { type: 'pool.emptied' },
  end: { type: 'pool.end', why: 'it got SIGTERM', code: 0 },
  gone: { type: 'pool.gone' },
} as const satisfies Record<string, PoolEvent>;
type Name = keyof typeof events;

const table: Readonly<Record<PoolState, Partial<Record<Name, PoolState>>>> = {
  starting: { ready: 'serving', unfit: 'broken', drain: 'draining', end: 'ending' },
  serving: { drain: 'draining', end: 'ending' },
  draining: { emptied: 'ending', end: 'ending' },
  broken: { emptied: 'ending', end: 'ending' },
  ending: { gone: 'ended' },
  ended: {},
};
const cells = (Object.keys(table) as PoolState[]).flatMap((state) =>
  (Object.keys(events) as Name[]).map((name) => [state, name, table[state][name] ?? state] as const),
);

describe('a pool', () => {
  it.each(cells)('%s + %s → %s', (state, name, to) => {
    const { snapshot, effects } = step(poolMachine, inState(state), events[name]);
    expect(snapshot.value).toBe(to);
    if (to === state) expect(effects).toEqual([]);
  });

  it.each([
    ['serving', 'drain', ['giveBack', 'announce']],
    ['draining', 'emptied', ['sayLeaving', 'giveBack', 'endWorkers', 'announce']],
    ['serving', 'end', ['giveBack', 'endWorkers', 'announce']],
    ['ending', 'gone', ['announce']],
  ] as const)('%s + %s asks for %o', (state, name, effects) => {
    expect(step(poolMachine, inState(state), events[name]).effects).toEqual(effects);
  });

  it('is broken by the third worker that does not come up, and says what that one said', () => {
    let snapshot = inState('starting');
    for (let i = 0; i < 2; i++) snapshot = next(poolMachine, snapshot, events.failed);
    expect(snapshot).toMatchObject({ value: 'starting', context: { deaths: 2 } });
    snapshot = next(poolMachine, snapshot, events.failed);
    expect(snapshot.value).toBe('broken');
    expect(snapshot.context.end).toEqual({ why: 'it exited with code 1', code: exitCodes.broken, stderr: 'no module' });
    expect(next(poolMachine, snapshot, { type: 'pool.end', why: 'the driver is gone', code: exitCodes.deserted }).context.end?.code).toBe(
      exitCodes.broken,
    );
  });

  it('is not broken by any number of workers once one was ready', () => {
    let snapshot = next(poolMachine, inState('starting', { deaths: 2 }), events.ready);
    for (let i = 0; i < 5; i++) snapshot = next(poolMachine, snapshot, events.failed);
    expect(snapshot.value).toBe('serving');
  });

  it('ends with what ended it, at once before when drained', () => {
    const draining = next(poolMachine, inState('serving'), events.drain);
    expect(draining.context.end).toEqual({ why: 'its walltime is nearly over', code: exitCodes.done });
    expect(next(poolMachine, draining, events.emptied).context.end?.why).toBe('its walltime is nearly over');
    expect(next(poolMachine, draining, { type: 'pool.end', why: 'the driver is gone', code: exitCodes.deserted }).context.end).toEqual({
      why: 'the driver is gone',
      code: exitCodes.deserted,
    });
  });

  it('reaches every state', () => {
    const paths = getShortestPaths(poolMachine, {
      events: Object.values(events),
      serializeState: ({ value, context }) => `${String(value)} ${context.deaths}`,
    });
    expect([...new Set(paths.map(({ state }) => String(state.value)))].toSorted()).toEqual(
      statesOf(poolMachine)
        .map(({ name }) => name)
        .toSorted(),
    );
    expect(paths.every(({ state }) => isSerialisable(state))).toBe(true);
  });

  it('describes each state, is flat, and never leaves the final one', () => {
    expect(notFlat(poolMachine)).toEqual([]);
    for (const { name, description, type, events: taken } of statesOf(poolMachine)) {
      expect(description?.length ?? 0, name).toBeGreaterThan(20);
      if (type === 'final') expect(taken, name).toEqual([]);
    }
  });
});
