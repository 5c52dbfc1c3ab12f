/** What the machine of a task makes of failures: budgets by kind, poison, costs, and where the next try goes. No policy is above them. */
import { describe, expect, it } from 'vitest';

import { budgets, INFRASTRUCTURE_RETRIES, POISON_WORKERS, type FailureKind } from '../../src/machines/model/failures.ts';
import type { RetryDecision, TaskContext, TaskEvent } from '../../src/machines/model/task.ts';
import { taskMachine } from '../../src/machines/task.ts';
import { at, failure, next, snapshotAt, taskContext, taskEvents as events } from '../support/machines.ts';

/** Fails tries of one task until it settles, by the machine alone; returns how many it had. */
function triesOf(
  kinds: readonly FailureKind[],
  decide: (tryIndex: number) => RetryDecision,
  context: Partial<TaskContext>,
  worker = (_: number): string => 'w',
): number {
  let snapshot = at('running', context);
  for (let tryIndex = 0; tryIndex < 40; tryIndex++) {
    const kind = kinds[tryIndex % kinds.length] ?? 'app';
    const told: readonly TaskEvent[] = [
      { type: 'try.failed', tryIndex, failure: failure(kind, { tryIndex, worker: worker(tryIndex) }) },
      { type: 'retry.decided', tryIndex, decision: decide(tryIndex), policy: 'p' },
      { type: 'timer.fired', timer: 'backoff', tryIndex },
      { type: 'try.started', tryIndex: tryIndex + 1 },
    ];
    for (const event of told) if (snapshot.status === 'active') snapshot = next(taskMachine, snapshot, event);
    if (snapshot.value === 'failed') return tryIndex + 1;
  }
  return Number.POSITIVE_INFINITY;
}
const again = (): RetryDecision => ({ again: true });
const kindsOf = (budget: string): readonly FailureKind[] =>
  (Object.keys(budgets) as FailureKind[]).filter((kind) => budgets[kind] === budget);

describe('budgets', () => {
  it.each(kindsOf('user').flatMap((kind) => [0, 1, 3].map((retries) => [kind, retries] as const)))(
    '%s is tried %i times more',
    (kind, retries) => {
      expect(triesOf([kind], again, { retries })).toBe(retries + 1);
    },
  );

  it.each(kindsOf('infrastructure').filter((kind) => kind !== 'workerLost'))(
    '%s has a budget of its own, whatever the task states',
    (kind) => {
      for (const retries of [0, 100]) expect(triesOf([kind], again, { retries })).toBe(INFRASTRUCTURE_RETRIES + 1);
    },
  );

  it.each(kindsOf('never'))('%s is never tried again', (kind) => {
    expect(triesOf([kind], again, { retries: 100 })).toBe(1);
  });

  it('counts the user’s failures and the infrastructure’s apart', () => {
    expect(triesOf(['app', 'nodeLost'], again, { retries: 2 })).toBe(5); // the third failure of its own
    expect(triesOf(['nodeLost', 'preempted', 'submit'], again, { retries: 0 })).toBe(INFRASTRUCTURE_RETRIES + 1);
  });

  it('is final when the policy says so', () => {
    expect(triesOf(['app'], () => ({ again: false }), { retries: 5 })).toBe(1);
    expect(triesOf(['nodeLost'], () => ({ again: false }), { retries: 5 })).toBe(1);
  });

  it('is spent when it is no number', () => {
    for (const retries of [Number.NaN, undefined as unknown as number]) expect(triesOf(['app'], again, { retries })).toBe(1);
  });
});

