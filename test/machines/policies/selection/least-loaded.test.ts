/** The selection policy `leastLoaded`: the share of free credit decides, then the order. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { selectionKind } from '../../../../src/machines/policies/block-kinds.ts';
import { leastLoaded } from '../../../../src/machines/policies/selection/least-loaded.ts';
import { conformsToSelectionPolicy } from '../../../conformance/policy.ts';
import { selectionSnapshot } from '../../../support/block-arbitraries.ts';
import { managerCandidate, selectedFrom } from '../../../support/block-policies.ts';

describe('leastLoaded', () => {
  conformsToSelectionPolicy(() => leastLoaded());

  it.each([
    ['the one with more credit', [managerCandidate('a', { credit: 1 }), managerCandidate('b', { credit: 2 })], 'b'],
    ['the smaller of two with the same credit', [managerCandidate('a', { workers: 8 }), managerCandidate('b', { workers: 4 })], 'b'],
    ['the first of equals', [managerCandidate('a', { credit: 2 }), managerCandidate('b', { workers: 8, credit: 4 })], 'a'],
    [
      'one without a worker as if it had one',
      [managerCandidate('a', { workers: 0, credit: 1 }), managerCandidate('b', { credit: 3 })],
      'a',
    ],
  ])('takes %s', (_, candidates, managerId) => {
    expect(leastLoaded().decide(selectedFrom(candidates))).toEqual({ managerId });
  });

  it('leaves no candidate with a larger share of free credit', () => {
    fc.assert(
      fc.property(selectionSnapshot, (snapshot) => {
        const share = (managerId: string): number => {
          const { credit, workers } = snapshot.candidates.find((each) => each.managerId === managerId)!;
          return credit / Math.max(1, workers);
        };
        const { managerId } = leastLoaded().decide(snapshot);
        for (const other of snapshot.candidates) expect(share(other.managerId)).toBeLessThanOrEqual(share(managerId));
      }),
    );
  });

  it('is one for all, which the firewall need not watch', () => {
    expect(leastLoaded()).toBe(selectionKind.fallback);
    expect(Object.isFrozen(leastLoaded())).toBe(true);
  });
});
