/** The machine of an executor: every event in every state, why it is as it is, what it reaches. */
import { describe, expect, it } from 'vitest';
import type { SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

import { executorMachine, type ExecutorEvent } from '../../src/machines/executor.ts';
import type { ExecutorState } from '../../src/machines/model/states.ts';
import { isSerialisable, next, notFlat, snapshotAt, statesOf, step } from '../support/machines.ts';

const inState = (state: ExecutorState, why?: string): SnapshotFrom<typeof executorMachine> =>
  snapshotAt(executorMachine, state, { label: 'here', kind: 'threads', why });

const events = {
  started: { type: 'executor.started' },
  failed: { type: 'executor.failed', message: 'no worker comes up' },
  degraded: { type: 'executor.degraded', message: 'a policy faults' },
  restored: { type: 'executor.restored' },
  recover: { type: 'executor.recover' },
  drain: { type: 'executor.drain' },
  closed: { type: 'executor.closed' },
} as const satisfies Record<string, ExecutorEvent>;
type Name = keyof typeof events;

/** Where each event leads to; what is not named is ignored. */
const table: Readonly<Record<ExecutorState, Partial<Record<Name, ExecutorState>>>> = {
  starting: { started: 'ready', failed: 'bad', drain: 'draining' },
  ready: { degraded: 'degraded', failed: 'bad', drain: 'draining' },
  degraded: { restored: 'ready', failed: 'bad', drain: 'draining' },
  bad: { recover: 'starting', drain: 'draining' },
  draining: { closed: 'stopped' },
  stopped: {},
};
const cells = (Object.keys(table) as ExecutorState[]).flatMap((state) =>
  (Object.keys(events) as Name[]).map((name) => [state, name, table[state][name] ?? state] as const),
);

describe('an executor', () => {
  it.each(cells)('%s + %s → %s', (state, name, to) => {
    const { snapshot, effects } = step(executorMachine, inState(state), events[name]);
    expect(snapshot.value).toBe(to);
    if (to === state) expect(effects).toEqual([]);
  });

  it.each([
    ['starting', 'started', ['announce']],
    ['starting', 'drain', ['close', 'announce']],
    ['ready', 'failed', ['failAll', 'announce']],
    ['bad', 'recover', ['open']],
    ['draining', 'closed', ['announce']],
  ] as const)('%s + %s asks for %o', (state, name, effects) => {
    expect(step(executorMachine, inState(state), events[name]).effects).toEqual(effects);
  });

  it('knows why it is bad or degraded, and forgets it when all is well', () => {
    const bad = next(executorMachine, inState('ready'), events.failed);
    expect(bad.context.why).toBe('no worker comes up');
    expect(next(executorMachine, bad, events.recover).context.why).toBeUndefined();
    const degraded = next(executorMachine, inState('ready'), events.degraded);
    expect(degraded.context.why).toBe('a policy faults');
    expect(next(executorMachine, degraded, events.restored).context.why).toBeUndefined();
    expect(next(executorMachine, degraded, events.failed).context.why).toBe('no worker comes up');
  });

  it('is degraded from the start when something was said to be amiss before it was up', () => {
    const warned = next(executorMachine, inState('starting'), events.degraded);
    expect(warned.value).toBe('starting');
    expect(next(executorMachine, warned, events.started)).toMatchObject({ value: 'degraded', context: { why: 'a policy faults' } });
    const restored = next(executorMachine, warned, events.restored);
    expect(next(executorMachine, restored, events.started).value).toBe('ready');
  });

  it('opens what was bad anew, and may then be ready', () => {
    let snapshot = inState('ready');
    for (const name of ['failed', 'recover', 'started'] as const) snapshot = next(executorMachine, snapshot, events[name]);
    expect(snapshot.value).toBe('ready');
  });

  it('reaches every state', () => {
    const paths = getShortestPaths(executorMachine, {
      input: { label: 'here', kind: 'threads' },
      events: Object.values(events),
      serializeState: ({ value, context }) => JSON.stringify([value, context]),
    });
    expect([...new Set(paths.map(({ state }) => String(state.value)))].toSorted()).toEqual(
      statesOf(executorMachine)
        .map(({ name }) => name)
        .toSorted(),
    );
    expect(paths.every(({ state }) => isSerialisable(state))).toBe(true);
  });

  it('describes each of its states, has one way to end, and is flat', () => {
    expect(statesOf(executorMachine).filter(({ description = '' }) => description.length < 10)).toEqual([]);
    expect(statesOf(executorMachine).filter(({ type }) => type === 'final')).toMatchObject([{ name: 'stopped', events: [] }]);
    expect(notFlat(executorMachine)).toEqual([]);
  });
});
