/** Both ways to replace a decision, through a real troupe: the short one (a policy) and the long one (members of the machine). */
import { describe, expect, it } from 'vitest';
import { assign, not } from 'xstate';

import { ConfigError, task, Troupe } from '../../../src/index.ts';
import { dependency, retry, routing, type DependencyPolicy, type RetryPolicy, type RoutingPolicy } from '../../../src/api/policies.ts';
import { taskMachine } from '../../../src/api/machines.ts';
import { manualExecutor } from '../../support/manual-executor.ts';
import { failAll, opened, settle } from '../../support/open-troupe.ts';

const simulate = task(import.meta, 'simulate', (seed: unknown) => seed);
const load = task(import.meta, 'load', (...seeds: readonly unknown[]) => seeds.length);

describe('a retry policy', () => {
  it('waits, moves, and asks for more, as it says', async () => {
    const growing: RetryPolicy = {
      kind: 'retry',
      name: 'growing',
      decide: ({ tryIndex, resources: { cores = 1 } }) => ({
        again: true,
        afterMs: 1000 * (tryIndex + 1),
        executor: 'other',
        resources: { cores: 2 * cores },
      }),
    };
    const world = await opened({ policies: { retry: growing } });
    const future = world.troupe.run(simulate, 1);
    world.executor.failed(world.executor.take());
    expect(future.state).toBe('retrying');
    await world.pass(999);
    expect(future.state).toBe('retrying');
    await world.pass(1);
    const second = world.other.take();
    expect(second).toMatchObject({ tryIndex: 1, resources: { cores: 2 } });
    world.other.failed(second);
    await world.pass(2000);
    expect(world.other.take()).toMatchObject({ tryIndex: 2, resources: { cores: 4 } });
    world.other.done(world.other.take(), 5);
    expect(await future).toBe(5);
    expect(world.faults).toEqual([]);
  });

  it('is told what failed, and how often', async () => {
    const seen: unknown[] = [];
    const curious: RetryPolicy = {
      kind: 'retry',
      name: 'curious',
      retries: 2,
      decide: (snapshot) => (seen.push(snapshot), { again: true }),
    };
    const world = await opened({ policies: { retry: curious } });
    const future = world.troupe.run(simulate.with({ executors: ['manual', 'other'], resources: { cores: 2 } }), 1);
    expect(await failAll(world)).toBe(3);
    await expect(future).rejects.toThrow('boom');
    expect(seen[1]).toMatchObject({
      taskId: 't1',
      name: 'simulate',
      tryIndex: 1,
      executor: expect.stringMatching(/^(manual|other)$/),
      executors: ['manual', 'other'],
      resources: { cores: 2 },
      cost: 1,
      retries: 2,
      random: 0.5,
      failure: { kind: 'app', message: 'boom', tryIndex: 1, worker: 'w' },
      failures: [{ tryIndex: 0 }, { tryIndex: 1 }],
    });
  });

  it.each([
    ['of the task', { retries: 1 }, 2],
    ['of the policy, when the task states none', {}, 4],
  ] as const)('has the budget %s', async (_, options, tries) => {
    const world = await opened({ policies: { retry: retry.fixed(3) } });
    world.troupe.run(simulate.with(options), 1).catch(() => {});
    expect(await failAll(world)).toBe(tries);
  });
});

describe('a routing policy', () => {
  it('chooses among those that could run the task', async () => {
    const last: RoutingPolicy = {
      kind: 'routing',
      name: 'last',
      decide: ({ candidates }) => ({ executor: candidates.at(-1)?.label ?? '', why: 'it is the last' }),
    };
    const world = await opened({ policies: { routing: last } });
    world.troupe.run(simulate, 1).catch(() => {});
    expect(world.other.held).toHaveLength(1);
    world.troupe.run(simulate.with({ executors: ['manual'] }), 1).catch(() => {});
    expect(world.executor.held).toHaveLength(1);
  });

  it('that names an executor without being asked about it does not lose the task', async () => {
    const lost: RoutingPolicy = { kind: 'routing', name: 'lost', decide: () => ({ executor: 'nowhere' }) };
    const world = await opened({ policies: { routing: lost } });
    const future = world.troupe.run(simulate, 1);
    world.executor.done(world.executor.take(), 1);
    expect(await future).toBe(1);
    expect(world.faults).toEqual(["routing: executor is 'nowhere', not one of manual, other"]);
  });
});

