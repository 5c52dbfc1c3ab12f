/**
 * Makes values out of what cbor-x decoded, in place: the other half of {@link file://./pack.ts}. Everything in it
 * may come from hostile bytes, so each tag checks what it holds.
 */
import { Buffer } from 'node:buffer';
import { Tag } from 'cbor-x/encode';
import { putTogether, type ErrorProperty } from './errors.ts';
import type { ValueExtension } from './port.ts';
import { malformed } from './scan.ts';
import { firstTypedArrayTag, tags, typedArrays } from './tags.ts';

/** One decoding. */
export interface Unpacking {
  readonly extensions: readonly ValueExtension[];
  /** Tags that were met: fewer than there are in the bytes when other code of the process has taken one of ours. */
  tagCount: number;
}

export function unpack(unpacking: Unpacking, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (value instanceof Tag) {
    unpacking.tagCount++;
    return unpackTag(unpacking, value.tag, value.value);
  }
  if (Array.isArray(value)) {
    value.forEach((item: unknown, index) => {
      if (typeof item === 'object') value[index] = unpack(unpacking, item);
    });
    return value;
  }
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) {
    const item = record[key];
    if (typeof item === 'object') record[key] = unpack(unpacking, item);
  }
  return record;
}

function unpackTag(unpacking: Unpacking, tag: number, content: unknown): unknown {
  const type = typedArrays[tag - firstTypedArrayTag];
  if (type !== undefined) return new type(bytesIn(content).buffer);
  switch (tag) {
    case tags.text:
      return Buffer.from(bytesIn(content)).toString('utf16le');
    case tags.minusZero:
      if (content !== 0) throw malformed('a -0 that is something else');
      return -0;
    case tags.bigint:
      return unpackBigint(content);
    case tags.date:
      if (typeof content !== 'number') throw malformed('a Date without a number');
      return new Date(content);
    case tags.arrayBuffer:
      return bytesIn(content).buffer;
    case tags.dataView:
      return new DataView(bytesIn(content).buffer);
    case tags.buffer:
      return Buffer.from(bytesIn(content).buffer);
    default:
      return unpackList(tag, listIn(unpack(unpacking, content)), unpacking.extensions);
  }
}

function unpackList(tag: number, list: unknown[], extensions: readonly ValueExtension[]): unknown {
  switch (tag) {
    case tags.entries: {
      const record = {};
      for (const [key, value] of pairsOf(list))
        Object.defineProperty(record, textIn(key), { value, enumerable: true, writable: true, configurable: true });
      return record;
    }
    case tags.sparse: {
      const [length, ...items] = list;
      const sparse: unknown[] = [];
      sparse.length = countIn(length);
      for (const [index, value] of pairsOf(items)) sparse[countIn(index, sparse.length - 1)] = value;
      return sparse;
    }
    case tags.regexp:
      return new RegExp(textIn(list[0]), textIn(list[1]));
    case tags.map:
      return new Map(pairsOf(list));
    case tags.set:
      return new Set(list);
    case tags.error:
      return unpackError(list);
    case tags.extension:
      return unpackExtension(textIn(list[0]), list[1], extensions);
    default:
      throw malformed(`the tag ${tag}`);
  }
}

function unpackBigint(content: unknown): bigint {
  const text = textIn(content);
  if (!/^-?[\da-f]+$/.test(text)) throw malformed('a bigint without digits');
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}

function unpackError([kind, name, ...rest]: readonly unknown[]): Error {
  const properties: ErrorProperty[] = [];
  if (rest.length % 3 !== 0) throw malformed('a part of a field of an error');
  for (let index = 0; index < rest.length; index += 3) {
    properties.push({ key: textIn(rest[index]), isEnumerable: rest[index + 1] === true, value: rest[index + 2] });
  }
  return putTogether({ kind: kind === null ? null : textIn(kind), name: textIn(name), properties });
}

function unpackExtension(name: string, plain: unknown, extensions: readonly ValueExtension[]): unknown {
  const extension = extensions.find((each) => each.name === name);
  if (extension === undefined) throw malformed(`a value of the extension ${JSON.stringify(name)}, which this serializer was not given`);
  try {
    return extension.fromPlain(plain);
  } catch (cause) {
    throw malformed(`the extension ${JSON.stringify(name)} cannot read its value`, cause);
  }
}

function pairsOf(list: readonly unknown[]): [unknown, unknown][] {
  if (list.length % 2 !== 0) throw malformed('a key without a value');
  const pairs: [unknown, unknown][] = [];
  for (let index = 0; index < list.length; index += 2) pairs.push([list[index], list[index + 1]]);
  return pairs;
}

function bytesIn(content: unknown): Uint8Array<ArrayBuffer> {
  if (!(content instanceof Uint8Array)) throw malformed('a tag without its bytes');
  return content as Uint8Array<ArrayBuffer>;
}

function textIn(content: unknown): string {
  if (typeof content !== 'string') throw malformed('a tag without its text');
  return content;
}

function countIn(content: unknown, max = 0xffff_ffff): number {
  if (typeof content !== 'number' || content < 0 || content > max || !Number.isInteger(content)) throw malformed('an index that is none');
  return content;
}

function listIn(content: unknown): unknown[] {
  if (!Array.isArray(content)) throw malformed('a tag without its list');
  return content;
}
