/** Retries through a whole troupe: budgets by kind, waits on the clock, other executors, and costs. */
import { describe, expect, it } from 'vitest';

import { dependency, retry, type RetryPolicy, routing } from '../../src/api/policies.ts';
import { type FailureKind, join, RemoteError, task, TimeLimitError, WorkerLostError } from '../../src/index.ts';
import { manualExecutor } from '../support/manual-executor.ts';
import { errorOf, rest, troupes, type Opened } from '../support/troupes.ts';

const work = task(import.meta, 'retries.work', (value: unknown) => value);
let bodies = 0;
const flaky = join(import.meta, 'retries.flaky', () => {
  if (++bodies < 3) throw new Error('not yet');
  return [work(1)];
});
const start = troupes();

/** Fails the try that is held as often as there is one, and lets back-offs pass. */
async function failUntilSettled(
  { executor, clock }: Opened,
  kind: FailureKind = 'app',
  worker = (i: number): string => `${i}`,
): Promise<number> {
  let tries = 0;
  for (; executor.held.length > 0; tries++) {
    executor.failed(executor.take(), new Error(`boom ${tries}`), kind, worker(tries));
    clock.increment(86_400_000);
    await rest();
  }
  return tries;
}

describe('budgets', () => {
  it.each([
    ['app', undefined, 1],
    ['app', 2, 3],
    ['timeLimit', 1, 2],
    ['oom', 1, 2],
    ['nodeLost', undefined, 11],
    ['preempted', 0, 11],
    ['walltime', 0, 11],
    ['submit', 0, 11],
    ['serialization', 5, 1],
    ['policy', 5, 1],
  ] as const)('a failure of kind %s with retries %s makes %i tries', async (kind, retries, tries) => {
    const opened = await start();
    const future = work.with(retries === undefined ? {} : { retries })(1);
    expect(await failUntilSettled(opened, kind)).toBe(tries);
    expect(future.failure).toMatchObject({ kind, tries });
    await errorOf(future);
  });

  it('a task that takes down three different workers is poison, and says so', async () => {
    const opened = await start();
    const future = work(1);
    expect(await failUntilSettled(opened, 'workerLost')).toBe(3);
    const error = await errorOf(future);
    expect(error).toBeInstanceOf(WorkerLostError);
    expect(error.message).toMatch(/has taken down 3 workers \(0, 1, 2\) and is not tried again/);
    expect(error.cause).toMatchObject({ message: 'boom 2' });
  });

  it('losing one worker again and again is the fault of the worker: ten retries', async () => {
    const opened = await start();
    const future = work(1);
    expect(await failUntilSettled(opened, 'workerLost', () => 'same')).toBe(11);
    await errorOf(future);
  });

  it('lost workers do not spend the user’s retries', async () => {
    const opened = await start();
    const { executor, clock } = opened;
    const future = work.with({ retries: 1 })(1);
    for (const kind of ['nodeLost', 'app', 'nodeLost'] as const) {
      executor.failed(executor.take(), new Error('boom'), kind);
      clock.increment(60_000);
    }
    expect(future.state).toBe('queued');
    executor.failed(executor.take());
    expect(future.failure).toMatchObject({ kind: 'app', tries: 4 });
    await errorOf(future);
  });
});

describe('waits', () => {
  it('are on the clock, double, and are shown by why()', async () => {
    const { executor, clock } = await start({ policies: { retry: retry.exponential({ retries: 3, initialMs: 100, jitter: 0 }) } });
    const future = work(1);
    for (const waitMs of [100, 200, 400]) {
      executor.failed(executor.take());
      expect(future.state).toBe('retrying');
      expect(future.why().for[0]).toMatch(new RegExp(`after a back-off of ${waitMs} ms`));
      clock.increment(waitMs - 1);
      expect(future.state).toBe('retrying');
      clock.increment(1);
      expect(future.state).toBe('queued');
    }
    executor.done(executor.take(), 'at last');
    expect(await future).toBe('at last');
  });

  it('end at once when the task is cancelled', async () => {
    const { troupe, executor } = await start({ policies: { retry: retry.exponential() } });
    const future = work(1);
    executor.failed(executor.take());
    future.cancel();
    expect(future.state).toBe('cancelled');
    expect(troupe.snapshot().timers).toBe(0);
    await errorOf(future);
  });
});

