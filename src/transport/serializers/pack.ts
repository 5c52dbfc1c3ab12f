/**
 * Checks a value against the contract and makes of it, in the same walk, a copy that cbor-x encodes without loss:
 * plain objects, dense arrays and {@link tags}. cbor-x only ever sees the copy, so a getter or a proxy is read
 * once. The way back is {@link file://./unpack.ts}.
 *
 * The value of an object is its own enumerable properties. Those with symbols as keys are refused; getters cross as
 * what they return; an object without prototype comes out as a plain one.
 */
import { Buffer } from 'node:buffer';
import { inspect, types } from 'node:util';
import { Tag } from 'cbor-x/encode';
import { UnserializableError, type ValueExtension } from './port.ts';
import { takeApart } from './errors.ts';
import { nativeName } from './natives.ts';
import { firstTypedArrayTag, tags, typedArrays } from './tags.ts';
import { enter, leave, pathOf, refuse, startWalk, type Walk } from './walk.ts';

/** @throws UnserializableError */
export function pack(value: unknown, root: string, extensions: readonly ValueExtension[]): unknown {
  const walk = startWalk(root, extensions);
  try {
    return packValue(walk, value);
  } catch (error) {
    if (error instanceof UnserializableError) throw error;
    throw unreadable(pathOf(walk), error);
  }
}

/** For what is thrown by getters, proxies, extensions and by a stack that has no room left. */
export function unreadable(path: string, cause: unknown): UnserializableError {
  return Object.assign(new UnserializableError(path, whyUnreadable(cause)), { cause });
}

function whyUnreadable(cause: unknown): string {
  return `part of a value that cannot be read (${cause instanceof Error ? cause.message : typeof cause})`;
}

function packValue(walk: Walk, value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return packText(value);
    case 'number':
      return Object.is(value, -0) ? new Tag(0, tags.minusZero) : value;
    case 'bigint':
      return value >= -0xffff_ffff_ffff_ffffn && value <= 0xffff_ffff_ffff_ffffn ? value : new Tag(value.toString(16), tags.bigint);
    case 'object':
      return value === null ? null : packObject(walk, value);
    case 'function':
    case 'symbol':
      return packForeign(walk, value);
    default:
      return value;
  }
}

/** Lone surrogates have no UTF-8, and TextDecoder (which cbor-x uses for some strings) drops a byte order mark. */
function packText(text: string): unknown {
  return isCarried(text) ? text : new Tag(Buffer.from(text, 'utf16le'), tags.text);
}

function isCarried(text: string): boolean {
  // in every Node 20, yet not in TypeScript's es2023
  return (text as string & { isWellFormed(): boolean }).isWellFormed() && text.charCodeAt(0) !== 0xfeff;
}

function packObject(walk: Walk, value: object): unknown {
  const proto: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value))
    return proto === Array.prototype || nativeName(proto) === 'Array' ? packArray(walk, value) : packForeign(walk, value);
  if (proto === Object.prototype || proto === null || nativeName(proto) === 'Object') return packRecord(walk, value);
  if (types.isNativeError(value) || value instanceof Error) return packError(walk, value);
  return packBuiltin(walk, value, proto) ?? packForeign(walk, value);
}

