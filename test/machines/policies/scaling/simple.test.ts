/** The scaling policy `simple`: case by case what Parsl's does. The table of cases is tried as a whole in `test/property`. */
import { describe, expect, it } from 'vitest';

import type { ScalingSnapshot } from '../../../../src/machines/policies/scaling/port.ts';
import { simple } from '../../../../src/machines/policies/scaling/simple.ts';
import { conformsToScalingPolicy } from '../../../conformance/policy.ts';
import { block, blocksOf, demanded } from '../../../support/block-policies.ts';

const limits = (init: number, min: number, max = 10) => ({ init, min, max });
const { decide } = simple();

describe('simple', () => {
  conformsToScalingPolicy(() => simple());

  it.each<readonly [string, number, Partial<ScalingSnapshot>, number, string]>([
    ['the first blocks', 0, { isFirst: true, limits: limits(3, 3) }, 3, '1a'],
    ['the first blocks, and more for what there is to do', 20, { isFirst: true, limits: limits(3, 0) }, 5, '2b'],
    ['nothing without a task, below the least too', 0, { limits: limits(0, 2), blocks: blocksOf('ready') }, 0, '1a'],
    ['blocks for the slots that are missing', 10, { blocks: blocksOf('pending') }, 2, '2b'],
    ['fewer with less parallelism', 20, { parallelism: 0.5, blocks: blocksOf('ready') }, 2, '2b'],
    ['no more than the maximum', 100, { limits: limits(0, 0, 3), blocks: blocksOf('ready') }, 2, '2b'],
    ['nothing at the maximum', 100, { limits: limits(0, 0, 1), blocks: blocksOf('ready') }, 0, '2a'],
    ['one without parallelism', 100, { parallelism: 0 }, 1, '4a'],
    ['no second one without parallelism', 100, { parallelism: 0, blocks: blocksOf('ready') }, 0, '3'],
    ['nothing when slots and tasks are equal', 4, { blocks: blocksOf('ready') }, 0, '3'],
    ['nothing when there are more slots', 1, { nowMs: 1e9, blocks: blocksOf('ready', 'ready', 'pending') }, 0, '4b'],
    ['blocks beside one that is held, which Parsl does not count', 4, { blocks: blocksOf('held') }, 1, '2b'],
    ['none where a held one has the place', 4, { limits: limits(0, 0, 1), blocks: blocksOf('held') }, 0, '2b'],
    ['nothing when a block has no slot', 4, { perBlock: { slots: 0, capacity: {} } }, 0, 'a block has no slot'],
  ])('asks for %s', (_, tries, more, out, why) => {
    expect(decide(demanded(tries, more))).toMatchObject({ out, in: [], why });
  });

  it('gives all spare blocks back when there has been nothing to do for long enough, the longest idle first', () => {
    const blocks = [block('b1', 'ready', { idleSinceMs: 500 }), block('b2', 'ready', { idleSinceMs: 100 }), block('b3', 'pending')];
    const idle = (nowMs: number, memory?: unknown) => decide(demanded(0, { nowMs, memory, limits: limits(0, 1), blocks }));
    const first = idle(1000);
    expect(first).toEqual({ out: 0, in: [], why: '1b', memory: { idleSinceMs: 1000 }, againMs: 120_000 });
    expect(idle(120_999, first.memory)).toMatchObject({ in: [], againMs: 1 });
    expect(idle(121_000, first.memory)).toEqual({ out: 0, in: ['b3', 'b2'], why: '1b', memory: { idleSinceMs: 1000 } });
  });

  it('starts its clock anew when there was something to do', () => {
    const busy = decide(demanded(4, { nowMs: 60_000, memory: { idleSinceMs: 0 }, blocks: blocksOf('ready') }));
    expect(busy.memory).toBeUndefined();
    expect(decide(demanded(0, { nowMs: 130_000, memory: busy.memory, blocks: blocksOf('ready') }))).toMatchObject({
      in: [],
      againMs: 120_000,
    });
  });

  it('lets its clock run on at the least number of blocks', () => {
    const memory = { idleSinceMs: 0 };
    expect(decide(demanded(0, { nowMs: 60_000, memory, limits: limits(0, 1), blocks: blocksOf('ready') })).memory).toEqual(memory);
  });

  it('refuses a wait that is none', () => {
    expect(() => simple({ maxIdleMs: -1 })).toThrow('scaling.simple: maxIdleMs');
  });
});
