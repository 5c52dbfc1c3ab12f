import { encode } from 'cbor-x';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { decodeFrame, encodeFrame, FrameError } from '../../src/transport/codec.ts';
import { frameSchema } from '../../src/transport/protocol.ts';

const anything = z.custom<readonly unknown[]>(() => true);
const read = (...bytes: readonly number[]): unknown => decodeFrame(new Uint8Array(bytes), anything);

describe('decodeFrame', () => {
  it.each([
    ['whole numbers', [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]],
    ['negative numbers', [-1, -24, -25, -256, -257, -65_537, -(2 ** 31), -(2 ** 32), Number.MIN_SAFE_INTEGER]],
    ['fractions', [0.1, -1e300, 5e-324]],
    ['simple values', [true, false, null, undefined]],
    ['texts', ['', 'a', 'é'.repeat(40), '𝄞', 'x'.repeat(70_000)]],
    ['bytes', [new Uint8Array(0), new Uint8Array(300).fill(7)]],
    ['arrays and maps', [[], {}, [[1]], { a: { b: [] } }, Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, n]))]],
  ])('reads %s as they were written', (_, values) => {
    expect(decodeFrame(encodeFrame([values]), anything)).toEqual([values]);
  });

  it('gives views of the bytes it was given', () => {
    const frame = encodeFrame([{ t: 'progress', lease: 1, value: new Uint8Array([1, 2, 3]) }]);
    const [message] = decodeFrame(frame, frameSchema);
    expect(message?.t === 'progress' && message.value.buffer).toBe(frame.buffer);
    expect(message?.t === 'progress' && message.value.constructor).toBe(Uint8Array);
  });

  it('drops a field that would be the prototype', () => {
    const frame = encodeFrame([JSON.parse('{"__proto__": {"isAdmin": true}, "a": 1}') as object]);
    expect(decodeFrame(frame, anything)).toEqual([{ a: 1 }]);
  });

  it.each([
    ['nothing at all', []],
    ['an array that ends too early', [0x82, 1]],
    ['a number that ends too early', [0x19, 1]],
    ['a double that ends too early', [0xfb, 0, 0]],
    ['a text that ends too early', [0x62, 0x61]],
    ['bytes behind the end', [0x80, 0]],
    ['an array longer than the bytes', [0x9a, 0xff, 0xff, 0xff, 0xff, 0]],
    ['a map longer than the bytes', [0xba, 0xff, 0xff, 0xff, 0xff, 0]],
    ['byte strings longer than the bytes', [0x5a, 0xff, 0xff, 0xff, 0xff, 0]],
    ['a length of 64 bits', [0x9b, 0, 0, 0, 0, 0, 0, 0, 1, 1]],
    ['a number of 64 bits', [0x1b, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['an indefinite length', [0x9f, 0xff]],
    ['an unknown length', [0x9c]],
    ['a tag', [0xc1, 0]],
    ['a key that is no text', [0xa1, 0, 0]],
    ['a key twice', [0xa2, 0x61, 0x61, 0, 0x61, 0x61, 1]],
    ['a half float', [0xf9, 0, 0]],
    ['an unknown simple value', [0xf0]],
    ['a break', [0xff]],
  ])('refuses %s', (_, bytes) => {
    expect(() => read(...bytes)).toThrow(FrameError);
  });

  it.each([
    ['arrays', 0x81],
    ['maps', 0xa1],
  ])('refuses a million levels of %s', (_, head) => {
    expect(() => decodeFrame(new Uint8Array(1_000_000).fill(head), anything)).toThrow(FrameError);
  });

  it('takes sixteen levels and refuses seventeen', () => {
    expect(read(...Array<number>(15).fill(0x81), 0x80)).toBeDefined();
    expect(() => read(...Array<number>(16).fill(0x81), 0x80)).toThrow(/16 levels/);
  });

  it('refuses more items than a frame may have', () => {
    const bytes = new Uint8Array(1_000_005).fill(0xa0);
    bytes.set([0x9a, 0, 0x0f, 0x42, 0x40]);
    expect(() => decodeFrame(bytes, anything)).toThrow(/items/);
  });

  it.each([
    ['no array', { t: 'drain' }],
    ['no object', [1]],
    ['an unknown type', [{ t: 'format.disk' }]],
    ['a type of the prototype', [{ t: 'constructor' }]],
    ['no type', [{}]],
    ['a missing field', [{ t: 'ack' }]],
    ['a field of the wrong type', [{ t: 'ack', seq: '1' }]],
    ['a negative count', [{ t: 'ack', seq: -1 }]],
    ['a lease that is none', [{ t: 'recall', leases: [0] }]],
    ['text for bytes', [{ t: 'grant', leases: [1], works: ['x'] }]],
    ['not a number', [{ t: 'ack', seq: Number.NaN }]],
    ['one wrong message among right ones', [{ t: 'drain' }, { t: 'no' }, { t: 'drain' }]],
  ])('refuses %s by the schema', (_, value) => {
    expect(() => decodeFrame(encode(value), frameSchema)).toThrow(FrameError);
  });

  it('says where a message is wrong', () => {
    expect(() =>
      decodeFrame(
        encodeFrame([
          { t: 'ack', seq: 1 },
          { t: 'recall', leases: [1, 'x'] },
        ]),
        frameSchema,
      ),
    ).toThrow(/\[1\]\[leases\]\[1\]/);
  });

  it('drops what it does not know: a newer peer may say more', () => {
    expect(decodeFrame(encodeFrame([{ t: 'drain', when: 'soon' }]), frameSchema)).toEqual([{ t: 'drain' }]);
  });
});

describe('encodeFrame', () => {
  it('never writes into a frame that it has returned', () => {
    const frames = Array.from({ length: 2000 }, (_, n) => encodeFrame([{ t: 'ack', seq: n }]));
    const large = encodeFrame([{ t: 'progress', lease: 1, value: new Uint8Array(3_000_000).fill(1) }]);
    encodeFrame([{ t: 'progress', lease: 1, value: new Uint8Array(3_000_000).fill(2) }]);
    frames.forEach((frame, n) => expect(decodeFrame(frame, frameSchema)).toEqual([{ t: 'ack', seq: n }]));
    expect(large.subarray(-3)).toEqual(Buffer.from([1, 1, 1]));
  });

  it('does not keep the buffer of a large frame', () => {
    encodeFrame([{ t: 'progress', lease: 1, value: new Uint8Array(30_000_000) }]);
    expect(encodeFrame([{ t: 'drain' }]).buffer.byteLength).toBeLessThanOrEqual(16_384);
  });

  it('throws for what no frame can say', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(() => encodeFrame([{ f: () => 1 }])).toThrow(/function/);
    expect(() => encodeFrame([cycle])).toThrow(RangeError);
    expect(decodeFrame(encodeFrame([{ t: 'drain' }]), frameSchema)).toEqual([{ t: 'drain' }]);
  });
});
