/** A machine with replaced members: what may be replaced is put behind the firewall, everything else is refused. */
import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { and, assign, enqueueActions, not, or, setup, stateIn } from 'xstate';

import { ConfigError } from '../../../src/machines/model/errors.ts';
import type { TaskContext } from '../../../src/machines/model/task.ts';
import { MAX_FAULTS } from '../../../src/machines/policies/firewall.ts';
import { provided } from '../../../src/machines/policies/provided.ts';
import { taskMachine, taskPluggable, type TaskMachine } from '../../../src/machines/task.ts';
import { failure, next, snapshotAt, taskContext, taskEvents } from '../../support/machines.ts';
import { notedWatch, type NotedWatch } from '../../support/policies.ts';

type Given = Parameters<TaskMachine['provide']>[0];

let watch: NotedWatch;
beforeEach(() => {
  watch = notedWatch();
});
const behind = (given: Given): TaskMachine => provided(taskMachine, taskMachine.provide(given), taskPluggable, watch);
const decided = (machine: TaskMachine, context: Partial<TaskContext> = {}, again = true) =>
  next(machine, snapshotAt(machine, 'deciding', taskContext({ failures: [failure()], retries: 3, resources: { cores: 1 }, ...context })), {
    ...taskEvents['retry.decided'],
    decision: { again },
  });
const waitOf = (machine: TaskMachine): unknown =>
  (machine.implementations.delays as unknown as { readonly backoff: (args: object) => unknown }).backoff({
    context: taskContext({ decision: { again: true, afterMs: 70 } }),
  });

function refusal(run: () => unknown): { readonly field: string; readonly message: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return { field: error.field, message: error.message };
    throw error;
  }
  throw new Error('it was not refused');
}

describe('what may be given', () => {
  it('is the published machine itself', () => {
    expect(provided(taskMachine, taskMachine, taskPluggable, watch)).toBe(taskMachine);
  });

  it('is the published machine with nothing replaced', () => {
    expect(decided(behind({})).value).toBe('retrying');
  });

  it('is no other machine, even of the same name', () => {
    const other = setup({}).createMachine({ id: 'task', initial: 'pending', states: { pending: {} } });
    expect(refusal(() => provided(taskMachine, other as never, taskPluggable, watch))).toEqual({
      field: 'machines.task',
      message: 'machines.task must be made with taskMachine.provide(…); its states and transitions are the contract',
    });
    expect(refusal(() => provided(taskMachine, { implementations: {} } as never, taskPluggable, watch)).field).toBe('machines.task');
  });

  const bounds = Object.keys(taskMachine.implementations.guards).filter((name) => !(name in taskPluggable.guards));
  it.each(bounds)('is no machine with another %s: that is a bound', (name) => {
    const { field, message } = refusal(() => behind({ guards: { [name]: () => true } }));
    expect(field).toBe(`machines.task.guards.${name}`);
    expect(message).toMatch(/is not a policy and cannot be replaced; pluggable guards: shouldRetry, shouldRunAnyway$/);
  });

  const effects = Object.keys(taskMachine.implementations.actions).filter((name) => !(name in taskPluggable.actions));
  it.each(effects)('is no machine with another %s: that is an effect, or bookkeeping', (name) => {
    expect(refusal(() => behind({ actions: { [name]: assign({}) } })).field).toBe(`machines.task.actions.${name}`);
  });

  it('is no machine with members that nobody knows', () => {
    expect(refusal(() => behind({ guards: { shouldDance: () => true } } as never)).field).toBe('machines.task.guards.shouldDance');
    expect(refusal(() => behind({ delays: { nap: 5 } } as never)).field).toBe('machines.task.delays.nap');
    expect(refusal(() => behind({ guards: { toString: () => true } } as never)).field).toBe('machines.task.guards.toString');
  });

  it.each([
    ['and()', and(['shouldRetry', 'isCurrentTry'] as never)],
    ['or()', or(['shouldRetry'] as never)],
    ['not()', not('shouldRetry' as never)],
    ['stateIn()', stateIn('deciding')],
    ['a name', 'isPoison'],
    ['an object', { type: 'isPoison' }],
  ])('is no machine with %s for a guard', (_, guard) => {
    expect(refusal(() => behind({ guards: { shouldRetry: guard } } as never))).toEqual({
      field: 'machines.task.guards.shouldRetry',
      message:
        'machines.task.guards.shouldRetry must be a plain function; combine conditions inside it rather than with and(), or(), not()',
    });
  });

  it.each([
    ['a function', () => {}],
    ['enqueueActions()', enqueueActions(() => {})],
    ['a name', 'keepRoute'],
  ])('is no machine with %s for an action', (_, action) => {
    expect(refusal(() => behind({ actions: { applyPlacement: action } } as never))).toEqual({
      field: 'machines.task.actions.applyPlacement',
      message: 'machines.task.actions.applyPlacement must be made with assign()',
    });
  });
});

