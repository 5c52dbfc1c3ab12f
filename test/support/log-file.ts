/** Disks for event logs: one in memory that can hang and fail, and folders on the real one that are removed again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { SimulatedClock } from 'xstate';

import { openEventLog, type EventLog } from '../../src/actors/event-log.ts';
import type { LogLevel } from '../../src/actors/log-records.ts';
import type { LogFile } from '../../src/actors/log-writer.ts';

/** Removed when the test is over. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface FakeFile extends LogFile {
  /** Whole lines that are in the file, parsed. */
  records(): readonly { readonly type: string; readonly [field: string]: unknown }[];
  /** What each append had, in bytes. */
  readonly appends: readonly number[];
  /** From now on every append waits until `release`. */
  hang(): void;
  release(): void;
  /** From now on every append rejects; `undefined`: no more. */
  fail(message: string | undefined): void;
  readonly isClosed: boolean;
}

export function fakeFile(): FakeFile {
  let text = '';
  let failure: string | undefined;
  let isClosed = false;
  const appends: number[] = [];
  let waiting: (() => void)[] | undefined;
  return {
    appends,
    async append(pieces) {
      if (waiting !== undefined) await new Promise<void>((resolve) => waiting?.push(resolve));
      if (failure !== undefined) throw new Error(failure);
      const all = Buffer.concat(pieces);
      appends.push(all.byteLength);
      text += all.toString();
    },
    async close() {
      isClosed = true;
    },
    records: () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { readonly type: string }),
    hang: () => void (waiting ??= []),
    release() {
      const all = waiting ?? [];
      waiting = undefined;
      for (const resolve of all) resolve();
    },
    fail: (message) => void (failure = message),
    get isClosed() {
      return isClosed;
    },
  };
}

/** Lets everything that is due in this turn, and what follows from it, happen. */
export const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export interface OpenedLog {
  readonly log: EventLog;
  readonly file: FakeFile;
  readonly clock: SimulatedClock;
  readonly warnings: string[];
}

/** A log that goes to a {@link FakeFile}, at a time that the test sets. */
export async function openedLog(level: LogLevel = 'summary'): Promise<OpenedLog> {
  const file = fakeFile();
  const clock = new SimulatedClock();
  const warnings: string[] = [];
  const config = { executors: [], policies: {}, replaced: [] };
  const open = (): Promise<FakeFile> => Promise.resolve(file);
  const log = await openEventLog({
    runDir: tempFolder(),
    name: 'test',
    runId: 'r1',
    level,
    config,
    clock,
    open,
    disk: clock,
    warn: (message) => warnings.push(message),
  });
  return { log, file, clock, warnings };
}
