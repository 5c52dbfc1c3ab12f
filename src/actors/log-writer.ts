/**
 * Lines to a file, written behind: whoever writes never waits. What a disk cannot take, for being slow or full, is
 * counted, and a `log.gap` record stands in its place as soon as the disk takes one.
 */
import { Buffer } from 'node:buffer';
import { open } from 'node:fs/promises';

import type { GapRecord } from './log-records.ts';
import { systemClock, type Clock } from './timers.ts';

/** Where lines go. */
export interface LogFile {
  /** One at a time. All of it or, when it rejects, nothing of it is in the file. */
  append(pieces: readonly Uint8Array[]): Promise<void>;
  close(): Promise<void>;
}

/** Lines that were written, and lines that were lost. */
export interface LogCounts {
  readonly records: number;
  readonly dropped: number;
}

export interface LogWriter {
  /** Takes a line. Never throws. @param isStep - A replay would miss it. */
  write(line: string, isStep: boolean): void;
  /** Writes what waits, then the line that `last` makes. Never rejects, and gives up on a disk that hangs. */
  close(last: (counts: LogCounts) => string): Promise<LogCounts>;
}

/** A kill -9 loses at most this much time, and what the disk was behind. */
export const FLUSH_MS = 200;
/** Bytes that may wait for a disk that is slow. */
export const SLOW_BYTES = 16 * 1024 * 1024;
/** Bytes that may wait at all: of a loop that has made many tasks without giving the disk a turn. */
export const MOST_BYTES = 256 * 1024 * 1024;
/** Text is made bytes in pieces of this size: strings that wait longer would be copied by every garbage collection. */
const PIECE_CHARS = 64 * 1024;
/** What is worth a write before its time has come. */
const WRITE_BYTES = 256 * 1024;
/** What one write takes at most: the slower the disk, the larger the writes. */
const BATCH_BYTES = 8 * 1024 * 1024;
/** How long `close` waits for the disk, in real time. */
export const CLOSE_MS = 10_000;

export interface LogWriterOptions {
  /** For the time of a loss, and for when to write. */
  readonly clock: Clock;
  /** Told once, of the first loss. */
  readonly warn: (message: string) => void;
  /** For how long to wait for the disk: no simulated time makes it faster. @defaultValue the system's */
  readonly disk?: Clock;
}

/** Records that were lost. */
interface Lost {
  readonly records: number;
  readonly steps: number;
  readonly sinceT: number;
  readonly t: number;
  readonly why: string;
}

/** Lines that are written together. */
interface Batch {
  /** What is missing before them. */
  lost: Lost | undefined;
  readonly pieces: Uint8Array[];
  /** After the pieces. */
  text: string;
  bytes: number;
  records: number;
  steps: number;
}

const batch = (): Batch => ({ lost: undefined, pieces: [], text: '', bytes: 0, records: 0, steps: 0 });

function encode(into: Batch): void {
  if (into.text !== '') into.pieces.push(Buffer.from(into.text));
  into.text = '';
}

