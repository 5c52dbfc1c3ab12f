/** The machine of the whole: every event in every state, in which order it closes, what it reaches. */
import { describe, expect, it } from 'vitest';
import { createActor, type SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

import { troupeMachine, type TroupeEvent } from '../../src/machines/troupe.ts';
import { isSerialisable, next, notFlat, snapshotAt, statesOf, step } from '../support/machines.ts';

const states = ['starting', 'open', 'closing', 'stopping', 'closed'] as const;
type State = (typeof states)[number];
const inState = (state: State): SnapshotFrom<typeof troupeMachine> =>
  snapshotAt(troupeMachine, state, { name: 'demo', runId: 'r1', pending: undefined });

const events = {
  started: { type: 'troupe.started' },
  close: { type: 'troupe.close', pending: 'wait' },
  cancel: { type: 'troupe.close', pending: 'cancel' },
  dataflow: { type: 'dataflow.closed' },
  executors: { type: 'executors.closed' },
  childFailed: { type: 'xstate.error.actor.t1' },
  actorFailed: { type: 'actor.failed', actorId: 't1', message: 'boom' },
} as const satisfies Record<string, TroupeEvent>;
type Name = keyof typeof events;

/** Where each event leads to; what is not named is ignored. */
const table: Readonly<Record<State, Partial<Record<Name, State>>>> = {
  starting: { started: 'open' },
  open: { close: 'closing', cancel: 'closing' },
  closing: { dataflow: 'stopping' },
  stopping: { executors: 'closed' },
  closed: {},
};
const cells = states.flatMap((state) => (Object.keys(events) as Name[]).map((name) => [state, name, table[state][name] ?? state] as const));

describe('a troupe', () => {
  it.each(cells)('%s + %s → %s', (state, name, to) => {
    expect(next(troupeMachine, inState(state), events[name]).value).toBe(to);
  });

  it('closes the dataflow before the executors, and says once that it is closed', () => {
    let snapshot = inState('open');
    const asked: string[] = [];
    for (const name of ['close', 'executors', 'dataflow', 'executors', 'executors'] as const) {
      const { snapshot: after, effects } = step(troupeMachine, snapshot, events[name]);
      snapshot = after;
      asked.push(...effects);
    }
    expect(snapshot.value).toBe('closed');
    expect(asked).toEqual(['closeDataflow', 'closeExecutors', 'announceClosed']);
  });

  it('turns waiting into cancelling when it is closed a second time', () => {
    const waiting = next(troupeMachine, inState('open'), events.close);
    expect(waiting.context.pending).toBe('wait');
    const { snapshot, effects } = step(troupeMachine, waiting, events.cancel);
    expect(snapshot.context.pending).toBe('cancel');
    expect(effects).toEqual(['closeDataflow']);
  });

  it('records a broken actor in any state, and goes on', () => {
    for (const state of states.filter((each) => each !== 'closed'))
      expect(step(troupeMachine, inState(state), events.actorFailed).effects).toEqual(['recordBroken']);
  });

  it('outlives the error of a child', () => {
    const actor = createActor(troupeMachine, { input: { name: 'demo', runId: 'r1' } }).start();
    for (const event of [events.started, events.childFailed, events.close]) actor.send(event);
    expect(actor.getSnapshot()).toMatchObject({ value: 'closing', status: 'active' });
  });

  it('reaches every state', () => {
    const paths = getShortestPaths(troupeMachine, {
      input: { name: 'demo', runId: 'r1' },
      events: Object.values(events),
      serializeState: ({ value, context }) => JSON.stringify([value, context]),
    });
    expect([...new Set(paths.map(({ state }) => String(state.value)))].toSorted()).toEqual([...states].toSorted());
    expect(paths.every(({ state }) => isSerialisable(state))).toBe(true);
  });

  it('describes each of its states, has one way to end, and is flat', () => {
    expect(statesOf(troupeMachine).map(({ name }) => name)).toEqual(states);
    expect(statesOf(troupeMachine).filter(({ description = '' }) => description.length < 10)).toEqual([]);
    expect(statesOf(troupeMachine).filter(({ type }) => type === 'final')).toMatchObject([{ name: 'closed', events: [] }]);
    expect(notFlat(troupeMachine)).toEqual([]);
  });
});
