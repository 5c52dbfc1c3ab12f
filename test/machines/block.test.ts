/** The machine of a block: every event in every state, what it never forgets, what it reaches. */
import { describe, expect, it } from 'vitest';
import type { SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

import { blockMachine, cancelBackOffMs, type BlockContext, type BlockEvent } from '../../src/machines/block.ts';
import type { BlockState, JobEnd } from '../../src/machines/model/blocks.ts';
import { isSerialisable, next, notFlat, snapshotAt, statesOf, step } from '../support/machines.ts';

type Snapshot = SnapshotFrom<typeof blockMachine>;
const blank: BlockContext = {
  blockId: '0',
  jobName: 'troupe-r-hpc-0',
  jobId: undefined,
  isConnected: false,
  hadManager: false,
  isSeenRunning: false,
  isDoubted: false,
  cancels: 0,
  cancelAs: undefined,
  end: undefined,
  why: undefined,
};
const connected = { isConnected: true, hadManager: true } as const;
/** What a block in each state usually knows. */
const usual: Readonly<Record<BlockState, Partial<BlockContext>>> = {
  requested: {},
  submitting: {},
  pending: { jobId: 'j1' },
  held: { jobId: 'j1' },
  starting: { jobId: 'j1', isSeenRunning: true },
  ready: { jobId: 'j1', isSeenRunning: true, ...connected },
  draining: { jobId: 'j1', ...connected, cancelAs: 'scaledIn' },
  cancelling: { jobId: 'j1', cancelAs: 'scaledIn' },
  ended: { jobId: 'j1', end: 'completed' },
};
const at = (state: BlockState, context: Partial<BlockContext> = {}): Snapshot =>
  snapshotAt(blockMachine, state, { ...blank, ...usual[state], ...context });

const known = (phase: 'pending' | 'held' | 'running'): BlockEvent => ({ type: 'job.changed', status: { type: 'known', phase } });
const gone = (end: JobEnd['end'], message?: string): BlockEvent => ({
  type: 'job.changed',
  status: { type: 'gone', evidence: { end, ...(message === undefined ? undefined : { message }) } },
});
const events = {
  submit: { type: 'block.submit' },
  submitted: { type: 'job.submitted', jobId: 'j1' },
  refused: { type: 'job.refused', message: 'no such partition' },
  waits: known('pending'),
  held: known('held'),
  runs: known('running'),
  unknown: { type: 'job.changed', status: { type: 'unknown', message: 'squeue: timed out' } },
  gone: gone('failed'),
  registered: { type: 'manager.registered' },
  left: { type: 'managers.left' },
  drain: { type: 'block.drain' },
  cancel: { type: 'block.cancel', as: 'scaledIn' },
  deserted: { type: 'timer.fired', timer: 'deserted' },
  again: { type: 'timer.fired', timer: 'cancel' },
} as const satisfies Record<string, BlockEvent>;
type Name = keyof typeof events;

/** Where each event leads to; what is not named stays. */
const table: Readonly<Record<BlockState, Partial<Record<Name, BlockState>>>> = {
  requested: { submit: 'submitting', refused: 'ended', drain: 'ended', cancel: 'ended' },
  submitting: { submitted: 'pending', refused: 'ended', registered: 'ready' },
  pending: { held: 'held', runs: 'starting', gone: 'ended', registered: 'ready', drain: 'cancelling', cancel: 'cancelling' },
  held: { waits: 'pending', runs: 'starting', gone: 'ended', registered: 'ready', drain: 'cancelling', cancel: 'cancelling' },
  starting: { waits: 'pending', held: 'held', gone: 'ended', registered: 'ready', drain: 'cancelling', cancel: 'cancelling' },
  ready: { gone: 'ended', drain: 'draining', cancel: 'cancelling' },
  draining: { gone: 'ended', left: 'cancelling', cancel: 'cancelling' },
  cancelling: { gone: 'ended', refused: 'ended' },
  ended: {},
};
const states = Object.keys(table) as BlockState[];
const cells = states.flatMap((state) => (Object.keys(events) as Name[]).map((name) => [state, name, table[state][name] ?? state] as const));
/** The state after some events, from one on. */
const after = (from: Snapshot, ...told: readonly BlockEvent[]): Snapshot => {
  let snapshot = from;
  for (const event of told) if (snapshot.status === 'active') snapshot = next(blockMachine, snapshot, event);
  return snapshot;
};

describe('a block', () => {
  it.each(cells)('%s + %s → %s', (state, name, to) => {
    expect(step(blockMachine, at(state), events[name]).snapshot.value).toBe(to);
  });

  it.each([
    ['requested', 'submit', ['announce', 'submitJob']],
    ['submitting', 'submitted', ['watchJob', 'announce']],
    ['submitting', 'refused', ['announce', 'settle']],
    ['submitting', 'cancel', ['withdrawJob']],
    ['pending', 'cancel', ['announce', 'cancelJob', 'startCancelTimer']],
    ['ready', 'left', ['checkJob', 'startDeserted']],
    ['ready', 'registered', ['stopDeserted']],
    ['ready', 'gone', ['stopDeserted', 'announce', 'settle']],
    ['draining', 'left', ['announce', 'cancelJob', 'startCancelTimer']],
    ['cancelling', 'again', ['cancelJob', 'checkJob', 'startCancelTimer']],
    ['cancelling', 'submitted', ['watchJob', 'cancelJob']],
  ] as const)('%s + %s asks for %o', (state, name, effects) => {
    expect(step(blockMachine, at(state), events[name]).effects).toEqual(effects);
  });

  it.each(states)('a status that is not known changes nothing in %s', (state) => {
    const { snapshot, effects } = step(blockMachine, at(state), events.unknown);
    expect([snapshot.value, snapshot.context, effects]).toEqual([state, at(state).context, []]);
  });

  it.each(Object.keys(events) as Name[])('%s changes nothing once it has ended', (name) => {
    const { snapshot, effects } = step(blockMachine, at('ended'), events[name]);
    expect([snapshot.value, snapshot.context, effects]).toEqual(['ended', at('ended').context, []]);
  });

  it.each(['submitting', 'pending', 'held', 'starting'] as const)(
    'is ready when a manager registers in %s, whatever polls say',
    (state) => {
      expect(after(at(state), events.registered)).toMatchObject({ value: 'ready', context: connected });
    },
  );

  it('learns the id of its job after a manager has registered', () => {
    const ready = after(at('submitting'), events.registered, events.submitted);
    expect(ready).toMatchObject({ value: 'ready', context: { jobId: 'j1' } });
  });

  it.each([
    ['completed', true, 'completed'],
    ['completed', false, 'missing'],
    ['failed', false, 'failed'],
    ['timeout', true, 'timeout'],
    ['unknown', false, 'unknown'],
  ] as const)('whose job is gone with %s (a manager had registered: %s) has ended: %s', (end, hadManager, to) => {
    expect(after(at('starting', { hadManager }), gone(end, 'so it says')).context).toMatchObject({ end: to, why: 'so it says' });
  });

  it.each(['draining', 'cancelling'] as const)('given back in %s is scaled in, whatever its job says', (state) => {
    expect(after(at(state), gone('timeout')).context.end).toBe('scaledIn');
  });

  it('that never had a job is scaled in, or failed to be submitted', () => {
    expect(after(at('requested'), events.drain).context.end).toBe('scaledIn');
    expect(after(at('requested'), { type: 'block.cancel', as: 'cancelled' }).context.end).toBe('cancelled');
    expect(after(at('submitting'), events.refused).context).toMatchObject({ end: 'submitFailed', why: 'no such partition' });
  });

  describe('with a submission that is not answered', () => {
    const cancelled = after(at('submitting'), events.cancel);

    it('waits for the answer before it cancels', () => {
      expect(cancelled).toMatchObject({ value: 'submitting', context: { cancelAs: 'scaledIn' } });
      const { snapshot, effects } = step(blockMachine, cancelled, events.submitted);
      expect(snapshot).toMatchObject({ value: 'cancelling', context: { jobId: 'j1' } });
      expect(effects).toEqual(['watchJob', 'announce', 'cancelJob', 'startCancelTimer']);
    });

    it('ends as it was asked to when there is no job', () => {
      expect(after(cancelled, events.refused)).toMatchObject({ value: 'ended', context: { end: 'scaledIn' } });
    });

    it('is not made ready by a manager once it was given back', () => {
      expect(after(cancelled, events.registered)).toMatchObject({ value: 'submitting', context: { hadManager: false } });
    });

    it('keeps its manager when the provider says there is no job, and looks for the job when it is to go', () => {
      const ready = after(at('submitting'), events.registered, events.refused);
      expect(ready.value).toBe('ready');
      const { snapshot, effects } = step(blockMachine, after(ready, events.cancel), events.refused);
      expect([snapshot.value, effects]).toEqual(['cancelling', ['cancelJob']]);
    });
  });

  describe('that was requeued', () => {
    it('is pending at once when its managers have left', () => {
      expect(after(at('ready'), events.left, events.waits).value).toBe('pending');
    });

    it('is asked about again while managers are connected, and believed the second time', () => {
      const { snapshot, effects } = step(blockMachine, at('ready'), events.waits);
      expect([snapshot.value, effects]).toEqual(['ready', ['checkJob']]);
      expect(after(snapshot, events.waits).value).toBe('pending');
      expect(after(snapshot, events.held).value).toBe('held');
    });

    it('is not, when it was never said to run: the batch system lags behind the manager', () => {
      const early = after(at('pending'), events.registered, events.waits, events.waits, events.held, events.held);
      expect(early.value).toBe('ready');
      expect(after(early, events.runs, events.waits, events.waits).value).toBe('pending');
    });

    it('is not, when the next answer says that it runs', () => {
      expect(after(at('ready'), events.waits, events.runs, events.waits).value).toBe('ready');
    });

    it('is ready again when it runs and its managers never left', () => {
      expect(after(at('ready'), events.held, events.held, events.runs).value).toBe('ready');
      expect(after(at('ready'), events.held, events.held, events.left, events.runs).value).toBe('starting');
    });
  });

  describe('without managers', () => {
    it('is deserted when none comes back in time', () => {
      const deserted = after(at('ready'), events.left, events.deserted);
      expect(deserted).toMatchObject({ value: 'cancelling', context: { cancelAs: 'deserted' } });
      expect(after(deserted, gone('cancelled')).context.end).toBe('deserted');
    });

    it('is not, when one has come back', () => {
      expect(after(at('ready'), events.left, events.registered, events.deserted).value).toBe('ready');
    });

    it('is cancelled when it is to be drained', () => {
      expect(after(at('ready'), events.left, events.drain)).toMatchObject({ value: 'cancelling', context: { cancelAs: 'scaledIn' } });
    });
  });

  it('keeps the first reason for giving it back', () => {
    const drained = after(at('ready'), { type: 'block.drain', why: 'idle' }, { type: 'block.cancel', as: 'cancelled', why: 'closing' });
    expect(drained.context).toMatchObject({ cancelAs: 'scaledIn', why: 'idle' });
  });

  it('asks to cancel again and again, each time later', () => {
    let snapshot = at('cancelling');
    const waits: number[] = [];
    for (let i = 0; i < 10; i++) {
      waits.push(cancelBackOffMs(snapshot.context));
      snapshot = next(blockMachine, snapshot, events.again);
    }
    expect(waits.slice(0, 4)).toEqual([500, 1000, 2000, 4000]);
    expect(waits.at(-1)).toBe(60_000);
  });

  it('reaches every state', () => {
    const paths = getShortestPaths(blockMachine, {
      input: { blockId: '0', jobName: 'j' },
      events: Object.values(events),
      serializeState: ({ value, context }) => JSON.stringify([value, { ...context, cancels: 0 }]),
    });
    expect([...new Set(paths.map(({ state }) => String(state.value)))].toSorted()).toEqual(
      statesOf(blockMachine)
        .map(({ name }) => name)
        .toSorted(),
    );
    expect(paths.every(({ state }) => isSerialisable(state))).toBe(true);
  });

  it('describes each of its states, has one way to end, and is flat', () => {
    expect(statesOf(blockMachine).filter(({ description = '' }) => description.length < 10)).toEqual([]);
    expect(statesOf(blockMachine).filter(({ type }) => type === 'final')).toMatchObject([{ name: 'ended', events: [] }]);
    expect(notFlat(blockMachine)).toEqual([]);
  });
});
