/**
 * Frames as bytes: a frame is one CBOR array of messages, which are plain data of JSON values, undefined and byte
 * strings. cbor-x writes it. It is read here in one pass that cannot be harmed by any bytes: no tags, no lengths beyond
 * the bytes that are there, and limits on depth and on the number of items, so that reading takes little more memory
 * than the frame has bytes. What was read is then checked against the schema of the protocol.
 */
import { Buffer } from 'node:buffer';
import { Encoder } from 'cbor-x/encode';
import type { z } from 'zod';

/** Levels of arrays and maps in a frame, at most: the frame, its messages, their columns, and what is in a note. */
const maxDepth = 16;

/** Items in a frame, at most. One item takes up to some 50 bytes of memory, and may be of a single byte on the wire. */
const maxItems = 1 << 17;

/** Buffers that are larger than this are not kept for the next frame. */
const largestPool = 1024 * 1024;

/** Bytes that are no frame of ours. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  /** What is wrong with them. */
  readonly what: string;
  constructor(what: string, cause?: unknown) {
    super(`These bytes are not a frame: ${what}.`, cause === undefined ? undefined : { cause });
    this.what = what;
  }
}

/**
 * The bytes of a frame. They are written once: no later call changes them.
 *
 * @throws Error for what no frame can say: a function, a symbol, a cycle.
 */
export function encodeFrame(messages: readonly object[]): Uint8Array {
  const bytes = encoder.encode(messages);
  // cbor-x keeps its buffer, which may be several times as large as what it has just made.
  if (bytes.length > largestPool) encoder.useBuffer(Buffer.allocUnsafeSlow(8192));
  return bytes;
}

/**
 * The messages of a frame. Byte strings in them are views of `bytes`.
 *
 * @throws FrameError for anything that is not one whole frame of messages of the schema.
 */
export function decodeFrame<M>(bytes: Uint8Array, schema: z.ZodType<readonly M[]>): readonly M[] {
  const parsed = schema.safeParse(read(bytes));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new FrameError(`${issue?.message ?? 'not of the schema'} at [${issue?.path.map(String).join('][') ?? ''}]`.slice(0, 300));
}

// What is being read. No code of others runs in between.
const nothing = Buffer.alloc(0);
let source: Buffer = nothing;
let position = 0;
let itemsLeft = 0;

function read(bytes: Uint8Array): unknown {
  source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  position = 0;
  itemsLeft = maxItems;
  try {
    const value = readItem(0);
    if (position !== source.length) throw new FrameError(`${source.length - position} bytes after its end`);
    return value;
  } finally {
    source = nothing;
  }
}

function readItem(depth: number): unknown {
  if (--itemsLeft < 0) throw new FrameError(`more than ${maxItems} items`);
  if (position >= source.length) throw new FrameError('it ends too early');
  const head = source[position++] as number;
  const major = head >> 5;
  const info = head & 0x1f;
  if (major === 7) return readSimple(info);
  const length = info < 24 ? info : readLength(info);
  switch (major) {
    case 0:
      return length;
    case 1:
      return -1 - length;
    case 2:
      return readBytes(length);
    case 3:
      return readText(length);
    case 4:
      return readArray(length, depth + 1);
    case 5:
      return readMap(length, depth + 1);
    default:
      throw new FrameError(`the tag ${length}`);
  }
}

/** Numbers of up to 32 bits: cbor-x writes larger ones as doubles. */
function readLength(info: number): number {
  const start = position;
  position += info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : Number.POSITIVE_INFINITY;
  if (position > source.length) throw new FrameError(`an incomplete or unknown item at ${start - 1}`);
  if (info === 24) return source[start] as number;
  return info === 25 ? source.readUInt16BE(start) : source.readUInt32BE(start);
}

function readSimple(info: number): unknown {
  if (info === 27) {
    const start = position;
    position += 8;
    if (position > source.length) throw new FrameError('it ends too early');
    return source.readDoubleBE(start);
  }
  if (info < 20 || info > 23) throw new FrameError(`an unknown simple value at ${position - 1}`);
  return simples[info - 20];
}

function readBytes(length: number): Uint8Array {
  const start = take(length);
  return new Uint8Array(source.buffer as ArrayBuffer, source.byteOffset + start, length);
}

function readText(length: number): string {
  const start = take(length);
  return source.toString('utf8', start, position);
}

/** Where that many bytes start: they are there. */
function take(length: number): number {
  const start = position;
  position += length;
  if (position > source.length) throw new FrameError('it ends too early');
  return start;
}

function readArray(length: number, depth: number): unknown[] {
  checkContainer(length, depth);
  const items: unknown[] = [];
  for (let index = 0; index < length; index++) items.push(readItem(depth));
  return items;
}

function readMap(length: number, depth: number): Record<string, unknown> {
  checkContainer(length * 2, depth);
  const map: Record<string, unknown> = {};
  for (let index = 0; index < length; index++) {
    const key = readItem(depth);
    if (typeof key !== 'string') throw new FrameError('a key that is not text');
    if (Object.hasOwn(map, key)) throw new FrameError('a key twice');
    const value = readItem(depth);
    // Assigning it would not make a property.
    if (key !== '__proto__') map[key] = value;
  }
  return map;
}

/** Each item has a byte at least. */
function checkContainer(items: number, depth: number): void {
  if (depth > maxDepth) throw new FrameError(`more than ${maxDepth} levels`);
  if (items > itemsLeft) throw new FrameError(`more than ${maxItems} items`);
  if (items > source.length - position) throw new FrameError('it ends too early');
}

const simples = [false, true, null, undefined] as const;
const encoder = new Encoder({ useRecords: false, mapsAsObjects: true, variableMapSize: true, tagUint8Array: false }) as Encoder & {
  useBuffer(buffer: Uint8Array): void;
};
