/** The machine of an interchange: every event in every state, what each asks for, what it reaches. */
import { describe, expect, it } from 'vitest';
import type { SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

import { interchangeMachine, type InterchangeEvent } from '../../src/machines/interchange.ts';
import { isSerialisable, next, notFlat, snapshotAt, statesOf, step } from '../support/machines.ts';

type State = 'starting' | 'idle' | 'dispatching' | 'starved' | 'closed';
const inState = (state: State, queued = 0): SnapshotFrom<typeof interchangeMachine> =>
  snapshotAt(interchangeMachine, state, { label: 'hpc', queued, granted: 0 });

const events = {
  opened: { type: 'interchange.opened' },
  queued: { type: 'work.queued' },
  credit: { type: 'credit.gained' },
  dispatchedAll: { type: 'work.dispatched', queued: 0, granted: 3 },
  dispatchedSome: { type: 'work.dispatched', queued: 2, granted: 1 },
  close: { type: 'interchange.close' },
} as const satisfies Record<string, InterchangeEvent>;
type Name = keyof typeof events;

const table: Readonly<Record<State, Partial<Record<Name, State>>>> = {
  starting: { opened: 'idle', close: 'closed' },
  idle: { queued: 'dispatching', close: 'closed' },
  dispatching: { dispatchedAll: 'idle', dispatchedSome: 'starved', close: 'closed' },
  starved: { queued: 'dispatching', credit: 'dispatching', close: 'closed' },
  closed: {},
};
const cells = (Object.keys(table) as State[]).flatMap((state) =>
  (Object.keys(events) as Name[]).map((name) => [state, name, table[state][name] ?? state] as const),
);

describe('an interchange', () => {
  it.each(cells)('%s + %s → %s', (state, name, to) => {
    expect(next(interchangeMachine, inState(state), events[name]).value).toBe(to);
  });

  it.each([
    ['starting', 'opened', ['balance']],
    ['idle', 'queued', ['dispatch']],
    ['idle', 'credit', ['balance']],
    ['starved', 'credit', ['dispatch']],
    ['starved', 'queued', ['dispatch']],
    ['dispatching', 'queued', []],
    ['dispatching', 'credit', []],
    ['dispatching', 'dispatchedAll', ['balance']],
    ['dispatching', 'dispatchedSome', []],
    ['starved', 'close', ['giveBack']],
    ['closed', 'queued', []],
  ] as const)('%s + %s asks for %o', (state, name, effects) => {
    expect(step(interchangeMachine, inState(state), events[name]).effects).toEqual(effects);
  });

  it('gives out what came before it was open', () => {
    const early = next(interchangeMachine, inState('starting'), events.queued);
    expect(early).toMatchObject({ value: 'starting', context: { queued: 1 } });
    expect(next(interchangeMachine, early, events.opened).value).toBe('dispatching');
  });

  it('counts after a pass, and only then', () => {
    const after = next(interchangeMachine, inState('dispatching', 7), events.dispatchedSome);
    expect(after.context).toEqual({ label: 'hpc', queued: 2, granted: 1 });
    expect(next(interchangeMachine, after, events.queued).context).toEqual(after.context);
  });

  it('reaches every state', () => {
    const paths = getShortestPaths(interchangeMachine, {
      input: { label: 'hpc' },
      events: Object.values(events),
      serializeState: ({ value, context }) => JSON.stringify([value, context]),
    });
    expect([...new Set(paths.map(({ state }) => String(state.value)))].toSorted()).toEqual(
      statesOf(interchangeMachine)
        .map(({ name }) => name)
        .toSorted(),
    );
    expect(paths.every(({ state }) => isSerialisable(state))).toBe(true);
  });

  it('describes each of its states, has one way to end, and is flat', () => {
    expect(statesOf(interchangeMachine).filter(({ description = '' }) => description.length < 10)).toEqual([]);
    expect(statesOf(interchangeMachine).filter(({ type }) => type === 'final')).toMatchObject([{ name: 'closed' }]);
    expect(notFlat(interchangeMachine)).toEqual([]);
  });
});