describe('a replaced guard', () => {
  it('decides', () => {
    const patient = behind({ guards: { shouldRetry: ({ context }) => context.failures.length < 2 } });
    expect(decided(patient, {}, false).value).toBe('retrying');
    expect(decided(patient, { failures: [failure(), failure()] }).value).toBe('failed');
    expect(watch.faults).toEqual([]);
  });

  it('is no bound: budgets, poison and kinds stay above it', () => {
    const stubborn = behind({ guards: { shouldRetry: () => true } });
    expect(decided(stubborn, { retries: 0 }).value).toBe('failed');
    expect(decided(stubborn, { lostWorkers: ['a', 'b', 'c'] }).value).toBe('failed');
    expect(decided(stubborn, { failures: [failure('serialization')] }).value).toBe('failed');
  });

  it.each<readonly [string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('oh');
      },
      'threw',
    ],
    ['is asynchronous', async () => false, 'answered a promise, not a boolean'],
    [
      'rejects',
      async () => {
        throw new Error('late');
      },
      'answered a promise, not a boolean',
    ],
    ['answers 1', () => 1, 'answered 1, not a boolean'],
    ['answers nothing', () => undefined, 'answered undefined, not a boolean'],
  ])('that %s is replaced by the built-in', async (_, guard, what) => {
    expect(decided(behind({ guards: { shouldRetry: guard as never } })).value).toBe('retrying');
    expect(watch.faults).toMatchObject([{ member: 'machines.task.guards.shouldRetry', what }]);
    await setImmediate(); // a rejection that nobody took would fail this test
  });

  it('cannot write to the context, nor to the event, and has no actor to speak to', () => {
    const seen: string[][] = [];
    const greedy = behind({
      guards: {
        shouldRetry(args) {
          seen.push(Object.keys(args));
          const { context, event } = args as { context: { retries: number }; event: { decision: { cost: number } } };
          expect(() => (context.retries = 99)).toThrow(TypeError);
          expect(() => (event.decision.cost = -99)).toThrow(TypeError);
          return true;
        },
      },
    });
    expect(decided(greedy).context.cost).toBe(1);
    expect(seen).toEqual([['context', 'event']]);
  });

  it('is asked no more after five faults', () => {
    let calls = 0;
    const broken = behind({ guards: { shouldRetry: () => (++calls, 'yes') as never } });
    for (let i = 0; i < 8; i++) expect(decided(broken).value).toBe('retrying');
    expect([calls, watch.faults.length]).toEqual([MAX_FAULTS, MAX_FAULTS]);
  });
});

describe('a replaced action', () => {
  it.each([
    ['a function', assign(() => ({ placement: 'big', resources: { cores: 8 } }))],
    ['fields', assign({ placement: () => 'big', resources: () => ({ cores: 8 }) })],
    ['a copy of the context', assign(({ context }) => ({ ...context, placement: 'big', resources: { cores: 8 } }))],
  ])('made of %s assigns what it owns', (_, action) => {
    expect(decided(behind({ actions: { applyPlacement: action } } as never)).context).toMatchObject({
      placement: 'big',
      resources: { cores: 8 },
    });
    expect(watch.faults).toEqual([]);
  });

  it('may leave out what it does not change', () => {
    expect(decided(behind({ actions: { applyPlacement: assign({}) } } as never), { placement: 'old' }).context).toMatchObject({
      placement: 'old',
      resources: { cores: 1 },
    });
  });

  it.each<readonly [string, unknown, string]>([
    ['writes to what is not its own', assign({ cost: -99 }), 'wrote context.cost'],
    ['adds a field', assign({ extra: () => () => {} }), 'wrote context.extra'],
    ['adds a field that every object has', assign(() => ({ constructor: 'x' })), 'wrote context.constructor'],
    ['lifts the budget', assign(({ context }) => ({ ...context, retries: 99 })), 'wrote context.retries'],
    [
      'throws',
      assign(() => {
        throw new Error('oh');
      }),
      'threw',
    ],
    ['assigns nothing', assign((): object => undefined as never), 'assigned undefined, not fields'],
    [
      'is asynchronous',
      assign(async () => {
        throw new Error('late');
      }),
      'assigned a promise, not fields',
    ],
    ['places nowhere', assign({ placement: 7 }), 'placement is 7, not the label of an executor'],
    [
      'places later',
      assign({
        placement: async () => {
          throw new Error('late');
        },
      }),
      'placement is a promise, not the label of an executor',
    ],
    ['asks for less than nothing', assign({ resources: { cores: -1 } }), 'resources.cores is -1, not a number from 0'],
    ['spawns', assign(({ spawn }) => ({ placement: String((spawn as (logic: unknown) => unknown)(taskMachine)) })), 'threw'],
    ['writes to the context it is shown', assign(({ context }) => ({ placement: typeof Object.assign(context, { cost: -99 }) })), 'threw'],
  ])('that %s is replaced by the built-in', async (_, action, what) => {
    const { value, context } = decided(behind({ actions: { applyPlacement: action } } as never), { placement: 'old' });
    expect(value).toBe('retrying');
    expect(context).toMatchObject({ cost: 1, retries: 3, placement: undefined, resources: { cores: 1 } });
    expect(context).not.toHaveProperty('extra');
    expect(watch.faults).toMatchObject([{ member: 'machines.task.actions.applyPlacement', what }]);
    await setImmediate();
  });
});

describe('a replaced delay', () => {
  it.each([
    ['a number', 500],
    ['a function', () => 500],
  ])('may be %s', (_, backoff) => {
    expect(waitOf(behind({ delays: { backoff } }))).toBe(500);
  });

  it.each<readonly [string, unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('oh');
      },
      'threw',
    ],
    ['answers NaN', () => Number.NaN, 'answered NaN, not 0…86400000 ms'],
    ['is negative', -1, 'answered -1, not 0…86400000 ms'],
    ['is longer than a day', 86_400_001, 'answered 86400001, not 0…86400000 ms'],
    ['is a promise', async () => 5, 'answered a promise, not 0…86400000 ms'],
    ['is a word', 'soon', "answered 'soon', not 0…86400000 ms"],
  ])('that %s is replaced by the built-in', (_, backoff, what) => {
    expect(waitOf(behind({ delays: { backoff } } as never))).toBe(70);
    expect(watch.faults).toMatchObject([{ member: 'machines.task.delays.backoff', what }]);
  });
});
