/**
 * The ledger of jobs, `jobs.ndjson`: what must outlive a crash of the driver. That a block is wanted is on the disk
 * before its job is submitted, so `troupe reap` finds every job that a dead driver may have left.
 */
import { readFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { parseLedger, type DriverId, type LedgerRecord } from './ledger-records.ts';

export const LEDGER_FILE = 'jobs.ndjson';

export interface Ledger {
  /** Resolves when the record is on the disk; rejects when it is not. Records are in the order of the calls. */
  append(record: LedgerRecord): Promise<void>;
  /** The least number that no block in it has for an id. */
  readonly nextBlock: number;
  /** Resolves when what was appended is on the disk, or is not going to be. */
  close(): Promise<void>;
}

export interface LedgerOptions {
  readonly dir: string;
  readonly runId: string;
  readonly label: string;
  /** Whose jobs these are; `undefined` for who only adds to a ledger. */
  readonly driver: DriverId | undefined;
  readonly nowMs: () => number;
}

interface Line {
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Continues the ledger of a folder, or begins one with the first record. */
export function openLedger({ dir, runId, label, driver, nowMs }: LedgerOptions): Ledger {
  const path = join(dir, LEDGER_FILE);
  const before = readBefore(path);
  let isTorn = before !== '' && !before.endsWith('\n');
  let lines: Line[] = [];
  let pumping: Promise<void> | undefined;
  let file: FileHandle | undefined;
  let isClosed = false;
  /** Written before the first record, so that an executor without blocks leaves no file. */
  let opening = driver === undefined ? '' : lineOf({ type: 'opened', runId, label, driver, tMs: nowMs() });

  async function write(text: string): Promise<void> {
    file ??= await create(path, dir);
    const all = `${isTorn ? '\n' : ''}${opening}${text}`;
    isTorn = true; // unless all of it arrives
    await file.appendFile(all);
    await file.datasync();
    isTorn = false;
    opening = '';
  }

  /** What was appended meanwhile is written, and synced, together. */
  async function pump(): Promise<void> {
    while (lines.length > 0) {
      const some = lines;
      lines = [];
      try {
        await write(some.map(({ text }) => text).join(''));
        for (const { resolve } of some) resolve();
      } catch (error) {
        for (const { reject } of some) reject(error);
      }
    }
    pumping = undefined;
  }

  return {
    append: (record) =>
      new Promise((resolve, reject) => {
        if (isClosed) throw new Error('the ledger is closed');
        lines.push({ text: lineOf(record), resolve, reject });
        pumping ??= Promise.resolve().then(pump); // what is appended in one turn is written together
      }),
    nextBlock: parseLedger(before).records.reduce(
      (next, record) => ('blockId' in record ? Math.max(next, Number(record.blockId) + 1 || 0) : next),
      0,
    ),
    async close() {
      isClosed = true;
      await pumping;
      const closing = file;
      file = undefined;
      await closing?.close().catch(() => {});
    },
  };
}

const lineOf = (record: LedgerRecord): string => `${JSON.stringify(record)}\n`;

/** Sync, since ids are needed before anything can wait; it is small, and nearly always absent. */
function readBefore(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // absent; what else is wrong with it shows when it is written
  }
}

async function create(path: string, dir: string): Promise<FileHandle> {
  const file = await open(path, 'a', 0o600);
  const folder = await open(dir, 'r').catch(() => undefined);
  await folder?.sync().catch(() => {}); // the name of the file too; not every file system can
  await folder?.close().catch(() => {});
  return file;
}
