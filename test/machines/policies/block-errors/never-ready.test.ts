/** The policy `neverReady` on blocks that fail: bad when nothing has ever worked. */
import { describe, expect, it } from 'vitest';

import { blockErrorsKind } from '../../../../src/machines/policies/block-kinds.ts';
import { neverReady } from '../../../../src/machines/policies/block-errors/never-ready.ts';
import { conformsToBlockErrorsPolicy } from '../../../conformance/policy.ts';
import { endedSo } from '../../../support/block-policies.ts';

const limits = (init: number) => ({ init, min: 0, max: 10 });

describe('neverReady', () => {
  conformsToBlockErrorsPolicy(() => neverReady());

  it.each([
    ['nothing has ended', endedSo([]), false],
    ['the only block has failed', endedSo(['failed']), true],
    ['the only block has failed and none was to be there at first', endedSo(['missing'], { limits: limits(0) }), true],
    ['fewer have failed than are asked for at first', endedSo(['failed', 'missing'], { limits: limits(3) }), false],
    ['as many have failed', endedSo(['failed', 'missing', 'submitFailed'], { limits: limits(3) }), true],
    ['all have failed, each in its own way', endedSo(['nodeFailed', 'outOfMemory', 'deserted']), true],
    ['one was given back', endedSo(['failed', 'scaledIn', 'failed']), false],
    ['one came to its walltime, which is no failure', endedSo(['failed', 'timeout']), false],
    ['one had come up before it failed', endedSo(['missing', 'failed'], {}, ['failed']), false],
    ['one lives', endedSo(['failed', 'failed'], { live: 1, youngestLive: 'b3' }), false],
  ])('%s', (_, snapshot, bad) => {
    expect(neverReady().decide(snapshot)).toMatchObject({ bad });
  });

  it('says why', () => {
    expect(neverReady().decide(endedSo(['failed', 'missing'])).why).toBe(
      "all 2 blocks have failed before they were ready, the last one with 'missing'",
    );
  });

  it('is one for all, which the firewall need not watch', () => {
    expect(neverReady()).toBe(blockErrorsKind.fallback);
    expect(Object.isFrozen(neverReady())).toBe(true);
  });
});
