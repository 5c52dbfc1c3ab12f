/** The scaling policy `htexAutoScale`: as `simple`, and idle blocks go back while others work. */
import { describe, expect, it } from 'vitest';

import { htexAutoScale } from '../../../../src/machines/policies/scaling/htex-auto-scale.ts';
import { conformsToScalingPolicy } from '../../../conformance/policy.ts';
import { block, blocksOf, demanded } from '../../../support/block-policies.ts';

const { decide } = htexAutoScale();
const idle = (id: string, idleSinceMs: number) => block(id, 'ready', { idleSinceMs });
const busy = (id: string, tries: number) => block(id, 'ready', { tries });

describe('htexAutoScale', () => {
  conformsToScalingPolicy(() => htexAutoScale());

  it('asks for blocks as simple does', () => {
    expect(decide(demanded(10, { blocks: blocksOf('pending') }))).toEqual({ out: 2, in: [], why: '2b' });
  });

  it('gives back those that have been idle for longer than the limit, the longest first, as many as the slots say', () => {
    const blocks = [busy('b1', 2), idle('b2', 300), idle('b3', 100), idle('b4', 200)];
    const at = (nowMs: number) => decide(demanded(2, { nowMs, blocks }));
    expect(at(400_000)).toEqual({ out: 0, in: ['b3', 'b4', 'b2'], why: '4b' });
    expect(at(120_201)).toEqual({ out: 0, in: ['b3', 'b4'], why: '4b', againMs: 100 });
    expect(decide(demanded(6, { nowMs: 400_000, blocks }))).toEqual({ out: 0, in: ['b3', 'b4'], why: '4b' });
  });

  it('does not go below the least number of blocks', () => {
    const blocks = [busy('b1', 1), idle('b2', 0), idle('b3', 0)];
    expect(decide(demanded(1, { nowMs: 400_000, blocks, limits: { init: 0, min: 2, max: 10 } })).in).toEqual(['b2']);
  });

  it('gives nothing back when the formula says 0', () => {
    expect(decide(demanded(3, { nowMs: 400_000, blocks: [busy('b1', 3), idle('b2', 0)] }))).toEqual({ out: 0, in: ['b2'], why: '4b' });
    expect(decide(demanded(5, { nowMs: 400_000, blocks: [busy('b1', 4), idle('b2', 0)] }))).toEqual({ out: 0, in: [], why: '4b' });
  });

  it('takes a block that no manager has registered of for one that has idled for ever, as Parsl does', () => {
    expect(decide(demanded(1, { nowMs: 1, blocks: [busy('b1', 1), block('b2', 'pending')] })).in).toEqual(['b2']);
  });

  it('gives all back when there has been nothing to do at all, as simple does', () => {
    const memory = { idleSinceMs: 0 };
    expect(decide(demanded(0, { nowMs: 120_000, memory, blocks: blocksOf('ready', 'pending') })).in).toEqual(['b2', 'b1']);
  });

  it('refuses a wait that is none', () => {
    expect(() => htexAutoScale({ maxIdleMs: Number.NaN })).toThrow('scaling.htexAutoScale: maxIdleMs');
  });
});
