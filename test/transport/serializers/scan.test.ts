/** What becomes of bytes that `encode` did not make. */
import { Buffer } from 'node:buffer';
import { addExtension } from 'cbor-x';
import { describe, expect, it } from 'vitest';
import { TimeLimitError, TroupeError } from '../../../src/machines/model/errors.ts';
import { cbor } from '../../../src/transport/serializers/cbor.ts';
import { scan } from '../../../src/transport/serializers/scan.ts';

const serializer = cbor();

describe('hostile bytes', () => {
  const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

  it.each([
    ['nothing', ''],
    ['a length without an end', '9bffffffffffffffff'],
    ['an array of four billion items', '9affffffff00'],
    ['a map of four billion entries', 'baffffffff00'],
    ['a text of four billion bytes', '7affffffff00'],
    ['an item of indefinite length', '9f01ff'],
    ['a break', 'ff'],
    ['a date tag', 'c100'],
    ['a RegExp tag', 'd81b83 66526567457870 6161 60'],
    ['a bigint tag', 'c24101'],
    ['a shared value that holds itself', 'd81c81 d81d00'],
    ['a packed table', 'd83384 8101 80 80 e0'],
    ['a record definition', 'd9dfff 8319e000 816161 01'],
    ['bundled strings', 'd9dff9 82 1a00000001 00'],
    ['a Set tag of cbor-x', 'd9010281 01'],
    ['self-described CBOR', 'd9d9f700'],
    ['a simple value', 'f8ff'],
    ['a half-precision float', 'f97e00'],
    ['a key that is not text', 'a10101'],
    ['two values', '0101'],
  ])('of %s are refused with a TypeError before anything is made of them', (_, text) => {
    expect(() => scan(hex(text))).toThrow(TypeError);
    expect(() => serializer.decode(hex(text))).toThrow(TypeError);
  });

  it.each([
    ['a Date that is no number', 'd9c4e560'],
    ['a -0 that is something else', 'd9c4e101'],
    ['a text tag with the wrong content', 'd9c4e001'],
    ['a bigint that is no number', 'd9c4e2627a7a'],
    ['a RegExp that does not compile', 'd9c4e6 82 6128 60'],
    ['a typed array with a part of an element', 'd9c4f0 43 000000'],
    ['a sparse array with an index beyond its length', 'd9c4e4 83 01 05 00'],
  ])('of %s are refused with a TypeError', (_, text) => {
    expect(() => serializer.decode(hex(text))).toThrow(TypeError);
  });

  it('reach no extension that other code has given cbor-x', () => {
    const claim = (decode: unknown): void => addExtension({ tag: 4321, decode } as never);
    let calls = 0;
    claim(() => ++calls);
    try {
      expect(() => serializer.decode(hex('81 d910e1 01'))).toThrow(TypeError);
    } finally {
      claim(undefined);
    }
    expect(calls).toBe(0);
  });

  it('nested without end are refused', () => {
    expect(() => scan(new Uint8Array(1_000_000).fill(0x81))).toThrow('more than 1004 levels');
    expect(() => serializer.decode(new Uint8Array(1_000_000).fill(0x81))).toThrow(TypeError);
    expect(() => serializer.decode(hex('a16161'.repeat(100_000)))).toThrow(TypeError);
  });

  it('cost no memory for lengths of arrays that are only claimed', () => {
    const claims = new Uint8Array(5 * 900);
    for (let at = 0; at < claims.length; at += 5) claims.set(hex('9a0000ffff'), at);
    expect(() => serializer.decode(claims)).toThrow(TypeError);
    expect(serializer.decode(hex('d9c4e4 81 1affffffff'))).toHaveLength(0xffff_ffff);
  });

  it('that claim to be errors make no harmful ones', () => {
    const forged = serializer.encode(new TimeLimitError('x', { taskId: 't', limitMs: 1 }), 'error');
    const text = Buffer.from(forged).toString('latin1').replace('TimeLimitError', 'ConstructorXXX');
    expect(TroupeError.is(serializer.decode(Uint8Array.from(Buffer.from(text, 'latin1'))))).toBe(true);
  });
});
