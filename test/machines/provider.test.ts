/** The machine of a provider: a circuit breaker, every event in every state. */
import { describe, expect, it } from 'vitest';
import type { SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

import { cooldownMs, MAX_FAILURES, providerMachine, type BreakerState, type ProviderEvent } from '../../src/machines/provider.ts';
import { isSerialisable, next, notFlat, snapshotAt, statesOf, step } from '../support/machines.ts';

const at = (state: BreakerState, failures = 0, openings = state === 'open' ? 1 : 0): SnapshotFrom<typeof providerMachine> =>
  snapshotAt(providerMachine, state, { label: 'hpc', kind: 'slurm', failures, openings, why: undefined });

const events = {
  answered: { type: 'jobs.answered' },
  failed: { type: 'jobs.failed', message: 'sbatch: timed out' },
  cooled: { type: 'timer.fired', timer: 'cooldown' },
  close: { type: 'provider.close' },
} as const satisfies Record<string, ProviderEvent>;
type Name = keyof typeof events;

const table: Readonly<Record<BreakerState, Partial<Record<Name, BreakerState>>>> = {
  closed: { close: 'stopped' },
  open: { answered: 'halfOpen', cooled: 'halfOpen', close: 'stopped' },
  halfOpen: { answered: 'closed', failed: 'open', close: 'stopped' },
  stopped: {},
};
const cells = (Object.keys(table) as BreakerState[]).flatMap((state) =>
  (Object.keys(events) as Name[]).map((name) => [state, name, table[state][name] ?? state] as const),
);

describe('a provider', () => {
  it.each(cells)('%s + %s → %s', (state, name, to) => {
    expect(step(providerMachine, at(state), events[name]).snapshot.value).toBe(to);
  });

  it(`opens after ${MAX_FAILURES} failures in a row, and says why`, () => {
    let snapshot = at('closed');
    for (let i = 1; i < MAX_FAILURES; i++) snapshot = next(providerMachine, snapshot, events.failed);
    expect(snapshot).toMatchObject({ value: 'closed', context: { failures: MAX_FAILURES - 1 } });
    const { snapshot: open, effects } = step(providerMachine, snapshot, events.failed);
    expect(open).toMatchObject({ value: 'open', context: { openings: 1, why: 'sbatch: timed out' } });
    expect(effects).toEqual(['startCooldown', 'announce']);
    expect(next(providerMachine, next(providerMachine, snapshot, events.answered), events.failed).value).toBe('closed');
  });

  it('stays open longer each time, up to a minute, until it was answered while half open', () => {
    let snapshot = at('open');
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      waits.push(cooldownMs(snapshot.context));
      snapshot = next(providerMachine, next(providerMachine, snapshot, events.cooled), events.failed);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    const well = next(providerMachine, next(providerMachine, snapshot, events.cooled), events.answered);
    expect(well).toMatchObject({ value: 'closed', context: { failures: 0, openings: 0, why: undefined } });
  });

  it('sends what waits when it is half open, and when it is closed again', () => {
    expect(step(providerMachine, at('open'), events.cooled).effects).toEqual(['stopCooldown', 'sendWaiting', 'announce']);
    expect(step(providerMachine, at('halfOpen'), events.answered).effects).toEqual(['sendWaiting', 'announce']);
  });

  it('reaches every state', () => {
    const paths = getShortestPaths(providerMachine, {
      input: { label: 'hpc', kind: 'slurm' },
      events: Object.values(events),
      serializeState: ({ value, context }) => JSON.stringify([value, Math.min(context.failures, MAX_FAILURES)]),
    });
    expect(new Set(paths.map(({ state }) => state.value))).toEqual(new Set(Object.keys(table)));
    expect(paths.every(({ state }) => isSerialisable(state))).toBe(true);
  });

  it('describes each of its states, has one way to end, and is flat', () => {
    expect(statesOf(providerMachine).filter(({ description = '' }) => description.length < 10)).toEqual([]);
    expect(statesOf(providerMachine).filter(({ type }) => type === 'final')).toMatchObject([{ name: 'stopped', events: [] }]);
    expect(notFlat(providerMachine)).toEqual([]);
  });
});
