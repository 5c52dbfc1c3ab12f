/** The policy `windowed` on blocks that fail: the last few decide. */
import { describe, expect, it } from 'vitest';

import { windowed } from '../../../../src/machines/policies/block-errors/windowed.ts';
import { conformsToBlockErrorsPolicy } from '../../../conformance/policy.ts';
import { endedSo } from '../../../support/block-policies.ts';

describe('windowed', () => {
  conformsToBlockErrorsPolicy(() => windowed());
  conformsToBlockErrorsPolicy(() => windowed({ last: 1 }));

  it.each([
    ['fewer than three have ended', endedSo(['failed', 'failed']), false],
    ['the last three have failed', endedSo(['completed', 'failed', 'missing', 'submitFailed']), true],
    ['one of the last three has not failed', endedSo(['failed', 'failed', 'timeout', 'failed']), false],
    ['an older block lives', endedSo(['failed', 'failed', 'failed'], { live: 1, youngestLive: 'b0' }), true],
    ['a younger block lives', endedSo(['failed', 'failed', 'failed'], { live: 1, youngestLive: 'b10' }), false],
    ['a block lives, and it is not said which', endedSo(['failed', 'failed', 'failed'], { live: 1 }), false],
    ['a block amid them lives', endedSo(['failed', 'failed', 'failed', 'failed'], { live: 1, youngestLive: 'b2b' }), false],
  ])('when %s', (_, snapshot, bad) => {
    expect(windowed().decide(snapshot)).toMatchObject({ bad });
  });

  it('compares ids as numbers: block 9 is older than block 10', () => {
    const ended = ['b10', 'b11', 'b12'].map((blockId) => ({ blockId, end: 'failed' as const, endedMs: 0, hadManager: false }));
    expect(windowed().decide(endedSo([], { ended, live: 1, youngestLive: 'b9' })).bad).toBe(true);
  });

  it('says why', () => {
    expect(windowed({ last: 2 }).decide(endedSo(['failed', 'missing'])).why).toBe(
      "the last 2 blocks have failed, the last one with 'missing'",
    );
  });

  it.each([0, 1.5, 1001, Number.NaN, '3'])('refuses a window of %o', (last) => {
    expect(() => windowed({ last: last as number })).toThrow('blockErrors.windowed: last');
  });
});
