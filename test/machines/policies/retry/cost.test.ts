/** The retry policy `cost`: each failure has a price. What the machine makes of prices is in `task-budgets.test.ts`. */
import { describe, expect, it } from 'vitest';

import { cost } from '../../../../src/machines/policies/retry/cost.ts';
import type { RetrySnapshot } from '../../../../src/machines/policies/retry/port.ts';
import { conformsToRetryPolicy } from '../../../conformance/policy.ts';
import { failure } from '../../../support/machines.ts';
import { failed } from '../../../support/policies.ts';

const priceOf = ({ failure: { message } }: RetrySnapshot): number => (message === 'busy' ? 0.5 : 2);

describe('cost', () => {
  conformsToRetryPolicy(() => cost(priceOf, 2));
  conformsToRetryPolicy(() => cost(() => -1));

  it('asks for the price of each failure', () => {
    expect(cost(priceOf).decide(failed({ failure: failure('app', { message: 'busy' }) }))).toEqual({ again: true, cost: 0.5, afterMs: 0 });
    expect(cost(priceOf).decide(failed())).toEqual({ again: true, cost: 2, afterMs: 0 });
  });

  it('states the budget and what it asks', () => {
    expect([cost(priceOf).retries, cost(priceOf, 4).retries, cost(priceOf, 4).name, cost(() => 1).name]).toEqual([
      1,
      4,
      'cost(priceOf, 4)',
      'cost(priceOf, 1)',
    ]);
  });

  it('refuses what is no function, and a budget that is no number', () => {
    expect(() => cost(1 as never)).toThrow('retry.cost: the first argument is not a function of the snapshot');
    expect(() => cost(priceOf, Number.NaN)).toThrow('retry.cost: retries is NaN');
  });
});
