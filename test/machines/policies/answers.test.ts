/** Plain data of foreign hands: copied once, within a length, or refused with the place of what is wrong. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isWithin, listed, readPlain } from '../../../src/machines/policies/answers.ts';

const read = (value: unknown, maxLength = 10_000) => readPlain('memory', value, maxLength);

describe('readPlain', () => {
  it('copies what JSON can say', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(read(value, 1e6)).toEqual({ ok: JSON.parse(JSON.stringify(value)) as unknown });
      }),
    );
  });

  it('allows a length, of the data as JSON and not much less', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(100), (value, maxLength) => {
        const { length } = JSON.stringify(value);
        const isTaken = 'ok' in read(value, maxLength);
        if (length > maxLength) expect(isTaken).toBe(false);
        if (length * 2 + 2 <= maxLength) expect(isTaken).toBe(true);
      }),
    );
  });

  it('leaves out fields that say undefined, and takes undefined itself', () => {
    expect(read({ a: undefined, b: 1 })).toStrictEqual({ ok: { b: 1 } });
    expect(read(undefined)).toEqual({ ok: undefined });
  });

  it('takes a field of any name for no more than a field', () => {
    const result = read(JSON.parse('{"__proto__": {"isAdmin": true}}'));
    expect('ok' in result && Object.hasOwn(result.ok as object, '__proto__')).toBe(true);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('reads each part once', () => {
    let reads = 0;
    const value = Object.defineProperty({}, 'count', { enumerable: true, get: () => ++reads });
    expect([read(value), reads]).toEqual([{ ok: { count: 1 } }, 1]);
  });

  class Point {
    readonly x = 1;
  }
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  it.each([
    ['a function', { run: () => 1 }, 'memory.run is a function, not plain data'],
    ['a promise', [Promise.resolve(1)], 'memory[0] is a promise, not plain data'],
    ['NaN', { a: [Number.NaN] }, 'memory.a[0] is NaN, not plain data'],
    ['a bigint', 1n, 'memory is a bigint, not plain data'],
    ['a symbol', Symbol('x'), 'memory is a symbol, not plain data'],
    ['a class instance', { at: new Point() }, 'memory.at is an object of a class, not plain data'],
    ['a date', new Date(0), 'memory is an object of a class, not plain data'],
    ['a hole', Array(1), 'memory[0] is undefined, not plain data'],
    ['a cycle', cycle, 'memory is nested deeper than 32'],
    ['a long text', 'x'.repeat(1e6), 'memory is larger than 10000 characters of JSON'],
    ['many fields', Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [i, i])), 'memory is larger than 10000 characters of JSON'],
    ['an endless array', Array(2 ** 32 - 1), 'memory is larger than 10000 characters of JSON'],
    [
      'an array that lies',
      new Proxy([], { get: (_, key) => (key === 'length' ? Number.NaN : 1) }),
      'memory is larger than 10000 characters of JSON',
    ],
  ])('refuses %s', (_, value, wrong) => {
    expect(read(value)).toEqual({ wrong });
  });
});

describe('the words of a message', () => {
  it('list a few names', () => {
    expect(listed(['a', 'b'])).toBe('a, b');
    expect(listed(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
  });

  it('know a number within bounds', () => {
    expect([0, 1, 0.5, -1, Number.NaN, '0', null].map((value) => isWithin(value, 0, 1))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
