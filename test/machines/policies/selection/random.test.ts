/** The selection policy `random`: each manager with the same chance. */
import { describe, expect, it } from 'vitest';

import { random } from '../../../../src/machines/policies/selection/random.ts';
import { conformsToSelectionPolicy } from '../../../conformance/policy.ts';
import { managerCandidate, selectedFrom } from '../../../support/block-policies.ts';

const candidates = ['a', 'b', 'c', 'd'].map((id) => managerCandidate(id));

describe('random', () => {
  conformsToSelectionPolicy(() => random());

  it.each([
    [0, 'a'],
    [0.2499, 'a'],
    [0.25, 'b'],
    [0.5, 'c'],
    [0.9999, 'd'],
  ])('draws %d: %s', (drawn, managerId) => {
    expect(random().decide(selectedFrom(candidates, { random: drawn }))).toEqual({ managerId });
  });
});
