/** The machine of work: every event in every state, what it asks for, what it reaches. */
import { describe, expect, it } from 'vitest';
import type { SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

import { workMachine, type WorkMachineEvent, type WorkState } from '../../src/machines/work.ts';
import { failure, isSerialisable, notFlat, snapshotAt, statesOf, step } from '../support/machines.ts';

const at = (state: WorkState): SnapshotFrom<typeof workMachine> => snapshotAt(workMachine, state, { workId: 'w1' });
const place = { host: 'here', blockId: '0', jobId: 'j1' };

const events = {
  sent: { type: 'work.sent', place },
  started: { type: 'work.started', place: { ...place, worker: '7' } },
  done: { type: 'work.done', bytes: 3, place: { ...place, worker: '7' } },
  failed: { type: 'work.failed', failure: failure('workerLost') },
  stopped: { type: 'work.stopped' },
  cancel: { type: 'work.cancel' },
  fired: { type: 'timer.fired' },
} as const satisfies Record<string, WorkMachineEvent>;
type Name = keyof typeof events;

const ends = { done: 'done', failed: 'failed', stopped: 'cancelled', cancel: 'stopping' } as const;
/** Where each event leads to; what is not named is ignored. */
const table: Readonly<Record<WorkState, Partial<Record<Name, WorkState>>>> = {
  queued: { sent: 'sent', started: 'running', ...ends },
  sent: { started: 'running', ...ends },
  running: ends,
  stopping: { done: 'cancelled', failed: 'cancelled', stopped: 'cancelled', fired: 'cancelled' },
  done: {},
  failed: {},
  cancelled: {},
};
const cells = (Object.keys(table) as WorkState[]).flatMap((state) =>
  (Object.keys(events) as Name[]).map((name) => [state, name, table[state][name] ?? state] as const),
);

describe('work', () => {
  it.each(cells)('%s + %s → %s', (state, name, to) => {
    const { snapshot, effects } = step(workMachine, at(state), events[name]);
    expect(snapshot.value).toBe(to);
    if (to === state && !(state === 'sent' && name === 'sent')) expect(effects).toEqual([]);
  });

  it.each([
    ['queued', 'sent', ['tell']],
    ['sent', 'sent', ['tell']],
    ['sent', 'started', ['tell']],
    ['running', 'done', ['settle']],
    ['running', 'cancel', ['stopWork', 'startGrace']],
    ['stopping', 'stopped', ['cancelGrace', 'settle']],
    ['stopping', 'done', ['cancelGrace', 'recordLate', 'settle']],
    ['stopping', 'fired', ['cancelGrace', 'settle']],
  ] as const)('%s + %s asks for %o', (state, name, effects) => {
    expect(step(workMachine, at(state), events[name]).effects).toEqual(effects);
  });

  it('reaches every state', () => {
    const paths = getShortestPaths(workMachine, {
      input: { workId: 'w1' },
      events: Object.values(events),
      serializeState: ({ value }) => JSON.stringify(value),
    });
    expect([...new Set(paths.map(({ state }) => String(state.value)))].toSorted()).toEqual(
      statesOf(workMachine)
        .map(({ name }) => name)
        .toSorted(),
    );
    expect(paths.every(({ state }) => isSerialisable(state))).toBe(true);
  });

  it('describes each of its states, never leaves its ends, and is flat', () => {
    expect(statesOf(workMachine).filter(({ description = '' }) => description.length < 10)).toEqual([]);
    expect(statesOf(workMachine).filter(({ type }) => type === 'final')).toMatchObject([
      { name: 'done', events: [] },
      { name: 'failed', events: [] },
      { name: 'cancelled', events: [] },
    ]);
    expect(notFlat(workMachine)).toEqual([]);
  });
});