describe('poison', () => {
  it('is a task that took down three distinct workers', () => {
    expect(triesOf(['workerLost'], again, {}, (tryIndex) => `w${tryIndex}`)).toBe(POISON_WORKERS);
  });

  it('is not a task that lost the same worker again and again', () => {
    expect(triesOf(['workerLost'], again, {}, () => 'w')).toBe(INFRASTRUCTURE_RETRIES + 1);
    expect(triesOf(['workerLost'], again, {}, (tryIndex) => `w${tryIndex % 2}`)).toBe(INFRASTRUCTURE_RETRIES + 1);
  });

  it('does not depend on what failed in between, and no policy can overrule it', () => {
    const workers = ['a', 'a', 'b', 'b', 'c'];
    expect(triesOf(['workerLost', 'app'], again, { retries: 9 }, (tryIndex) => workers[tryIndex] ?? 'd')).toBe(5);
  });

  it('does not count a worker that nobody knows', () => {
    const lost = (worker?: string) =>
      next(taskMachine, at('running'), { ...events['try.failed'], failure: failure('workerLost', worker === undefined ? {} : { worker }) });
    expect(lost().context.lostWorkers).toEqual([]);
    expect(lost('w').context.lostWorkers).toEqual(['w']);
  });
});

describe('costs, as in Parsl: retried while the sum is within the budget', () => {
  it.each([
    [1, 2, 3],
    [0.5, 1, 3],
    [0.5, 0, 1],
    [0.3, 1, 4],
    [2, 2, 2],
    [2, 1, 1],
    [0, 0, Number.POSITIVE_INFINITY],
    [-1, 0, Number.POSITIVE_INFINITY],
    [1e9, 3, 1],
  ])('a cost of %f in a budget of %f makes %f tries', (cost, retries, tries) => {
    expect(triesOf(['app'], () => ({ again: true, cost }), { retries })).toBe(tries);
  });

  it('gives back what a negative cost is worth', () => {
    const prices = [1, -1, 1, 1];
    expect(triesOf(['app'], (tryIndex) => ({ again: true, cost: prices[tryIndex] ?? 1 }), { retries: 1 })).toBe(4);
  });

  it('costs nothing when the infrastructure fails, whatever the policy says', () => {
    const { context } = next(taskMachine, at('deciding', { failures: [failure('nodeLost')], infrastructureFailures: 1 }), {
      ...events['retry.decided'],
      decision: { again: true, cost: 5 },
    });
    expect(context.cost).toBe(0);
  });

  it('costs a whole retry when a replaced guard retries what the policy would not', () => {
    const stubborn = taskMachine.provide({ guards: { shouldRetry: () => true } });
    const decidedAt = (cost: number) =>
      next(stubborn, snapshotAt(stubborn, 'deciding', taskContext({ failures: [failure()], retries: 1, cost })), {
        ...events['retry.decided'],
        decision: { again: false },
      });
    expect(decidedAt(0)).toMatchObject({ value: 'retrying', context: { cost: 1 } });
    expect(decidedAt(1).value).toBe('failed');
  });
});

describe('placement', () => {
  const decided = (decision: RetryDecision) =>
    next(taskMachine, at('deciding', { failures: [failure()], retries: 3, resources: { cores: 1, gpus: 1 }, placement: 'old' }), {
      ...events['retry.decided'],
      decision,
    }).context;

  it('moves the next try to where the policy wants it, with the resources it asks for laid over', () => {
    expect(decided({ again: true, executor: 'big', resources: { cores: 4 } })).toMatchObject({
      placement: 'big',
      resources: { cores: 4, gpus: 1 },
    });
  });

  it('is forgotten when the policy names none', () => {
    expect(decided({ again: true })).toMatchObject({ placement: undefined, resources: { cores: 1, gpus: 1 } });
  });

  it('waits as long as the policy says', () => {
    const { backoff } = taskMachine.implementations.delays as unknown as {
      readonly backoff: (args: { readonly context: TaskContext }) => number;
    };
    expect(backoff({ context: taskContext({ decision: { again: true, afterMs: 70 } }) })).toBe(70);
    expect(backoff({ context: taskContext({ decision: { again: true } }) })).toBe(0);
    expect(backoff({ context: taskContext({ decision: { again: false } }) })).toBe(0);
  });
});