describe('a dependency policy', () => {
  const failing = async (policy: DependencyPolicy) => {
    const world = await opened({ policies: { dependency: policy } });
    const first = world.troupe.run(simulate, 1);
    const second = world.troupe.run(load, first, 'here');
    second.catch(() => {});
    world.executor.failed(world.executor.take());
    await expect(first).rejects.toThrow('boom');
    return { ...world, second };
  };

  it('that fails settles the dependent without a try', async () => {
    const { second, executor } = await failing(dependency.fail());
    await expect(second).rejects.toThrow(/load \(t2\) was not run, because of simulate \(t1\)/);
    expect(second.state).toBe('depFailed');
    executor.expectNothingElse();
  });

  it.each([
    ['ignores', dependency.ignore(), [undefined, 'here']],
    ['substitutes', dependency.substitute({ energy: 0 }), [{ energy: 0 }, 'here']],
  ])('that %s runs it with something in place of the input', async (_, policy, values) => {
    const { second, executor } = await failing(policy);
    const attempt = executor.take();
    expect(attempt.args).toEqual({ values });
    executor.done(attempt, 2);
    expect(await second).toBe(2);
  });

  it('sees which inputs failed, of how many', async () => {
    const seen: unknown[] = [];
    await failing({ kind: 'dependency', name: 'curious', decide: (snapshot) => (seen.push(snapshot), { run: false }) });
    expect(seen).toEqual([{ taskId: 't2', name: 'load', inputs: 1, failed: [{ source: 't1', name: 'simulate', message: 'boom' }] }]);
  });
});

describe('members of the machine, the long way', () => {
  it('replaces what reads the answer of a policy', async () => {
    const patient = taskMachine.provide({
      guards: { shouldRetry: ({ context }) => context.failures.length <= 2 },
      actions: { applyPlacement: assign({ placement: () => 'other' }) },
      delays: { backoff: 250 },
    });
    const world = await opened({ machines: { task: patient } });
    const future = world.troupe.run(simulate, 1);
    world.executor.failed(world.executor.take());
    await world.pass(249);
    expect(future.state).toBe('retrying');
    await world.pass(1);
    world.other.failed(world.other.take());
    await world.pass(250);
    world.other.failed(world.other.take());
    await expect(future).rejects.toThrow('boom');
    expect([world.faults, world.broken]).toEqual([[], []]);
  });

  it('never runs more tries than the budget, whatever its guard says', async () => {
    const world = await opened({
      machines: { task: taskMachine.provide({ guards: { shouldRetry: () => true } }) },
      policies: { retry: { kind: 'retry', name: 'never', retries: 2, decide: () => ({ again: false }) } },
    });
    world.troupe.run(simulate, 1).catch(() => {});
    expect(await failAll(world)).toBe(3);
  });

  it('does not lose a task that is placed where nobody is', async () => {
    const world = await opened({
      machines: { task: taskMachine.provide({ actions: { applyPlacement: assign({ placement: () => 'nowhere' }) } }) },
    });
    const future = world.troupe.run(simulate.with({ retries: 1 }), 1);
    world.executor.failed(world.executor.take());
    await world.pass(0);
    world.executor.done(world.executor.take(), 3);
    expect(await future).toBe(3);
  });

  it('is refused at the start, naming the field, when a bound is replaced', async () => {
    const start = (task: object) =>
      Troupe.start({ executors: [manualExecutor()], signals: false, machines: { task: task as typeof taskMachine } });
    const error = await start(taskMachine.provide({ guards: { isOverBudget: () => false } })).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ code: 'ERR_CONFIG', field: 'machines.task.guards.isOverBudget' });
    await expect(start(taskMachine.provide({ guards: { shouldRetry: not('shouldRetry') } }))).rejects.toMatchObject({
      field: 'machines.task.guards.shouldRetry',
    });
    await expect(start({ id: 'task', config: {}, implementations: {} })).rejects.toMatchObject({ field: 'machines.task' });
  });
});

describe('after five faults', () => {
  it('the built-in stays in charge and the executors show that they are degraded, why included', async () => {
    let calls = 0;
    const broken: RoutingPolicy = { kind: 'routing', name: 'broken', decide: () => ({ executor: String(++calls) }) };
    const world = await opened({ policies: { routing: broken } });
    await settle();
    for (let i = 0; i < 7; i++) world.troupe.run(simulate, i).catch(() => {});
    expect([calls, world.faults.length]).toEqual([5, 5]);
    expect(world.troupe.snapshot().executors.map(({ label, state }) => [label, state])).toEqual([
      ['manual', 'degraded'],
      ['other', 'degraded'],
    ]);
    expect([...world.executor.held, ...world.other.held]).toHaveLength(7);
  });

  it('also when the executors were not up yet', async () => {
    const start = Troupe.start({
      executors: [manualExecutor()],
      ambient: false,
      signals: false,
      policies: { routing: { kind: 'routing', name: 'broken', decide: () => undefined as never } },
    });
    const troupe = await start;
    for (let i = 0; i < 5; i++) troupe.run(simulate, i).catch(() => {});
    await settle();
    expect(troupe.snapshot().executors).toMatchObject([{ state: 'degraded' }]);
    await troupe.close({ pending: 'cancel' });
  });
});

it('the built-in routing policies are what their names say', () => {
  expect([routing.leastLoaded(), routing.random(), routing.labels({})].map(({ name }) => name)).toEqual([
    'leastLoaded',
    'random',
    'labels',
  ]);
});
