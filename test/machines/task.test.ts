/** The machine of a task: every event in every state, what each asks the actor to do, and the guards of time. */
import { describe, expect, it } from 'vitest';
import type { SnapshotFrom } from 'xstate';

import { settledStates, type TaskState } from '../../src/machines/model/states.ts';
import { KEPT_FAILURES, type TaskContext, type TaskEvent } from '../../src/machines/model/task.ts';
import { taskMachine } from '../../src/machines/task.ts';
import { at, failure, next, step, taskEvents as events } from '../support/machines.ts';

type Type = TaskEvent['type'];

const types = Object.keys(events) as Type[];

/** Where each event leads to; what is not named is ignored, or recorded as late without leaving the state. */
const table: Readonly<Record<string, Partial<Record<Type, TaskState>>>> = {
  pending: { 'deps.met': 'queued', 'deps.failed': 'depFailed', 'task.cancel': 'cancelled' },
  queued: {
    'try.launched': 'launched',
    'try.started': 'running',
    'try.done': 'done',
    'try.failed': 'deciding',
    'task.cancel': 'cancelled',
  },
  launched: {
    'try.started': 'running',
    'try.done': 'done',
    'try.failed': 'deciding',
    'timer.fired': 'stopping',
    'task.cancel': 'stopping',
  },
  running: { 'try.done': 'done', 'try.joining': 'joining', 'try.failed': 'deciding', 'timer.fired': 'stopping', 'task.cancel': 'stopping' },
  joining: { 'join.done': 'done', 'join.failed': 'failed', 'timer.fired': 'failed', 'task.cancel': 'cancelled' },
  'stopping for cancel': { 'try.stopped': 'cancelled', 'try.failed': 'cancelled', 'try.done': 'cancelled', 'try.joining': 'cancelled' },
  'stopping at the limit': { 'try.stopped': 'deciding', 'try.failed': 'deciding', 'try.done': 'deciding', 'try.joining': 'deciding' },
  deciding: { 'retry.decided': 'retrying', 'task.cancel': 'cancelled' },
  retrying: { 'task.cancel': 'cancelled' },
};
const contexts: Readonly<Record<string, Partial<TaskContext>>> = {
  'stopping for cancel': { stopCause: 'cancel' },
  'stopping at the limit': { stopCause: 'timeLimit', failures: [failure('timeLimit')] },
  deciding: { failures: [failure()], retries: 1 },
};
const stateOf = (row: string): TaskState => row.split(' ')[0] as TaskState;
const inRow = (row: string, more: Partial<TaskContext> = {}): SnapshotFrom<typeof taskMachine> =>
  at(stateOf(row), { ...contexts[row], ...more });
const cells = Object.entries(table).flatMap(([row, to]) => types.map((type) => [row, type, to[type] ?? stateOf(row)] as const));

describe('a task', () => {
  it.each(cells)('%s + %s → %s', (row, type, to) => {
    expect(next(taskMachine, inRow(row), events[type]).value).toBe(to);
  });

  const reports = types.filter((type) => type.startsWith('try.') && type !== 'try.joining');
  const unexpected = Object.keys(table).flatMap((row) =>
    reports.filter((type) => table[row]?.[type] === undefined).map((type) => [row, type] as const),
  );
  it.each(unexpected)('%s records %s as late', (row, type) => {
    expect(step(taskMachine, inRow(row), events[type]).effects).toEqual(['recordLate']);
  });

  const ofTry = types.filter((type) => 'tryIndex' in events[type] && type !== 'retry.decided');
  it.each(cells.filter(([, type, to]) => ofTry.includes(type) && to !== undefined))('%s ignores %s of another try', (row, type) => {
    const late = inRow(row, { tryIndex: 1 });
    const { snapshot, effects } = step(taskMachine, late, events[type]);
    expect(snapshot.value).toBe(late.value);
    expect(snapshot.context).toEqual(late.context);
    expect(effects.filter((effect) => effect !== 'recordLate')).toEqual([]);
  });

  it.each(settledStates)('%s never changes again', (state) => {
    for (const type of types) {
      const settled = at(state, { stopCause: 'cancel', failures: [failure()] });
      const { snapshot, effects } = step(taskMachine, settled, events[type]);
      expect(snapshot.value).toBe(state);
      expect(snapshot.context).toEqual(settled.context);
      expect(effects.filter((effect) => effect !== 'recordLate')).toEqual([]);
    }
  });

  it.each([
    ['done', ['deps.met', 'try.done']],
    ['failed', ['deps.met', 'try.failed', 'retry.decided']],
    ['depFailed', ['deps.failed']],
    ['cancelled', ['task.cancel']],
  ] as const)('settles as %s once, whatever comes after %o', (state, way) => {
    let snapshot = at('pending');
    let settles = 0;
    for (const event of [...way.map((type) => events[type]), ...Object.values(events)]) {
      const { snapshot: after, effects } = step(taskMachine, snapshot, event);
      snapshot = after;
      settles += effects.filter((effect) => effect === 'settle').length;
    }
    expect(snapshot.value).toBe(state);
    expect(settles).toBe(1);
  });
});

