/** The selection policy `packByBlock`: the busiest block first, so that others fall idle. */
import { describe, expect, it } from 'vitest';

import { packByBlock } from '../../../../src/machines/policies/selection/pack-by-block.ts';
import { conformsToSelectionPolicy } from '../../../conformance/policy.ts';
import { managerCandidate as manager, selectedFrom } from '../../../support/block-policies.ts';

describe('packByBlock', () => {
  conformsToSelectionPolicy(() => packByBlock());

  it.each([
    ['the block with most tries', [manager('a', { blockId: 'b1', tries: 1 }), manager('b', { blockId: 'b2', tries: 2 })], 'b'],
    [
      'the block with most tries on all of its managers',
      [
        manager('a', { blockId: 'b1', tries: 3 }),
        manager('b', { blockId: 'b2', tries: 2, credit: 2 }),
        manager('c', { blockId: 'b2', tries: 2, credit: 3 }),
      ],
      'c',
    ],
    ['of equals the oldest block, by number', [manager('a', { blockId: 'b10' }), manager('b', { blockId: 'b9' })], 'b'],
    ['the oldest block when ids are numbers alone', [manager('a', { blockId: '10' }), manager('b', { blockId: '9' })], 'b'],
    ['within a block the freest manager', [manager('a', { credit: 1 }), manager('b', { credit: 2 })], 'b'],
  ])('takes %s', (_, candidates, managerId) => {
    expect(packByBlock().decide(selectedFrom(candidates))).toEqual({ managerId });
  });

  it('leaves one of two blocks idle while the other one has room', () => {
    const load = new Map([
      ['a', 0],
      ['b', 0],
    ]);
    for (let i = 0; i < 4; i++) {
      const candidates = [...load]
        .filter(([, tries]) => tries < 4)
        .map(([id, tries]) => manager(id, { blockId: `block-${id}`, tries, credit: 4 - tries }));
      const { managerId } = packByBlock().decide(selectedFrom(candidates));
      load.set(managerId, (load.get(managerId) ?? 0) + 1);
    }
    expect([...load.values()]).toEqual([4, 0]);
  });
});