function packRecord(walk: Walk, value: object): unknown {
  const brand = Object.prototype.toString.call(value);
  if (brand === '[object Error]' && types.isNativeError(value)) return packError(walk, value);
  // arguments, Math, module namespaces and the like
  if (brand !== '[object Object]' && Object.getOwnPropertyDescriptor(value, Symbol.toStringTag)?.enumerable !== true) {
    return refuse(walk, `an object of the kind ${brand.slice(8, -1)}`);
  }
  if (isThenable(value)) return refuse(walk, aPromise);
  const copy: Record<string, unknown> = { ...value };
  const [symbol] = Object.getOwnPropertySymbols(copy);
  if (symbol !== undefined) return refuse(walk, `an object with the key ${String(symbol)}`);
  const keys = Object.keys(copy);
  // as a CBOR map, cbor-x would rename `__proto__`
  const isMap = keys.every((key) => key !== '__proto__' && isCarried(key));
  const levels = isMap ? 1 : 2;
  const blocked = enter(walk, value, levels, keys.length);
  if (blocked !== undefined) return refuse(walk, blocked);
  const here = walk.depth - 1;
  for (const key of keys) {
    walk.keys[here] = key;
    copy[key] = packValue(walk, copy[key]);
  }
  leave(walk, levels);
  if (isMap) return copy;
  const items = keys.flatMap((key) => [packText(key), copy[key]]);
  return new Tag(items, tags.entries);
}

function packArray(walk: Walk, value: readonly unknown[]): unknown {
  const { length } = value;
  const extra = extraKeyOf(value);
  if (extra !== undefined) return refuse(walk, `an array with the extra property ${extra}`);
  const blocked = enter(walk, value, 1, length);
  if (blocked !== undefined) return refuse(walk, blocked);
  const here = walk.depth - 1;
  const copy = Array<unknown>(length);
  for (let index = 0; index < length; index++) {
    const item = value[index];
    if (typeof item === 'number' && item !== 0) {
      copy[index] = item;
    } else if (item === undefined && !Object.hasOwn(value, index)) {
      leave(walk, 1);
      return packSparse(walk, value);
    } else {
      walk.keys[here] = index;
      copy[index] = packValue(walk, item);
    }
  }
  leave(walk, 1);
  return copy;
}

function packSparse(walk: Walk, value: readonly unknown[]): unknown {
  const indices = Object.keys(value).map(Number);
  const items = indices.flatMap((index) => [index, value[index]]);
  return packList(walk, value, tags.sparse, [value.length], items, (at) => indices[(at - 1) / 2]);
}

/** Packs what a tagged value consists of; `keyOf` says where an item is, for paths. */
function packList(
  walk: Walk,
  value: object,
  tag: number,
  head: unknown[],
  items: readonly unknown[],
  keyOf: (index: number) => number | undefined,
): unknown {
  const blocked = enter(walk, value, 2, items.length);
  if (blocked !== undefined) return refuse(walk, blocked);
  const here = walk.depth - 1;
  items.forEach((item, index) => {
    walk.keys[here] = keyOf(index);
    head.push(packValue(walk, item));
  });
  leave(walk, 2);
  return new Tag(head, tag);
}

/** `undefined` for what is not a built-in of the contract. */
function packBuiltin(walk: Walk, value: object, proto: unknown): unknown {
  if (ArrayBuffer.isView(value)) return packView(walk, value, proto);
  const name = nativeName(proto);
  if (name === '' || builtins[name]?.(value) !== true) return undefined;
  const extra = extraKeyOf(value);
  if (extra !== undefined) return refuse(walk, `${name === 'ArrayBuffer' ? 'an' : 'a'} ${name} with the extra property ${extra}`);
  if (types.isDate(value)) return new Tag(Date.prototype.getTime.call(value), tags.date);
  if (types.isRegExp(value)) return new Tag([packText(value.source), value.flags], tags.regexp);
  if (types.isArrayBuffer(value)) {
    if ('resizable' in value && value.resizable === true) return refuse(walk, 'a resizable ArrayBuffer');
    return new Tag(new Uint8Array(value), tags.arrayBuffer);
  }
  const items: unknown[] = [];
  if (types.isMap(value)) Map.prototype.forEach.call(value, (item, key) => items.push(key, item));
  else Set.prototype.forEach.call(value, (item) => items.push(item));
  return packList(walk, value, types.isMap(value) ? tags.map : tags.set, [], items, (index) => index);
}

const builtins: Readonly<Record<string, (value: unknown) => boolean>> = {
  Map: types.isMap,
  Set: types.isSet,
  Date: types.isDate,
  RegExp: types.isRegExp,
  ArrayBuffer: types.isArrayBuffer,
};

