/** The machine of a manager: every event in every state, what each asks for, what it comes back to. */
import { describe, expect, it } from 'vitest';
import { transition, type SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

import { managerMachine, type ManagerContext, type ManagerEvent } from '../../src/machines/manager.ts';
import type { ManagerState } from '../../src/machines/model/blocks.ts';
import { isSerialisable, next, notFlat, snapshotAt, statesOf, step } from '../support/machines.ts';

const input = { managerId: 'm1', blockId: '1', host: 'n1' };
const inState = (state: ManagerState, context: Partial<ManagerContext> = {}): SnapshotFrom<typeof managerMachine> =>
  snapshotAt(managerMachine, state, { ...input, isHeld: false, isDraining: false, why: undefined, end: undefined, ...context });

const events = {
  admitted: { type: 'manager.admitted' },
  refused: { type: 'manager.refused', why: 'another protocol' },
  hold: { type: 'manager.hold' },
  unhold: { type: 'manager.unhold' },
  drain: { type: 'manager.drain', why: 'its block is given back', isOwn: false },
  drainsItself: { type: 'manager.drain', why: 'its walltime is near', isOwn: true },
  left: { type: 'manager.left', why: 'nothing is left' },
  closed: { type: 'link.closed', why: 'its link has closed' },
  silent: { type: 'manager.silent', why: 'it has said nothing for 20 s' },
  restored: { type: 'link.restored' },
  ended: { type: 'block.ended', why: 'block 1 has ended (timeout)', end: 'timeout' },
  fired: { type: 'timer.fired', timer: 'loss' },
} as const satisfies Record<string, ManagerEvent>;
type Name = keyof typeof events;

/** Where each event leads to; what is not named is ignored, or changes only what the machine remembers. */
const table: Readonly<Record<ManagerState, Partial<Record<Name, ManagerState>>>> = {
  registering: { admitted: 'ready', refused: 'lost', closed: 'lost', ended: 'lost' },
  ready: {
    hold: 'held',
    drain: 'draining',
    drainsItself: 'draining',
    left: 'drained',
    closed: 'suspect',
    silent: 'suspect',
    ended: 'lost',
  },
  held: {
    unhold: 'ready',
    drain: 'draining',
    drainsItself: 'draining',
    left: 'drained',
    closed: 'suspect',
    silent: 'suspect',
    ended: 'lost',
  },
  suspect: { left: 'drained', restored: 'ready', fired: 'lost', ended: 'lost' },
  draining: { left: 'drained', closed: 'suspect', silent: 'suspect', ended: 'lost' },
  lost: {},
  drained: {},
};
const cells = (Object.keys(table) as ManagerState[]).flatMap((state) =>
  (Object.keys(events) as Name[]).map((name) => [state, name, table[state][name] ?? state] as const),
);

describe('a manager', () => {
  it.each(cells)('%s + %s → %s', (state, name, to) => {
    expect(next(managerMachine, inState(state), events[name]).value).toBe(to);
  });

  it.each([
    ['registering', 'admitted', ['announce']],
    ['registering', 'refused', ['releaseLeases', 'announce']],
    ['ready', 'hold', ['announce']],
    ['ready', 'drain', ['tellDrain', 'announce']],
    ['ready', 'drainsItself', ['announce']],
    ['ready', 'closed', ['startLossTimer', 'announce']],
    ['held', 'silent', ['startLossTimer', 'announce']],
    ['suspect', 'restored', ['cancelLossTimer', 'announce']],
    ['suspect', 'fired', ['cancelLossTimer', 'releaseLeases', 'announce']],
    ['suspect', 'ended', ['cancelLossTimer', 'releaseLeases', 'announce']],
    ['suspect', 'drain', ['tellDrain']],
    ['suspect', 'hold', []],
    ['draining', 'drain', ['tellDrain']],
    ['draining', 'left', ['releaseLeases', 'announce']],
    ['ready', 'ended', ['releaseLeases', 'announce']],
    ['ready', 'restored', []],
    ['ready', 'fired', []],
  ] as const)('%s + %s asks for %o', (state, name, effects) => {
    expect(step(managerMachine, inState(state), events[name]).effects).toEqual(effects);
  });

  it('is held from the start when its block is', () => {
    expect(next(managerMachine, inState('registering', { isHeld: true }), events.admitted).value).toBe('held');
  });

  it.each([
    [{ isHeld: true }, 'held'],
    [{ isDraining: true }, 'draining'],
    [{ isHeld: true, isDraining: true }, 'draining'],
  ] as const)('comes back from its silence to what it was: %o', (context, to) => {
    expect(next(managerMachine, inState('suspect', context), events.restored).value).toBe(to);
  });

  it.each([
    [['closed', 'hold', 'restored'], 'held'],
    [['hold', 'closed', 'unhold', 'restored'], 'ready'],
    [['closed', 'drain', 'restored'], 'draining'],
    [['drain', 'silent', 'restored'], 'draining'],
    [['hold', 'drain', 'closed', 'unhold', 'restored'], 'draining'],
  ] as const)('after %o it is %s', (names, to) => {
    let snapshot = inState('ready');
    for (const name of names) snapshot = next(managerMachine, snapshot, events[name]);
    expect(snapshot.value).toBe(to);
  });

  it('knows why it is not given anything, and forgets it when it is ready again', () => {
    const suspect = next(managerMachine, inState('ready'), events.silent);
    expect(suspect.context.why).toBe('it has said nothing for 20 s');
    expect(next(managerMachine, suspect, events.restored).context.why).toBeUndefined();
    expect(next(managerMachine, suspect, events.fired).context).toMatchObject({ why: 'it has said nothing for 20 s', end: undefined });
    expect(next(managerMachine, suspect, events.ended).context).toMatchObject({ why: 'block 1 has ended (timeout)', end: 'timeout' });
  });

  it.each([
    ['ended', 'lost'],
    ['left', 'drained'],
  ] as const)('says with %s that its leases are those of a manager that is %s', (name, state) => {
    const [, actions] = transition(managerMachine, inState('draining'), events[name]);
    expect(actions).toContainEqual(expect.objectContaining({ type: 'releaseLeases', params: { state } }));
  });

  it('reaches every state', () => {
    const paths = getShortestPaths(managerMachine, {
      input,
      events: Object.values(events),
      serializeState: ({ value, context }) => JSON.stringify([value, context]),
    });
    expect([...new Set(paths.map(({ state }) => String(state.value)))].toSorted()).toEqual(
      statesOf(managerMachine)
        .map(({ name }) => name)
        .toSorted(),
    );
    expect(paths.every(({ state }) => isSerialisable(state))).toBe(true);
  });

  it('describes each of its states, ends lost or drained, and is flat', () => {
    expect(statesOf(managerMachine).filter(({ description = '' }) => description.length < 10)).toEqual([]);
    expect(statesOf(managerMachine).filter(({ type }) => type === 'final')).toMatchObject([
      { name: 'lost', events: [] },
      { name: 'drained', events: [] },
    ]);
    expect(notFlat(managerMachine)).toEqual([]);
  });
});
