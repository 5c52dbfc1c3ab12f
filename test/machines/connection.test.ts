/** The machine of a connection: every event in every state, what each asks for, what it reaches. */
import { describe, expect, it } from 'vitest';
import type { SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

import {
  connectionMachine,
  retryMs,
  type ConnectionContext,
  type ConnectionEvent,
  type ConnectionState,
} from '../../src/machines/connection.ts';
import { isSerialisable, next, notFlat, snapshotAt, statesOf, step } from '../support/machines.ts';

const inState = (state: ConnectionState, context: Partial<ConnectionContext> = {}): SnapshotFrom<typeof connectionMachine> =>
  snapshotAt(connectionMachine, state, { attempt: 0, address: undefined, why: undefined, ...context });

const events = {
  opened: { type: 'connection.opened', address: '10.0.0.1:4711' },
  failed: { type: 'connection.failed', why: 'nobody listens there' },
  refused: { type: 'connection.refused', why: 'another protocol' },
  welcomed: { type: 'connection.welcomed' },
  closed: { type: 'connection.closed', why: 'the link has closed' },
  silent: { type: 'connection.silent', why: 'nothing for 600 s' },
  retry: { type: 'timer.fired', timer: 'retry' },
  endTimer: { type: 'timer.fired', timer: 'end' },
  end: { type: 'connection.end', why: 'drained' },
} as const satisfies Record<string, ConnectionEvent>;
type Name = keyof typeof events;

const table: Readonly<Record<ConnectionState, Partial<Record<Name, ConnectionState>>>> = {
  probing: { opened: 'registering', failed: 'waiting', refused: 'refused', endTimer: 'deserted', end: 'ended' },
  registering: {
    welcomed: 'open',
    closed: 'waiting',
    refused: 'refused',
    silent: 'deserted',
    endTimer: 'deserted',
    end: 'ended',
  },
  open: { closed: 'probing', refused: 'refused', silent: 'deserted', end: 'ended' },
  waiting: { retry: 'probing', endTimer: 'deserted', end: 'ended' },
  refused: {},
  deserted: {},
  ended: {},
};
const cells = (Object.keys(table) as ConnectionState[]).flatMap((state) =>
  (Object.keys(events) as Name[]).map((name) => [state, name, table[state][name] ?? state] as const),
);

describe('a connection', () => {
  it.each(cells)('%s + %s → %s', (state, name, to) => {
    const { snapshot, effects } = step(connectionMachine, inState(state), events[name]);
    expect(snapshot.value).toBe(to);
    if (to === state) expect(effects).toEqual([]);
  });

  it.each([
    ['probing', 'opened', ['watchSilence', 'register']],
    ['probing', 'failed', ['startRetryTimer']],
    ['registering', 'welcomed', ['cancelEndTimer', 'announce']],
    ['registering', 'closed', ['startRetryTimer']],
    ['open', 'closed', ['announce', 'startEndTimer', 'probe']],
    ['open', 'silent', ['cancelTimers', 'closeLink', 'announce']],
    ['waiting', 'retry', ['startEndTimer', 'probe']],
    ['waiting', 'endTimer', ['cancelTimers', 'closeLink', 'announce']],
  ] as const)('%s + %s asks for %o', (state, name, effects) => {
    expect(step(connectionMachine, inState(state), events[name]).effects).toEqual(effects);
  });

  it('counts attempts until the driver takes it on', () => {
    let snapshot = inState('probing');
    for (const name of ['failed', 'retry', 'opened', 'closed', 'retry', 'failed'] as const)
      snapshot = next(connectionMachine, snapshot, events[name]);
    expect(snapshot.context).toEqual({ attempt: 3, address: '10.0.0.1:4711', why: 'nobody listens there' });
    for (const name of ['retry', 'opened', 'welcomed'] as const) snapshot = next(connectionMachine, snapshot, events[name]);
    expect(snapshot.context).toEqual({ attempt: 0, address: '10.0.0.1:4711', why: undefined });
  });

  it('waits for 50 ms to 5 s, at least half of it', () => {
    expect([1, 2, 3, 7, 8, 1000].map((attempt) => retryMs(attempt, 1))).toEqual([50, 100, 200, 3200, 5000, 5000]);
    expect([1, 8].map((attempt) => retryMs(attempt, 0))).toEqual([25, 2500]);
  });

  it('reaches every state', () => {
    const paths = getShortestPaths(connectionMachine, {
      events: Object.values(events),
      serializeState: ({ value }) => String(value),
    });
    expect([...new Set(paths.map(({ state }) => String(state.value)))].toSorted()).toEqual(
      statesOf(connectionMachine)
        .map(({ name }) => name)
        .toSorted(),
    );
    expect(paths.every(({ state }) => isSerialisable(state))).toBe(true);
  });

  it('describes each state, is flat, and never leaves a final one', () => {
    expect(notFlat(connectionMachine)).toEqual([]);
    for (const { name, description, type, events: taken } of statesOf(connectionMachine)) {
      expect(description?.length ?? 0, name).toBeGreaterThan(20);
      if (type === 'final') expect(taken, name).toEqual([]);
    }
  });
});
