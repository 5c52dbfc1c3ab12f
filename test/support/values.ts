/**
 * Values of the serializers' contract: arbitraries of all it has, and the comparison that sees every difference
 * which code could see.
 */
import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import * as fc from 'fast-check';

/** Where two values differ in anything that code could see; `undefined` when nowhere. */
export function difference(one: unknown, other: unknown, path = 'value'): string | undefined {
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null) {
    return Object.is(one, other) ? undefined : `${path}: ${inspect(one)} is not ${inspect(other)}`;
  }
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return `${path}: prototypes`;
  if (ArrayBuffer.isView(one) && ArrayBuffer.isView(other)) return bytesOf(one).equals(bytesOf(other)) ? undefined : `${path}: bytes`;
  if (one instanceof ArrayBuffer && other instanceof ArrayBuffer)
    return Buffer.from(one).equals(Buffer.from(other)) ? undefined : `${path}: bytes`;
  if (one instanceof Date && other instanceof Date) return difference(one.getTime(), other.getTime(), path);
  if (one instanceof RegExp && other instanceof RegExp)
    return difference([String(one), one.lastIndex], [String(other), other.lastIndex], path);
  if (one instanceof Map && other instanceof Map) return difference([...one].flat(), [...other].flat(), `${path}.entries`);
  if (one instanceof Set && other instanceof Set) return difference([...one], [...other], `${path}.values`);
  const isError = one instanceof Error;
  const keys = (value: object): string[] => (isError ? Object.getOwnPropertyNames(value).toSorted() : Object.keys(value));
  if (inspect(keys(one)) !== inspect(keys(other))) return `${path}: keys ${inspect(keys(one))} are not ${inspect(keys(other))}`;
  if (Array.isArray(one) && Array.isArray(other) && one.length !== other.length) return `${path}: lengths`;
  for (const key of keys(one)) {
    const [a, b] = [one, other].map((each) => Object.getOwnPropertyDescriptor(each, key));
    if (a?.enumerable !== b?.enumerable) return `${path}.${key}: enumerable`;
    const found = difference(a?.value, b?.value, `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

const bytesOf = (view: ArrayBufferView): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

/** Any UTF-16, lone surrogates included. */
export const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc
    .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0xfeff, 0xd800, 0xdc00)), { maxLength: 90 })
    .map((units) => String.fromCharCode(...units)),
  fc.constantFrom('\ufeff', `\ufeff${'x'.repeat(100)}`, 'x'.repeat(63), 'é'.repeat(64), 'x'.repeat(70_000)),
);
const anyKey = fc.oneof(
  fc.string(),
  anyText,
  fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', 'length', '', '0', '-1', '4294967295'),
);
const anyNumber = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(-0, 0, NaN, Infinity, -Infinity, 2 ** 32, -(2 ** 31) - 1, -(2 ** 32) - 1),
);
const anyBigint = fc.oneof(fc.bigInt(), fc.constantFrom(0n, 1n, -1n, 2n ** 64n - 1n, 2n ** 64n, -(2n ** 64n), 1n - 2n ** 64n, 2n ** 200n));
const anyView = fc.oneof(
  fc.uint8Array(),
  fc.int8Array(),
  fc.uint8ClampedArray(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.uint8Array().map((bytes) => new DataView(bytes.buffer)),
  // not at the start of its buffer
  fc.uint8Array({ minLength: 3 }).map((bytes) => bytes.subarray(1, -1)),
);
export const anyLeaf = fc.oneof(
  fc.constantFrom(undefined, null, true, false),
  anyNumber,
  anyText,
  anyBigint,
  fc.date({ noInvalidDate: false }),
  anyView,
  fc.uint8Array().map((bytes) => bytes.buffer),
  fc
    .tuple(fc.constantFrom('', 'a+', '[/\\]]', '\ud800', '(?<x>.)\\k<x>'), fc.subarray(['d', 'g', 'i', 'm', 's', 'u', 'y']))
    .map(([source, flags]) => new RegExp(source, flags.join(''))),
);
const nativeErrors = [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError] as const;

export const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthIdentifier: 'value' },
    { weight: 3, arbitrary: anyLeaf },
    fc.array(tie('value'), { maxLength: 6 }),
    fc.array(fc.option(tie('value').map((value) => ({ value }))), { maxLength: 6 }).map((slots) => {
      const sparse: unknown[] = [];
      sparse.length = slots.length;
      slots.forEach((slot, index) => {
        if (slot !== null) sparse[index] = slot.value;
      });
      return sparse;
    }),
    fc.array(fc.tuple(anyKey, tie('value')), { maxLength: 6 }).map((entries) => Object.fromEntries(entries)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 4 }).map((values) => new Set(values)),
    fc
      .record({
        type: fc.constantFrom(...nativeErrors),
        message: anyText,
        cause: fc.option(tie('value').map((cause) => ({ cause }))),
        fields: fc.array(fc.tuple(anyKey, tie('value')), { maxLength: 3 }),
      })
      .map(({ type, message, cause, fields }) => withFields(new type(message, cause ?? undefined), fields)),
    fc.tuple(fc.array(tie('value'), { maxLength: 3 }), anyText).map(([all, message]) => new AggregateError(all, message)),
  ),
}));

function withFields(error: Error, fields: readonly (readonly [string, unknown])[]): Error {
  for (const [key, value] of fields) Object.defineProperty(error, key, { value, enumerable: true, writable: true, configurable: true });
  return error;
}
