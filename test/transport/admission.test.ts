import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatCredentials, isAdmitted, limitRefusals, readCredentials } from '../../src/transport/admission.ts';

describe('credentials', () => {
  it('come out of the header as they went in', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(text, text, (peerId, secret) => {
        const header = formatCredentials({ peerId, secret });
        expect(header).toMatch(/^[\x21-\x7e]+ [\x21-\x7e]+$/);
        expect(readCredentials(header)).toEqual({ peerId, secret });
      }),
    );
  });

  it('are read from nothing else', () => {
    for (const header of [
      undefined,
      '',
      'Troupe',
      'Troupe a',
      'Troupe a.',
      'Troupe .b',
      'Basic a.b',
      'Troupe a.b.c',
      'Troupe a.b c',
      'Troupe %.b',
    ])
      expect(readCredentials(header)).toBeUndefined();
  });
});

describe('isAdmitted', () => {
  it('is for those who know the secret', () => {
    expect(isAdmitted(() => 'x', 'p', 'x')).toBe(true);
    expect(isAdmitted(() => 'x', 'p', 'y')).toBe(false);
    expect(isAdmitted(() => undefined, 'p', '')).toBe(false);
    expect(isAdmitted(() => '', 'p', '')).toBe(false);
    expect(
      isAdmitted(
        () => {
          throw new Error('no such block');
        },
        'p',
        '',
      ),
    ).toBe(false);
  });
});

describe('limitRefusals', () => {
  it('tells of the first, then once a second of how many there were', () => {
    const told: string[] = [];
    let now = 0;
    const refused = limitRefusals(
      (why) => told.push(why),
      () => now,
    );
    for (now = 0; now <= 2000; now += 100) refused('no secret');
    expect(told).toEqual(['no secret', 'no secret (and 9 more that were not told of)', 'no secret (and 9 more that were not told of)']);
  });
});