describe('effects', () => {
  it.each([
    ['pending', 'deps.met', ['routeTry']],
    ['queued', 'task.routed', ['submitTry']],
    ['queued', 'try.launched', ['startLimit']],
    ['queued', 'try.started', ['startLimit']],
    ['queued', 'task.cancel', ['stopTry', 'settle']],
    ['running', 'try.joining', ['awaitJoined']],
    ['running', 'try.failed', ['askRetry']],
    ['running', 'task.cancel', ['stopTry', 'startGrace']],
    ['running', 'timer.fired', ['stopTry', 'startGrace']],
    ['joining', 'timer.fired', ['stopJoined', 'settle']],
    ['joining', 'task.cancel', ['stopJoined', 'settle']],
    ['stopping for cancel', 'try.done', ['recordLate', 'settle']],
    ['stopping for cancel', 'try.joining', ['recordLate', 'stopJoined', 'settle']],
    ['stopping at the limit', 'try.joining', ['recordLate', 'stopJoined', 'askRetry']],
    ['deciding', 'retry.decided', ['startBackoff']],
  ] as const)('%s + %s asks for %o', (row, type, effects) => {
    expect(step(taskMachine, inRow(row), events[type]).effects).toEqual(effects);
  });

  it('keeps the executor that it was routed to', () => {
    expect(next(taskMachine, at('queued'), events['task.routed']).context.executor).toBe('here');
  });

  it('counts a new try when the back-off is over, and forgets why the last one stopped', () => {
    const { value, context } = next(taskMachine, at('retrying', { stopCause: 'timeLimit' }), {
      type: 'timer.fired',
      timer: 'backoff',
      tryIndex: 0,
    });
    expect(value).toBe('queued');
    expect(context).toMatchObject({ tryIndex: 1, stopCause: undefined });
  });

  it('cancels at the end of a stop that began with the time limit', () => {
    const cancelled = next(taskMachine, inRow('stopping at the limit'), events['task.cancel']);
    expect(cancelled.value).toBe('stopping');
    expect(next(taskMachine, cancelled, events['try.stopped']).value).toBe('cancelled');
  });

  it('keeps the last failures, the newest last', () => {
    const failures = Array.from({ length: KEPT_FAILURES }, (_, i) => failure('app', { message: `failure ${i}` }));
    const { context } = next(taskMachine, at('running', { failures }), {
      ...events['try.failed'],
      failure: failure('app', { message: 'last' }),
    });
    expect(context.failures.map(({ message }) => message)).toEqual([...failures.slice(1).map(({ message }) => message), 'last']);
  });

  it('says how long it ran when its limit has passed', () => {
    const { context } = next(taskMachine, at('running', { timeLimitMs: 50, executor: 'here' }), events['timer.fired']);
    expect(context.failures).toEqual([
      expect.objectContaining({
        kind: 'timeLimit',
        code: 'ERR_TIME_LIMIT',
        message: 'ran longer than its limit of 50 ms',
        executor: 'here',
      }),
    ]);
  });
});

describe('guards of time', () => {
  const timers = ['backoff', 'limit', 'grace'] as const;
  it.each([
    ['launched', 'limit', 'stopping'],
    ['running', 'limit', 'stopping'],
    ['joining', 'limit', 'failed'],
    ['stopping for cancel', 'grace', 'cancelled'],
    ['stopping at the limit', 'grace', 'deciding'],
    ['retrying', 'backoff', 'queued'],
  ] as const)('%s minds the %s timer, of the current try, and no other', (row, timer, to) => {
    for (const other of timers) {
      const fired = (tryIndex: number): TaskEvent => ({ type: 'timer.fired', timer: other, tryIndex });
      expect(next(taskMachine, inRow(row), fired(0)).value).toBe(other === timer ? to : stateOf(row));
      expect(next(taskMachine, inRow(row), fired(1)).value).toBe(stateOf(row));
    }
  });
});

describe('the dependency policy', () => {
  it.each([
    [true, 'queued'],
    [false, 'depFailed'],
  ] as const)('with run %s leads to %s', (run, state) => {
    const { value, context } = next(taskMachine, at('pending'), { ...events['deps.failed'], run });
    expect(value).toBe(state);
    expect(context.failures).toHaveLength(run ? 0 : 1);
  });
});
