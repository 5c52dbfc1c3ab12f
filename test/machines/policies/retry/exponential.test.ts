/** The retry policy `exponential`: waits that grow, with jitter, within bounds. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MAX_BACKOFF_MS } from '../../../../src/machines/policies/retry/port.ts';
import { exponential } from '../../../../src/machines/policies/retry/exponential.ts';
import { conformsToRetryPolicy } from '../../../conformance/policy.ts';
import { failed } from '../../../support/policies.ts';

const wait = (policy: ReturnType<typeof exponential>, tryIndex: number, random = 0.5): number => {
  const decision = policy.decide(failed({ tryIndex, random }));
  return decision.again ? (decision.afterMs ?? 0) : Number.NaN;
};

describe('exponential', () => {
  conformsToRetryPolicy(() => exponential());
  conformsToRetryPolicy(() => exponential({ retries: 9, initialMs: 1, maxMs: MAX_BACKOFF_MS, factor: 10, jitter: 1 }));

  it('doubles the wait from the first to the longest', () => {
    const policy = exponential({ initialMs: 100, maxMs: 1000, jitter: 0 });
    expect([0, 1, 2, 3, 4, 50].map((tryIndex) => wait(policy, tryIndex))).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  it('draws as much of the wait as its jitter says', () => {
    const policy = exponential({ initialMs: 1000, jitter: 0.5 });
    expect([0, 0.5, 1 - Number.EPSILON].map((random) => wait(policy, 0, random))).toEqual([500, 750, 1000]);
    expect(wait(exponential({ initialMs: 1000, jitter: 1 }), 0, 0)).toBe(0);
  });

  it('waits between 0 and the longest, whatever its options', () => {
    const options = fc.record({
      initialMs: fc.double({ min: 0, max: MAX_BACKOFF_MS, noNaN: true }),
      maxMs: fc.double({ min: 0, max: MAX_BACKOFF_MS, noNaN: true }),
      factor: fc.double({ min: 0, max: 1e6, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(options, fc.nat(5000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (given, tryIndex, random) => {
        const ms = wait(exponential(given), tryIndex, random);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(Math.ceil(given.maxMs));
      }),
    );
  });

  it('waits nothing after any number of tries when the first wait is nothing', () => {
    expect(wait(exponential({ initialMs: 0 }), 5000)).toBe(0); // 0 × 2⁵⁰⁰⁰ is not a number
  });

  it('states a budget of 3 unless told otherwise', () => {
    expect([exponential().retries, exponential({ retries: 5 }).retries]).toEqual([3, 5]);
    expect(exponential({ retries: 5, initialMs: 20 }).name).toBe('exponential(5, 20 ms)');
  });

  it.each([
    [{ retries: -1 }, 'retries is -1, not a finite number from 0'],
    [{ initialMs: Number.NaN }, 'initialMs is NaN, not a number from 0 to 86400000'],
    [{ maxMs: MAX_BACKOFF_MS + 1 }, 'maxMs is 86400001, not a number from 0 to 86400000'],
    [{ factor: -2 }, 'factor is -2, not a finite number from 0'],
    [{ jitter: 1.5 }, 'jitter is 1.5, not a number from 0 to 1'],
  ])('refuses %o', (options, message) => {
    expect(() => exponential(options)).toThrow(`retry.exponential: ${message}`);
  });
});
