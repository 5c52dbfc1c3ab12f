/**
 * The serializer of troupe, on top of cbor-x: `pack` checks a value and replaces what CBOR would lose, cbor-x makes
 * the bytes; `scan` checks bytes, cbor-x decodes them, `unpack` makes the values again. Each class of the contract
 * comes out as itself: Buffers as Buffers, holes of arrays as holes, a RegExp with `lastIndex` 0. An object that is
 * referred to twice is copied twice.
 */
import { Buffer } from 'node:buffer';
import { Encoder } from 'cbor-x/encode';
import { ConfigError } from '../../machines/model/errors.ts';
import { pack, unreadable } from './pack.ts';
import type { Serializer, ValueExtension } from './port.ts';
import { malformed, scan } from './scan.ts';
import { unpack, type Unpacking } from './unpack.ts';

/** Options of {@link cbor}. */
export interface CborOptions {
  /** Classes of values beyond the contract. @defaultValue none */
  readonly extensions?: readonly ValueExtension[];
}

/** Encodes to CBOR (RFC 8949) with a few private tags. */
export function cbor(options: CborOptions = {}): Serializer {
  const extensions = Object.freeze([...(options.extensions ?? [])]);
  checkNames(extensions);
  return {
    name: 'cbor',
    encode(value, root) {
      const packed = pack(value, root, extensions);
      try {
        const bytes = encoder.encode(packed);
        // cbor-x keeps its buffer, which may be several times as large as what it has just made
        if (bytes.length > largestPool) encoder.useBuffer(Buffer.allocUnsafeSlow(8192));
        // a copy: exactly as long as it has to be, and to be transferred without taking cbor-x's pool along
        return new Uint8Array(bytes);
      } catch (cause) {
        throw unreadable(root, cause);
      }
    },
    decode(bytes) {
      const tagCount = scan(bytes);
      try {
        // a view: cbor-x adds a property to what it is given
        const decoded: unknown = encoder.decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
        if (tagCount === 0) return decoded;
        const unpacking: Unpacking = { extensions, tagCount: 0 };
        const value = unpack(unpacking, decoded);
        if (unpacking.tagCount !== tagCount)
          throw malformed('other code of this process has given cbor-x an extension for a tag of troupe');
        return value;
      } catch (cause) {
        throw cause instanceof TypeError ? cause : malformed(cause instanceof Error ? cause.message : String(cause), cause);
      }
    },
    check(value, root) {
      pack(value, root, extensions);
    },
  };
}

function checkNames(extensions: readonly ValueExtension[]): void {
  const names = extensions.map((extension) => extension.name);
  const index = names.findIndex((name, at) => typeof name !== 'string' || name === '' || names.indexOf(name) !== at);
  if (index >= 0)
    throw new ConfigError(`extensions[${index}].name has to be a text that no other extension has`, {
      field: `extensions[${index}].name`,
      value: names[index],
    });
}

const largestPool = 1024 * 1024;

// `copyBuffers`: binary values do not share memory with the bytes. All `scan` lets through is free of state, so
// one encoder does for every serializer.
const encoder = new Encoder({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  tagUint8Array: false,
  copyBuffers: true,
}) as Encoder & {
  useBuffer(buffer: Uint8Array): void;
};
