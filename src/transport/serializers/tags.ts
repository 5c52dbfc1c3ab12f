/**
 * The words of the wire form that {@link file://./pack.ts} writes and {@link file://./unpack.ts} reads: CBOR
 * without any of its registered tags, and for what CBOR alone would lose one private tag a kind. Nothing else is
 * let through on the way in, so neither cbor-x's built-in tags nor an `addExtension` of other code in the process
 * (both are global to cbor-x) can make anything out of our bytes.
 */

/** Between the ranges that cbor-x reads as packed strings (… 32767) and as record structures (57337 …). */
export const tags = {
  /** A string that UTF-8 cannot carry, as UTF-16LE. */
  text: 50_400,
  minusZero: 50_401,
  /** A bigint of more than 64 bits, in hexadecimal. */
  bigint: 50_402,
  /** An object with a key that cbor-x would change: `[key, value, …]`. */
  entries: 50_403,
  /** An array with holes: `[length, index, value, …]`. */
  sparse: 50_404,
  /** Milliseconds; NaN for an invalid Date. */
  date: 50_405,
  /** `[source, flags]` */
  regexp: 50_406,
  /** `[key, value, …]` */
  map: 50_407,
  set: 50_408,
  /** `[kind, name, key, isEnumerable, value, …]`; `kind` is null for a class that nobody registered. */
  error: 50_409,
  /** `[name, plain]` */
  extension: 50_410,
  arrayBuffer: 50_411,
  dataView: 50_412,
  buffer: 50_413,
} as const;

/** Typed arrays but Uint8Array, which is a bare byte string; bytes are in the order of the host. */
export const typedArrays = [
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

export const firstTag = tags.text;
export const firstTypedArrayTag = 50_414;
export const lastTag = firstTypedArrayTag + typedArrays.length - 1;

/**
 * Levels of CBOR that a value may have, tags included. cbor-x recurses and overflows a stack of 984 kB at about
 * 2,000; half of that is left to whoever calls.
 */
export const maxLevels = 1000;
