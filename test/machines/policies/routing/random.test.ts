/** The routing policy `random`: each executor with the same chance, by a number that it is given. */
import { describe, expect, it } from 'vitest';

import { random } from '../../../../src/machines/policies/routing/random.ts';
import { conformsToRoutingPolicy } from '../../../conformance/policy.ts';
import { candidate, routed } from '../../../support/policies.ts';

describe('random', () => {
  conformsToRoutingPolicy(() => random());

  it('is uniform: equal shares of [0, 1) go to each executor', () => {
    const candidates = ['a', 'b', 'c'].map((label) => candidate(label, { queued: 9 }));
    const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < 3000; i++) {
      const { executor } = random().decide(routed(candidates, { random: (i + 0.5) / 3000 }));
      counts[executor] = (counts[executor] ?? 0) + 1;
    }
    expect(counts).toEqual({ a: 1000, b: 1000, c: 1000 });
  });

  it('takes the ends of the interval', () => {
    const candidates = [candidate('a'), candidate('b')];
    expect(random().decide(routed(candidates, { random: 0 })).executor).toBe('a');
    expect(random().decide(routed(candidates, { random: 1 - Number.EPSILON })).executor).toBe('b');
  });
});
