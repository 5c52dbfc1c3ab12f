/** The scaling policy `none`: what is asked for at first is all that there will be. */
import { describe, expect, it } from 'vitest';

import { none } from '../../../../src/machines/policies/scaling/none.ts';
import { conformsToScalingPolicy } from '../../../conformance/policy.ts';
import { blocksOf, demanded } from '../../../support/block-policies.ts';

const limits = { init: 2, min: 1, max: 10 };

describe('none', () => {
  conformsToScalingPolicy(() => none());

  it('asks for the first blocks, once', () => {
    expect(none().decide(demanded(0, { isFirst: true, limits }))).toEqual({ out: 2, in: [], why: 'init' });
    expect(none().decide(demanded(100, { limits, blocks: blocksOf('ready', 'ready') }))).toEqual({ out: 0, in: [] });
  });

  it('gives nothing back, and does not replace what has ended', () => {
    expect(none().decide(demanded(0, { limits, nowMs: 1e9, blocks: blocksOf('ready', 'ready', 'ready') }))).toEqual({ out: 0, in: [] });
    expect(none().decide(demanded(8, { limits }))).toEqual({ out: 0, in: [] });
  });
});
