/**
 * The console output of function tasks. While an executor needs it, `write` of `process.stdout` and `process.stderr`
 * is replaced by one that looks up the try that writes; output of anything else passes through untouched. The state
 * hangs under a `Symbol.for`, so that two copies of troupe patch once.
 */
import { StringDecoder } from 'node:string_decoder';

import { scopeOfTry } from './current.ts';

type Stream = 'stdout' | 'stderr';
type Write = typeof process.stdout.write;

/** What a try may forward of its output unless the executor says otherwise. */
export const OUTPUT_BYTES = 64 * 1024;
/** What is kept of the end of a try's output, for its failure. */
export const TAIL_BYTES = 4096;

interface Patch {
  users: number;
  /** True while output is being forwarded: what is printed meanwhile must not be forwarded again. */
  isForwarding: boolean;
  restore(): void;
}
const key = Symbol.for('troupe.console');
const holder = globalThis as { [key]?: Patch };
const patch: Patch = (holder[key] ??= { users: 0, isForwarding: false, restore: () => {} });

/** Attributes console output to tries until the returned function is called; the last one to call it restores `write`. */
export function openConsole(): () => void {
  if (patch.users++ === 0) patch.restore = install();
  let isOpen = true;
  return () => {
    if (!isOpen) return;
    isOpen = false;
    if (--patch.users === 0) patch.restore();
  };
}

function install(): () => void {
  const restores = (['stdout', 'stderr'] as const).map((stream) => {
    const target = process[stream];
    const before = Object.getOwnPropertyDescriptor(target, 'write');
    const original = target.write;
    let isActive = true;
    const write = function (this: unknown, ...args: Parameters<Write>): boolean {
      return isActive && isTaken(stream, args) ? true : Reflect.apply(original, this, args);
    } as Write;
    target.write = write;
    return () => {
      isActive = false; // somebody may have wrapped ours, and goes on calling it
      if (target.write !== write) return;
      if (before === undefined) Reflect.deleteProperty(target, 'write');
      else Object.defineProperty(target, 'write', before);
    };
  });
  return () => {
    for (const restore of restores) restore();
  };
}

function isTaken(stream: Stream, [chunk, encoding, callback]: readonly unknown[]): boolean {
  const scope = scopeOfTry();
  if (scope === undefined || patch.isForwarding) return false;
  patch.isForwarding = true;
  try {
    if (!scope.print(stream, textOf(chunk, encoding))) return false;
  } finally {
    patch.isForwarding = false;
  }
  const done = typeof encoding === 'function' ? encoding : callback;
  if (typeof done === 'function') process.nextTick(done);
  return true;
}

function textOf(chunk: unknown, encoding: unknown): string {
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('utf8');
  const text = String(chunk);
  return typeof encoding !== 'string' || /^utf-?8$/i.test(encoding) ? text : Buffer.from(text, encoding as BufferEncoding).toString('utf8');
}

/** The output of one try: forwarded up to a budget, its end kept. */
export interface TryOutput {
  print(stream: Stream, text: string): void;
  /**
   * Says in one line how much was dropped, if any.
   * @returns The last {@link TAIL_BYTES} of both streams, in the order they came; `undefined` when there was nothing.
   */
  end(): string | undefined;
}

export function tryOutput(budgetBytes: number, forward: (stream: Stream, text: string) => void): TryOutput {
  let left = budgetBytes;
  let dropped = 0;
  let cut: Stream = 'stdout';
  let tail = '';
  let isLineOpen = false;

  function send(stream: Stream, text: string): void {
    if (text === '') return;
    isLineOpen = !text.endsWith('\n');
    forward(stream, text);
  }

  return {
    print(stream, text) {
      tail += text;
      if (tail.length > 16 * TAIL_BYTES) tail = tail.slice(-2 * TAIL_BYTES); // to size when it is asked for
      const bytes = Buffer.byteLength(text);
      if (bytes <= left) {
        left -= bytes;
        send(stream, text);
        return;
      }
      if (dropped === 0) cut = stream;
      const head = firstBytes(text, left);
      dropped += bytes - Buffer.byteLength(head);
      left = 0;
      send(stream, head);
    },
    end() {
      if (dropped > 0)
        send(cut, `${isLineOpen ? '\n' : ''}… ${dropped} bytes more were dropped: a try may print ${budgetBytes} (outputBytes)\n`);
      return tail === '' ? undefined : lastBytes(tail, TAIL_BYTES);
    },
  };
}

/** At most so many bytes of UTF-8, whole characters only. */
const firstBytes = (text: string, bytes: number): string => new StringDecoder('utf8').write(Buffer.from(text).subarray(0, bytes));

function lastBytes(text: string, bytes: number): string {
  if (text.length * 3 <= bytes) return text;
  const all = Buffer.from(text);
  let from = Math.max(0, all.length - bytes);
  while (from < all.length && ((all[from] as number) & 0xc0) === 0x80) from++; // inside of a character
  return from === 0 ? text : all.subarray(from).toString('utf8');
}
