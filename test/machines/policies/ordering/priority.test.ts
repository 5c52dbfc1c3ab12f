/** The ordering policy `priority`: the task's own number. */
import { describe, expect, it } from 'vitest';

import { orderingKind } from '../../../../src/machines/policies/block-kinds.ts';
import { priority } from '../../../../src/machines/policies/ordering/priority.ts';
import { conformsToOrderingPolicy } from '../../../conformance/policy.ts';
import { queued } from '../../../support/block-policies.ts';

describe('priority', () => {
  conformsToOrderingPolicy(() => priority());

  it.each([0, -3, 0.5, 1e300])('ranks a task of priority %d as that', (own) => {
    expect(priority().decide(queued({ priority: own, nowMs: 1e12 }))).toEqual({ rank: own });
  });

  it('is one for all, which the firewall need not watch', () => {
    expect(priority()).toBe(orderingKind.fallback);
    expect(Object.isFrozen(priority())).toBe(true);
  });
});