export function logWriter(file: LogFile, { clock, warn, disk = systemClock }: LogWriterOptions): LogWriter {
  const sealed: Batch[] = [];
  let current = batch();
  let waiting = 0;
  /** What waited at the last tick, and what of it has waited since the one before: by that the disk is behind. */
  let atTick = 0;
  let behind = 0;
  let pumping: Promise<void> | undefined;
  let timer: unknown;
  let records = 0;
  let dropped = 0;
  let hasWarned = false;
  let isClosing = false;

  /** Counts a loss; `since`: the one that it goes on from. */
  function lose({ records, steps }: Pick<Lost, 'records' | 'steps'>, why: string, since: Lost | undefined): Lost {
    const t = clock.now();
    dropped += records;
    if (!hasWarned) warn(why);
    hasWarned = true;
    return since === undefined
      ? { records, steps, sinceT: t, t, why }
      : { ...since, records: since.records + records, steps: since.steps + steps, t };
  }

  function seal(): void {
    if (current.records === 0 && current.lost === undefined) return;
    sealed.push(current);
    current = batch();
  }

  function tick(): void {
    timer = undefined;
    behind = pumping === undefined ? 0 : Math.min(atTick, waiting);
    atTick = waiting;
    void pump();
    arm();
  }

  function arm(): void {
    if (timer !== undefined || (waiting === 0 && pumping === undefined)) return;
    timer = unref(clock.setTimeout(tick, FLUSH_MS));
  }

  function pump(): Promise<void> {
    pumping ??= drain().finally(() => (pumping = undefined));
    return pumping;
  }

  async function drain(): Promise<void> {
    for (seal(); sealed.length > 0; seal()) {
      const next = sealed.shift() as Batch;
      waiting -= next.bytes;
      behind = Math.min(behind, waiting);
      atTick = Math.min(atTick, waiting);
      encode(next);
      try {
        await file.append(next.lost === undefined ? next.pieces : [Buffer.from(gapLine(next.lost)), ...next.pieces]);
      } catch (error) {
        const after = sealed[0] ?? current;
        after.lost = join(lose(next, messageOf(error), next.lost), after.lost);
        return; // until the next tick
      }
      records += next.records + (next.lost === undefined ? 0 : 1);
    }
  }

  async function finish(last: (counts: LogCounts) => string): Promise<void> {
    await pump();
    while (sealed.length > 0 || current.records > 0) await pump(); // each takes one batch at least, or loses it
    const gap = current.lost === undefined ? '' : gapLine(current.lost);
    const counts = { records: records + (gap === '' ? 0 : 1), dropped };
    try {
      await file.append([Buffer.from(`${gap}${last(counts)}\n`)]);
      records = counts.records + 1;
    } catch (error) {
      lose({ records: 1, steps: 0 }, messageOf(error), undefined);
    }
    await file.close().catch(() => {});
  }

  return {
    write(line, isStep) {
      if (isClosing) return;
      if (behind >= SLOW_BYTES || waiting >= MOST_BYTES) {
        if (current.records > 0) seal();
        current.lost = lose({ records: 1, steps: isStep ? 1 : 0 }, 'the disk is too slow for it', current.lost);
        return;
      }
      current.text += `${line}\n`;
      current.bytes += line.length + 1; // near enough: nearly all of it is ASCII
      current.records++;
      if (isStep) current.steps++;
      waiting += line.length + 1;
      if (current.text.length >= PIECE_CHARS) encode(current);
      if (current.bytes >= BATCH_BYTES) seal();
      if (pumping === undefined && waiting >= WRITE_BYTES) void pump();
      arm();
    },
    async close(last) {
      isClosing = true;
      let deadline: unknown;
      const late = new Promise<void>((resolve) => (deadline = unref(disk.setTimeout(resolve, CLOSE_MS))));
      await Promise.race([finish(last), late]);
      disk.clearTimeout(deadline as never);
      if (timer !== undefined) clock.clearTimeout(timer as never);
      return { records, dropped };
    },
  };
}

/** Nothing of the log keeps the process alive. */
function unref(timer: unknown): unknown {
  (timer as { unref?(): void } | undefined)?.unref?.();
  return timer;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const join = (one: Lost, other: Lost | undefined): Lost =>
  other === undefined ? one : { ...one, records: one.records + other.records, steps: one.steps + other.steps, t: other.t };

function gapLine({ t, sinceT, records, steps, why }: Lost): string {
  return `${JSON.stringify({ type: 'log.gap', t, sinceT, records, steps, why } satisfies GapRecord)}\n`;
}

/** A new file. */
export async function logFile(path: string): Promise<LogFile> {
  const handle = await open(path, 'wx');
  let end = 0;

  async function writeAll(pieces: readonly Uint8Array[], from: number, total: number): Promise<void> {
    let { bytesWritten: done } = await handle.writev([...pieces], from);
    if (done === total) return;
    const rest = Buffer.concat(pieces);
    while (done < total) done += (await handle.write(rest, done, total - done, from + done)).bytesWritten;
  }

  return {
    async append(pieces) {
      const total = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
      try {
        const [{ nlink }] = await Promise.all([handle.stat(), writeAll(pieces, end, total)]);
        if (nlink === 0) throw new Error(`${path} was removed`);
      } catch (error) {
        await handle.truncate(end).catch(() => {}); // not half a line
        throw error;
      }
      end += total;
    },
    close: () => handle.close(),
  };
}