/** The value of a view is its bytes: it comes out over an ArrayBuffer of its own, and properties added to it do not cross. */
function packView(walk: Walk, view: ArrayBufferView, proto: unknown): unknown {
  const name = proto === Buffer.prototype ? 'Buffer' : nativeName(proto);
  const index = typedArrays.findIndex((type) => type.name === name);
  if (index < 0 && name !== 'Uint8Array' && name !== 'Buffer' && name !== 'DataView') return undefined;
  if (types.isSharedArrayBuffer(view.buffer)) return refuse(walk, 'a view of a SharedArrayBuffer');
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  if (name === 'Uint8Array') return bytes;
  return new Tag(bytes, index >= 0 ? firstTypedArrayTag + index : name === 'Buffer' ? tags.buffer : tags.dataView);
}

function packError(walk: Walk, error: Error): unknown {
  const { kind, name, properties } = takeApart(error);
  const blocked = enter(walk, error, 2, properties.length);
  if (blocked !== undefined) return refuse(walk, blocked);
  const here = walk.depth - 1;
  const { depth, levels } = walk;
  walk.lenient++;
  const items: unknown[] = [kind, packText(name)];
  for (const { key, isEnumerable, value } of properties) {
    walk.keys[here] = key;
    let packed: unknown;
    try {
      packed = packValue(walk, value);
    } catch (cause) {
      Object.assign(walk, { depth, levels });
      packed = `[${whyUnreadable(cause)}]`;
    }
    items.push(packText(key), isEnumerable, packed);
  }
  walk.lenient--;
  leave(walk, 2);
  return new Tag(items, tags.error);
}

const aPromise = 'a Future or promise (pass it where its value is expected)';

/** What only an extension can carry. */
function packForeign(walk: Walk, value: object | symbol): unknown {
  const extension = walk.extensions.find((each) => each.is(value));
  if (extension !== undefined) {
    const plain = extension.toPlain(value);
    return packList(walk, Object(value), tags.extension, [extension.name], [plain], () => undefined);
  }
  if (typeof value === 'symbol') return refuse(walk, 'a symbol');
  if (isThenable(value)) return refuse(walk, aPromise);
  if (typeof value === 'function') return refuse(walk, 'a function');
  if (types.isProxy(value)) return refuse(walk, 'a Proxy');
  const { constructor } = value;
  if (constructor === Object) return refuse(walk, 'an object with a prototype of its own');
  const name = typeof constructor === 'function' ? constructor.name : Object.prototype.toString.call(value).slice(8, -1);
  return refuse(walk, `an instance of ${name === '' ? 'a class without a name' : name}`);
}

function isThenable(value: object): boolean {
  return 'then' in value && typeof value.then === 'function';
}

/** A property that something other than a plain object has been given, which would be lost. */
function extraKeyOf(value: object): string | undefined {
  const symbol = Object.getOwnPropertySymbols(value).find((each) => Object.prototype.propertyIsEnumerable.call(value, each));
  if (symbol !== undefined) return String(symbol);
  if (!Array.isArray(value)) return Object.keys(value)[0];
  if (value.length >= 64 && hasOnlyIndices(value)) return undefined;
  const last = Object.keys(value).at(-1);
  // indices come first
  if (last === undefined || last === String(value.length - 1)) return undefined;
  return /^\d+$/.test(last) && Number(last) < value.length ? undefined : last;
}

/** `Object.keys` of a million numbers takes 0.2 s for the strings it makes; `inspect` tells in 3 µs. */
function hasOnlyIndices(value: readonly unknown[]): boolean {
  const text = inspect(value, {
    maxArrayLength: 0,
    depth: 0,
    customInspect: false,
    breakLength: Infinity,
    colors: false,
    showHidden: false,
  });
  return text === `[ ... ${value.length} more items ]`;
}
