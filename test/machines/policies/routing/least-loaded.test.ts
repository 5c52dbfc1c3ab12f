/** The routing policy `leastLoaded`: work per slot decides, then the order. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { leastLoaded } from '../../../../src/machines/policies/routing/least-loaded.ts';
import { conformsToRoutingPolicy } from '../../../conformance/policy.ts';
import { routingSnapshot } from '../../../support/arbitraries.ts';
import { candidate, routed } from '../../../support/policies.ts';

describe('leastLoaded', () => {
  conformsToRoutingPolicy(() => leastLoaded());

  it.each([
    ['the one with less to do', [candidate('a', { queued: 3 }), candidate('b', { queued: 1, running: 1 })], 'b'],
    ['the larger of two with the same work', [candidate('a', { running: 2, slots: 2 }), candidate('b', { running: 2, slots: 8 })], 'b'],
    ['the first of equals', [candidate('a', { running: 1, slots: 2 }), candidate('b', { running: 2, slots: 4 })], 'a'],
    ['the only one, full as it is', [candidate('a', { queued: 1000, slots: 1 })], 'a'],
    ['one that has no slots yet as if it had one', [candidate('a', { slots: 0, queued: 2 }), candidate('b', { slots: 1, queued: 1 })], 'b'],
  ] as const)('takes %s', (_, candidates, label) => {
    expect(leastLoaded().decide(routed(candidates))).toEqual({ executor: label });
  });

  it('never takes one with more work per slot than another', () => {
    fc.assert(
      fc.property(routingSnapshot, (snapshot) => {
        const { executor } = leastLoaded().decide(snapshot);
        const load = ({ queued, running, slots }: (typeof snapshot.candidates)[number]): number => (queued + running) / Math.max(1, slots);
        const chosen = snapshot.candidates.find(({ label }) => label === executor);
        expect(chosen && load(chosen)).toBe(Math.min(...snapshot.candidates.map(load)));
      }),
    );
  });
});
