/** The ordering policy `aged`: what waits rises. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { aged } from '../../../../src/machines/policies/ordering/aged.ts';
import { conformsToOrderingPolicy } from '../../../conformance/policy.ts';
import { queued } from '../../../support/block-policies.ts';

const NOW_MS = 1_800_000_000_000;

describe('aged', () => {
  conformsToOrderingPolicy(() => aged());
  conformsToOrderingPolicy(() => aged({ perSecond: 1000 }));

  it('ranks what has waited long enough before what is of a higher priority', () => {
    const { decide } = aged({ perSecond: 0.1 });
    const rank = (priority: number, waitedMs: number): number => decide(queued({ priority, nowMs: NOW_MS - waitedMs })).rank;
    expect(rank(0, 10_001)).toBeGreaterThan(rank(1, 0));
    expect(rank(0, 9_999)).toBeLessThan(rank(1, 0));
  });

  it('keeps the order of arrival among equals, a millisecond apart', () => {
    fc.assert(
      fc.property(fc.constantFrom(0.001, 0.01, 1, 1000), fc.integer({ min: -1000, max: 1000 }), fc.nat(1e9), (perSecond, priority, t) => {
        const { decide } = aged({ perSecond });
        const first = decide(queued({ priority, nowMs: NOW_MS + t })).rank;
        const second = decide(queued({ priority, nowMs: NOW_MS + t + 1 })).rank;
        expect(first).toBeGreaterThan(second);
      }),
    );
  });

  it('is the priority alone when waiting is worth nothing', () => {
    expect(aged({ perSecond: 0 }).decide(queued({ priority: 7, nowMs: NOW_MS }))).toEqual({ rank: 7 });
  });

  it.each([-1, Number.NaN, 1001, '1'])('refuses %o a second', (perSecond) => {
    expect(() => aged({ perSecond: perSecond as number })).toThrow('ordering.aged: perSecond');
  });
});
