/** Foreign data in the event log: whatever it is, it is copied, as JSON, and bounded. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { plain } from '../../src/actors/plain.ts';

describe('foreign data', () => {
  it('is copied as JSON, whatever it is', () => {
    const value = {
      nothing: undefined,
      missing: null,
      infinite: -Infinity,
      call: () => 1,
      symbol: Symbol('s'),
      date: new Date(0),
      never: new Date(Number.NaN),
      error: new RangeError('r'),
      bytes: new Uint8Array(3),
      url: new URL('http://x/'),
      holes: [1, undefined],
      get trap(): never {
        throw new Error('no');
      },
      proxy: new Proxy(
        {},
        {
          ownKeys() {
            throw new Error('no');
          },
        },
      ),
    };
    expect(plain(value)).toEqual({
      isCut: false,
      data: {
        missing: null,
        infinite: '-Infinity',
        call: '(function)',
        symbol: '(symbol)',
        date: '1970-01-01T00:00:00.000Z',
        never: 'Invalid Date',
        error: { name: 'RangeError', message: 'r' },
        bytes: '(Uint8Array, 3 bytes)',
        url: 'http://x/',
        holes: [1, null],
        trap: '(unreadable)',
        proxy: '(unreadable)',
      },
    });
  });

  it('is never larger than it may be', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withMap: true,
          withSet: true,
          withTypedArray: true,
          withDate: true,
          withNullPrototype: true,
          maxDepth: 12,
          size: 'large',
        }),
        (value) => {
          const text = JSON.stringify(plain(value, 500).data) ?? '';
          expect(text.length).toBeLessThan(6000); // 500 characters may each be six when escaped, and brackets come on top
        },
      ),
    );
    const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`key${i}`, i]));
    expect(JSON.stringify(plain(wide).data).length).toBeLessThan(2500);
    expect(plain(wide).isCut).toBe(true);
  });
});