describe('costs', () => {
  // Parsl, C10: tried again while the accumulated cost is within `retries`
  it.each([
    [[1], 1, 2],
    [[0.5], 1, 3],
    [[2], 1, 1],
    [[0, 0, 0, 5], 1, 4],
    [[1, -1, 1, 1], 1, 4],
  ])('of %j within %d make %i tries', async (costs, retries, tries) => {
    const price = retry.cost(({ tryIndex }) => costs[tryIndex % costs.length] ?? 1, retries);
    const opened = await start({ policies: { retry: price } });
    const future = work(1);
    expect(await failUntilSettled(opened)).toBe(tries);
    await errorOf(future);
  });

  it('that are no number are a fault, and the built-in decides', async () => {
    const opened = await start({ policies: { retry: retry.cost(() => Number.NaN, 1) } });
    const faults: string[] = [];
    opened.troupe.on('policy.faulted', ({ what }) => faults.push(what));
    const future = work(1);
    await failUntilSettled(opened);
    expect(faults[0]).toMatch(/cost is NaN/);
    await errorOf(future);
  });
});

describe('a decision', () => {
  it('may move the task to another executor with other resources', async () => {
    const [small, big] = [manualExecutor({ label: 'small' }), manualExecutor({ label: 'big' })];
    const grow: RetryPolicy = {
      kind: 'retry',
      name: 'grow',
      decide: ({ failure, resources }) =>
        failure.kind === 'oom'
          ? { again: true, executor: 'big', resources: { memoryBytes: 2 * (resources.memoryBytes ?? 0) } }
          : { again: false },
    };
    const { clock } = await start({
      executors: [small, big],
      policies: { retry: grow, routing: routing.labels({ 'retries.work': 'small' }) },
    });
    const future = work.with({ resources: { memoryBytes: 1e9 } })(1);
    small.failed(small.take(), new Error('out of memory'), 'oom');
    clock.increment(0); // a wait of nothing still lets others run
    expect(big.take().resources).toEqual({ memoryBytes: 2e9 });
    big.done(big.take(), 'fits');
    expect(await future).toBe('fits');
  });

  it('naming an executor that the task may not use is a fault', async () => {
    const [one, two] = [manualExecutor({ label: 'one' }), manualExecutor({ label: 'two' })];
    const elsewhere: RetryPolicy = { kind: 'retry', name: 'elsewhere', decide: () => ({ again: true, executor: 'two' }) };
    const { troupe } = await start({ executors: [one, two], policies: { retry: elsewhere } });
    const faults: string[] = [];
    troupe.on('policy.faulted', ({ what }) => faults.push(what));
    const future = work.with({ executors: ['one'] })(1);
    one.failed(one.take());
    expect(faults).toEqual([expect.stringMatching(/executor is 'two', not one of one/)]);
    two.expectNothingElse();
    future.cancel();
    await errorOf(future);
  });
});

describe('what is tried again', () => {
  it('is the body of a join that throws, and not what it joins', async () => {
    const { executor, clock } = await start({ policies: { retry: retry.fixed(5) } });
    bodies = 0;
    const future = flaky();
    for (let i = 0; i < 3; i++) {
      await rest();
      clock.increment(0);
    }
    expect([bodies, future.state]).toEqual([3, 'joining']);
    executor.failed(executor.take(), new Error('inner'));
    for (let i = 0; i < 5; i++) {
      clock.increment(0);
      executor.failed(executor.take(), new Error('inner'));
    }
    expect(await errorOf(future)).toMatchObject({ name: 'JoinError' });
    expect(bodies).toBe(3);
  });

  it('is a try over its time limit, on the user’s budget', async () => {
    const { executor, clock } = await start({ policies: { retry: retry.fixed(1) } });
    const future = work.with({ timeLimitMs: 50 })(1);
    for (let i = 0; i < 2; i++) {
      executor.started(executor.take());
      clock.increment(50); // the manual executor confirms the stop
      clock.increment(0);
    }
    const error = await errorOf(future);
    expect(error).toBeInstanceOf(TimeLimitError);
    expect(error).toMatchObject({ limitMs: 50, tryIndex: 1 });
  });

  it('is nothing when an input has failed, whatever the policy', async () => {
    let asked = 0;
    const counting: RetryPolicy = { kind: 'retry', name: 'counting', decide: () => ({ again: ++asked < 2 }) };
    const { executor, clock } = await start({ policies: { retry: counting, dependency: dependency.fail() } });
    const future = work(work(1));
    executor.failed(executor.take());
    clock.increment(0);
    executor.failed(executor.take());
    expect(await errorOf(future)).toMatchObject({ name: 'DependencyError' });
    expect(asked).toBe(2);
  });

  it('keeps the last error, not the first', async () => {
    const opened = await start({ policies: { retry: retry.fixed(2) } });
    const future = work(1);
    await failUntilSettled(opened);
    const error = await errorOf(future);
    expect(error).not.toBeInstanceOf(RemoteError);
    expect(error.message).toBe('boom 2');
  });
});
