/** The machine of a worker: every event in every state, what each asks for, what it reaches. */
import { describe, expect, it } from 'vitest';
import type { SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

import { workerMachine, type WorkerEvent, type WorkerState } from '../../src/machines/worker.ts';
import { isSerialisable, next, notFlat, snapshotAt, statesOf, step } from '../support/machines.ts';

const inState = (state: WorkerState): SnapshotFrom<typeof workerMachine> => snapshotAt(workerMachine, state, { slot: 0, why: undefined });

const events = {
  ready: { type: 'worker.ready' },
  given: { type: 'worker.given' },
  emptied: { type: 'worker.emptied' },
  stop: { type: 'worker.stop', graceMs: 1000 },
  relieved: { type: 'worker.relieved' },
  kill: { type: 'worker.kill', why: 'its try is no longer wanted' },
  end: { type: 'worker.end', graceMs: 2000 },
  fired: { type: 'timer.fired' },
  closed: { type: 'worker.closed' },
} as const satisfies Record<string, WorkerEvent>;
type Name = keyof typeof events;

const table: Readonly<Record<WorkerState, Partial<Record<Name, WorkerState>>>> = {
  starting: { ready: 'idle', kill: 'killing', end: 'killing', fired: 'killing', closed: 'lost' },
  idle: { given: 'busy', kill: 'killing', end: 'ending', closed: 'lost' },
  busy: { emptied: 'idle', stop: 'stopping', kill: 'killing', end: 'ending', closed: 'lost' },
  stopping: { emptied: 'idle', relieved: 'busy', kill: 'killing', end: 'ending', fired: 'killing', closed: 'lost' },
  ending: { kill: 'killing', fired: 'killing', closed: 'ended' },
  killing: { closed: 'ended' },
  lost: {},
  ended: {},
};
const cells = (Object.keys(table) as WorkerState[]).flatMap((state) =>
  (Object.keys(events) as Name[]).map((name) => [state, name, table[state][name] ?? state] as const),
);
/** Told again to stop: the sooner of two graces holds. */
const regraced: readonly WorkerState[] = ['stopping', 'ending'];

describe('a worker', () => {
  it.each(cells)('%s + %s → %s', (state, name, to) => {
    const { snapshot, effects } = step(workerMachine, inState(state), events[name]);
    expect(snapshot.value).toBe(to);
    if (to === state) expect(effects).toEqual(name === 'stop' && regraced.includes(state) ? ['startGrace'] : []);
  });

  it.each([
    ['starting', 'ready', ['cancelTimer', 'announce']],
    ['starting', 'fired', ['cancelTimer', 'cancelTimer', 'kill']],
    ['busy', 'stop', ['startGrace']],
    ['stopping', 'emptied', ['cancelTimer']],
    ['stopping', 'fired', ['cancelTimer', 'kill']],
    ['busy', 'end', ['tellEnd', 'startGrace']],
    ['ending', 'closed', ['cancelTimer', 'announce']],
    ['busy', 'closed', ['announce']],
    ['killing', 'closed', ['announce']],
  ] as const)('%s + %s asks for %o', (state, name, effects) => {
    expect(step(workerMachine, inState(state), events[name]).effects).toEqual(effects);
  });

  it('knows why it was killed', () => {
    expect(next(workerMachine, inState('busy'), events.kill).context.why).toBe('its try is no longer wanted');
    expect(next(workerMachine, inState('stopping'), events.fired).context.why).toBe('its try did not stop');
    expect(next(workerMachine, inState('starting'), events.fired).context.why).toBe('it did not come up in time');
  });

  it('reaches every state', () => {
    const paths = getShortestPaths(workerMachine, {
      input: { slot: 0 },
      events: Object.values(events),
      serializeState: ({ value }) => String(value),
    });
    expect([...new Set(paths.map(({ state }) => String(state.value)))].toSorted()).toEqual(
      statesOf(workerMachine)
        .map(({ name }) => name)
        .toSorted(),
    );
    expect(paths.every(({ state }) => isSerialisable(state))).toBe(true);
  });

  it('describes each state, is flat, and never leaves a final one', () => {
    expect(notFlat(workerMachine)).toEqual([]);
    for (const { name, description, type, events: taken } of statesOf(workerMachine)) {
      expect(description?.length ?? 0, name).toBeGreaterThan(10);
      if (type === 'final') expect(taken, name).toEqual([]);
    }
  });
});
