/** The retry policy `fixed`: at once, as often as its budget says. */
import { describe, expect, it } from 'vitest';

import { ConfigError } from '../../../../src/machines/model/errors.ts';
import { fixed } from '../../../../src/machines/policies/retry/fixed.ts';
import { conformsToRetryPolicy } from '../../../conformance/policy.ts';
import { failure } from '../../../support/machines.ts';
import { failed } from '../../../support/policies.ts';

describe('fixed', () => {
  conformsToRetryPolicy(() => fixed(3));

  it('retries a failure of the task’s own at once, and states the budget', () => {
    expect(fixed(3).decide(failed())).toEqual({ again: true, afterMs: 0 });
    expect([fixed().retries, fixed(3).retries, fixed(3).name]).toEqual([0, 3, 'fixed(3)']);
  });

  it('lets a lost worker or node rest for a while, longer each time', () => {
    const waits = [0, 1, 2, 3].map((tryIndex) =>
      fixed(0).decide(failed({ failure: failure('nodeLost'), tryIndex, random: 1 - Number.EPSILON })),
    );
    expect(waits).toEqual([200, 400, 800, 1600].map((afterMs) => ({ again: true, afterMs })));
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '3' as unknown as number])('refuses a budget of %s', (retries) => {
    expect(() => fixed(retries)).toThrow(ConfigError);
    expect(() => fixed(retries)).toThrow(/^retry\.fixed: retries is .* not a finite number from 0$/);
  });
});
