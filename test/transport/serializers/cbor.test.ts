/** The cbor serializer by example; `test/property/values.test.ts` has what holds for all values. */
import assert from 'node:assert';
import { Buffer } from 'node:buffer';
import { runInNewContext } from 'node:vm';
import { addExtension, decode as decodeCbor, encode as encodeCbor, Tag } from 'cbor-x';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/machines/model/errors.ts';
import { cbor } from '../../../src/transport/serializers/cbor.ts';
import { UnserializableError, type ValueExtension } from '../../../src/transport/serializers/port.ts';
import { difference } from '../../support/values.ts';

const serializer = cbor();
const roundTrip = <T>(value: T): T => serializer.decode(serializer.encode(value, 'args')) as T;
const refusalOf = (value: unknown): UnserializableError => {
  try {
    serializer.encode(value, 'args');
  } catch (error) {
    if (error instanceof UnserializableError) return error;
    throw error;
  }
  throw new Error('was encoded');
};

describe('cbor', () => {
  it('writes plain JSON values as plain CBOR, which any reader understands', () => {
    const value = [{ id: 7, name: 'a', list: [1.5, null, true] }];
    expect(decodeCbor(serializer.encode(value, 'args'))).toEqual(value);
  });

  it('returns bytes that own all of their buffer, so that they can be transferred', () => {
    const bytes = serializer.encode([42], 'args');
    expect(bytes.constructor).toBe(Uint8Array);
    expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
  });

  it('decodes from the middle of a larger buffer and leaves it as it was', () => {
    const bytes = serializer.encode({ a: new Map([[1, 'x']]) }, 'args');
    const larger = new Uint8Array(bytes.length + 8);
    larger.set(bytes, 3);
    const view = larger.subarray(3, 3 + bytes.length);
    expect(serializer.decode(view)).toEqual({ a: new Map([[1, 'x']]) });
    expect(Object.hasOwn(view, 'dataView')).toBe(false);
  });

  it('encodes small values after one that was large', () => {
    roundTrip('x'.repeat(3_000_000));
    expect(roundTrip(['y'.repeat(100), 'é'.repeat(100)])).toEqual(['y'.repeat(100), 'é'.repeat(100)]);
  });

  it.each([
    ['-0', -0],
    ['small and large bigints', [1n, -1n, 2n ** 64n, -(2n ** 64n), 2n ** 2000n]],
    ['lone surrogates', '\ud800 \udc00'],
    ['a byte order mark', `\ufeff${'x'.repeat(100)}`],
    ['a Buffer', Buffer.from('hello')],
    ['a DataView', new DataView(new ArrayBuffer(3))],
    ['a RegExp', /a\/b/giu],
    ['holes', [1, , 3, ,]], // oxlint-disable-line no-sparse-arrays
    ['a long array with holes', Object.assign([], { length: 1000, 500: 1 })],
    ['keys of Object.prototype', { constructor: 1, toString: 2, hasOwnProperty: 3, valueOf: null, '': 4, 10: 5, 2: 6 }],
    ['an Error in a Map in a Set', new Set([new Map([['k', new RangeError('x', { cause: [1] })]])])],
  ])('keeps %s', (_, value) => {
    assert.deepStrictEqual(roundTrip([value]), [value]);
  });

  it('keeps an own key __proto__ without touching any prototype', () => {
    const value = JSON.parse('{"__proto__": {"polluted": true}, "a": 1}') as object;
    const copy = roundTrip(value);
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(copy, '__proto__')?.value).toEqual({ polluted: true });
    expect('polluted' in {}).toBe(false);
  });

  it('copies a shared object once for each reference', () => {
    const shared = { a: 1 };
    const [one, other] = roundTrip([shared, shared]);
    expect(one).toEqual(shared);
    expect(one).not.toBe(other);
  });

  it('makes plain objects of objects without prototype, and values of getters', () => {
    expect(Object.getPrototypeOf(roundTrip(Object.assign(Object.create(null) as object, { a: 1 })))).toBe(Object.prototype);
    let reads = 0;
    expect(roundTrip({ get a() { return ++reads; } })).toEqual({ a: 1 }); // prettier-ignore
  });

  it('takes values of another realm, and makes them of this one', () => {
    const value: unknown = runInNewContext(
      '({ list: [new Map([[1, new Date(5)]]), /x/g, new Uint8Array(2)], error: new TypeError("foreign") })',
    );
    assert.deepStrictEqual((roundTrip(value) as { list: unknown }).list, [new Map([[1, new Date(5)]]), /x/g, new Uint8Array(2)]);
    expect((roundTrip(value) as { error: unknown }).error).toBeInstanceOf(TypeError);
  });

  it('keeps an invalid Date', () => {
    expect(roundTrip(new Date(NaN)).getTime()).toBeNaN();
  });

  it('resets lastIndex of a RegExp', () => {
    const sticky = /a/g;
    sticky.lastIndex = 3;
    expect(roundTrip(sticky).lastIndex).toBe(0);
  });

  it('encodes and decodes a million numbers in a moment', () => {
    const numbers = Array.from({ length: 1_000_000 }, (_, index) => index / 3);
    const start = performance.now();
    expect(roundTrip(numbers)).toHaveLength(1_000_000);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});

describe('what cannot cross', () => {
  class Point {
    x = 1;
  }
  it.each([
    ['a function', [{ options: { onDone: () => 1 } }], 'args[0].options.onDone', 'a function'],
    ['an instance', [new Point()], 'args[0]', 'an instance of Point'],
    ['a value of a Map', [0, new Map([['k', Symbol('x')]])], 'args[1].get("k")', 'a symbol'],
    ['a key of a Map', [new Map([[new Point(), 1]])], 'args[0].keys()[0]', 'an instance of Point'],
    ['a value of a Set', [new Set([1, 2, 3, new Point()])], 'args[0].values()[3]', 'an instance of Point'],
    ['a URL', [new URL('http://localhost')], 'args[0]', 'an instance of URL'],
    ['a subclass of a built-in', [new (class Names extends Map {})()], 'args[0]', 'an instance of Names'],
    ['a subclass of Array', [new (class List extends Array {})()], 'args[0]', 'an instance of List'],
    ['a boxed primitive', [Object('x')], 'args[0]', 'an instance of String'],
    ['a generator', [(function* () {})()], 'args[0]', 'an instance of Generator'],
    ['a SharedArrayBuffer', [new SharedArrayBuffer(1)], 'args[0]', 'an instance of SharedArrayBuffer'],
    ['a view of one', [new Int8Array(new SharedArrayBuffer(1))], 'args[0]', 'a view of a SharedArrayBuffer'],
    ['a proxy of a built-in', [new Proxy(new Map(), {})], 'args[0]', 'a Proxy'],
    ['a prototype of its own', [Object.create({ inherited: 1 })], 'args[0]', 'an object with a prototype of its own'],
    ['arguments', [(function (..._: number[]) { return arguments; })(1)], 'args[0]', 'an object of the kind Arguments'], // prettier-ignore
    ['a symbol as a key', [{ [Symbol('s')]: 1 }], 'args[0]', 'an object with the key Symbol(s)'],
    ['what an array was given', ['abc'.match(/b/)], 'args[0]', 'an array with the extra property groups'],
    [
      'what a long array was given',
      [Object.assign(Array(1000).fill(0), { columns: [] })],
      'args[0]',
      'an array with the extra property columns',
    ],
    ['what a Date was given', [Object.assign(new Date(), { zone: 'UTC' })], 'args[0]', 'a Date with the extra property zone'],
  ])('%s is refused with its path', (_, value, path, found) => {
    expect(refusalOf(value)).toMatchObject({ name: 'UnserializableError', path, found });
    expect(() => serializer.check(value, 'args')).toThrow(path);
  });

  it.each([
    ['a promise', Promise.resolve(1)],
    ['a thenable', { then: () => undefined }],
    ['an instance that is thenable', new (class Future { then(): void {} })()],
    ['a function that is thenable', Object.assign(() => 1, { then: () => undefined })],
  ])('%s says where to pass it', (_, value) => {
    expect(refusalOf([{ input: value }])).toMatchObject({ path: 'args[0].input', found: 'a Future or promise (pass it where its value is expected)' });
  }); // prettier-ignore

  it('a cycle is refused where it closes', () => {
    const node: { children: unknown[] } = { children: [] };
    node.children.push({ parent: node });
    expect(refusalOf([node])).toMatchObject({ path: 'args[0].children[0].parent', found: 'a cycle' });
  });

  it('a value nested 100,000 levels deep is refused with a short path', () => {
    let value: unknown = 1;
    for (let level = 0; level < 100_000; level++) value = level % 2 === 0 ? { next: value } : [value];
    const { path, found } = refusalOf(value);
    expect(found).toBe('nested more than 1000 levels deep');
    expect(path.length).toBeLessThan(200);
  });

  it.each([
    ['arrays', 1000, (inner: unknown) => [inner]],
    ['objects', 1000, (inner: unknown) => ({ inner })],
    ['objects with odd keys', 500, (inner: unknown) => ({ '\ud800': inner })],
    ['arrays with holes', 500, (inner: unknown) => [, inner]], // oxlint-disable-line no-sparse-arrays
    ['Maps', 500, (inner: unknown) => new Map([[1, inner]])],
    ['Sets', 500, (inner: unknown) => new Set([inner])],
  ])('%s cross up to %i levels deep, whatever is at the bottom', (_, levels, wrap) => {
    let value: unknown = new RegExp('\ud800');
    for (let level = 0; level < levels; level++) value = wrap(value);
    expect(difference(value, roundTrip(value))).toBeUndefined();
    expect(refusalOf([value]).found).toBe('nested more than 1000 levels deep');
  });

  it('a value is refused that is small in memory and endless in copies', () => {
    let value: unknown = [1];
    for (let level = 0; level < 60; level++) value = [value, value];
    expect(refusalOf(value).found).toContain('too large');
  });

  it('a value that throws when it is read is refused with its path', () => {
    const value = { get broken(): never { throw new Error('no luck'); } }; // prettier-ignore
    expect(refusalOf([{ value }])).toMatchObject({ path: 'args[0].value', cause: { message: 'no luck' } });
  });

  it('is named from the root that was given', () => {
    expect(() => serializer.encode(() => 1, 'result')).toThrow('result is a function, which cannot cross to a worker');
  });
});

describe('extensions', () => {
  class File {
    readonly url: string;
    constructor(url: string) {
      this.url = url;
    }
  }
  const file: ValueExtension<File, string> = {
    name: 'file',
    is: (value) => value instanceof File,
    toPlain: (value) => value.url,
    fromPlain: (plain) => {
      if (typeof plain !== 'string') throw new Error('no url');
      return new File(plain);
    },
  };
  const withFiles = cbor({ extensions: [file] });

  it('carry instances of classes wherever they are', () => {
    const value = [new File('a'), new Map([[new File('b'), new Set([new File('c')])]])];
    assert.deepStrictEqual(withFiles.decode(withFiles.encode(value, 'args')), value);
  });

  it('may hold each other, yet not themselves', () => {
    class Box {
      content: unknown;
    }
    const box: ValueExtension<Box> = {
      name: 'box',
      is: (value) => value instanceof Box,
      toPlain: (value) => value.content,
      fromPlain: (content) => Object.assign(new Box(), { content }),
    };
    const boxes = cbor({ extensions: [file, box] });
    const value = Object.assign(new Box(), { content: [new File('a')] as unknown });
    assert.deepStrictEqual(boxes.decode(boxes.encode(value, 'args')), value);
    value.content = { f: () => 1 };
    expect(() => boxes.encode([value], 'args')).toThrow('args[0].f is a function');
    value.content = value;
    expect(() => boxes.encode([value], 'args')).toThrow('args[0] is a cycle');
  });

  it('are named when the receiver lacks one or cannot read its value', () => {
    const bytes = withFiles.encode([new File('a')], 'args');
    expect(() => serializer.decode(bytes)).toThrow(TypeError);
    expect(() => serializer.decode(bytes)).toThrow('"file"');
    const odd = cbor({ extensions: [{ ...file, toPlain: () => 1 }] }).encode(new File('a'), 'args');
    expect(() => withFiles.decode(odd)).toThrow(TypeError);
  });

  it('need names of their own', () => {
    expect(() => cbor({ extensions: [file, { ...file }] })).toThrow(ConfigError);
    expect(() => cbor({ extensions: [{ ...file, name: '' }] })).toThrow(ConfigError);
  });
});

describe('other users of cbor-x in the process', () => {
  it('keep its built-in behaviour', () => {
    roundTrip([new Set([1]), new Date(0), /x/]);
    expect(decodeCbor(encodeCbor([new Set([1]), new Date(0)]))).toEqual([new Set([1]), new Date(0)]);
    expect(decodeCbor(encodeCbor(new Tag([1], 50_408)))).toBeInstanceOf(Tag);
  });

  it('cannot make something else of our values unnoticed', () => {
    const claim = (decode: unknown): void => addExtension({ tag: 50_408, decode } as never);
    const bytes = serializer.encode(new Set([1]), 'args');
    claim(() => 'not a set');
    try {
      expect(() => serializer.decode(bytes)).toThrow(TypeError);
    } finally {
      claim(undefined);
    }
    expect(serializer.decode(bytes)).toEqual(new Set([1]));
  });
});
