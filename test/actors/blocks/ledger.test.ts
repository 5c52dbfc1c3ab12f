/** The ledger of jobs: on the disk before the act, in order, and readable whatever a crash has left. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { driverId, whyAlive } from '../../../src/actors/blocks/driver-id.ts';
import { LEDGER_FILE, openLedger, type Ledger } from '../../../src/actors/blocks/ledger.ts';
import { blocksOf, driversOf, parseLedger, type LedgerRecord } from '../../../src/actors/blocks/ledger-records.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'troupe-ledger-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const openIt = (): Ledger => openLedger({ dir, runId: 'r1', label: 'hpc', driver: driverId(), nowMs: () => 7 });
const content = (): string => readFileSync(join(dir, LEDGER_FILE), 'utf8');
const of = (blockId: string) => ({ runId: 'r1', label: 'hpc', blockId, jobName: `troupe-r1-hpc-${blockId}`, tMs: 7 });
const requested = (blockId: string): LedgerRecord => ({
  type: 'requested',
  ...of(blockId),
  provider: { kind: 'slurm', options: { partition: 'debug' } },
});
const submitted = (blockId: string, jobId: string): LedgerRecord => ({ type: 'submitted', ...of(blockId), jobId });
const ended = (blockId: string): LedgerRecord => ({ type: 'ended', ...of(blockId), end: 'completed' });

describe('a ledger', () => {
  it('begins with whose jobs these are, and keeps the order of what was appended', async () => {
    const ledger = openIt();
    await Promise.all([ledger.append(requested('0')), ledger.append(submitted('0', 'j1')), ledger.append(ended('0'))]);
    await ledger.close();
    const { records, problems } = parseLedger(content());
    expect(problems).toEqual([]);
    expect(records).toEqual([
      { type: 'opened', runId: 'r1', label: 'hpc', driver: driverId(), tMs: 7 },
      requested('0'),
      submitted('0', 'j1'),
      ended('0'),
    ]);
    expect(statSync(join(dir, LEDGER_FILE)).mode & 0o777).toBe(0o600);
  });

  it('is on the disk when append has resolved', async () => {
    const ledger = openIt();
    await ledger.append(requested('0'));
    expect(parseLedger(content()).records).toHaveLength(2);
    await ledger.close();
  });

  it('leaves no file when nothing was appended, and takes nothing once it is closed', async () => {
    const ledger = openIt();
    await ledger.close();
    expect(() => content()).toThrow('ENOENT');
    await expect(ledger.append(requested('0'))).rejects.toThrow('closed');
  });

  it('says so when it cannot be written, and is written when it can be again', async () => {
    rmSync(dir, { recursive: true });
    const ledger = openIt();
    await expect(ledger.append(requested('0'))).rejects.toThrow('ENOENT');
    mkdirSync(dir);
    await ledger.append(requested('1'));
    await ledger.close();
    expect(parseLedger(content())).toMatchObject({ records: [{ type: 'opened' }, { blockId: '1' }], problems: [] });
  });

  it('says so when the options of a provider are no data', async () => {
    const ledger = openIt();
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    await expect(ledger.append({ type: 'requested', ...of('0'), provider: { kind: 'x', options: circular } })).rejects.toThrow('circular');
    await ledger.close();
  });

  it('goes on after what is there, with ids that no block has had', async () => {
    const first = openIt();
    expect(first.nextBlock).toBe(0);
    await first.append(requested('0'));
    await first.append(requested('11'));
    await first.close();
    writeFileSync(join(dir, LEDGER_FILE), `${content()}{"type":"submitted","runId"`);
    const second = openIt();
    expect(second.nextBlock).toBe(12);
    await second.append(ended('11'));
    await second.close();
    const { records, problems } = parseLedger(content());
    expect(records.map(({ type }) => type)).toEqual(['opened', 'requested', 'requested', 'opened', 'ended']);
    expect(problems).toEqual(['line 4: it is not JSON']);
  });
});

describe('a reader of ledgers', () => {
  const line = (record: unknown): string => `${JSON.stringify(record)}\n`;

  it('tells a torn last line and lines that are no records from the rest', () => {
    const text = `${line(requested('0'))}garbage\n${line({ type: 'requested', blockId: 7 })}\n${line(submitted('0', 'j1'))}{"type":"end`;
    const { records, problems } = parseLedger(text);
    expect(records).toEqual([requested('0'), submitted('0', 'j1')]);
    expect(problems).toEqual([
      'line 2: it is not JSON',
      expect.stringContaining('line 3: it is no record: runId'),
      'line 6 is torn: the driver died while it wrote it',
    ]);
  });

  it('has the last word on each block; one that has ended never changes again', () => {
    const blocks = blocksOf([
      requested('0'),
      requested('1'),
      submitted('0', 'j1'),
      ended('0'),
      submitted('0', 'j9'),
      requested('0'),
      ended('7'),
    ]);
    expect([...blocks.values()]).toMatchObject([
      { blockId: '0', jobId: 'j1', end: 'completed', provider: { kind: 'slurm', options: { partition: 'debug' } } },
      { blockId: '1', jobId: undefined, end: undefined },
    ]);
  });

  it('knows every driver', () => {
    const opened = (pid: number): LedgerRecord => ({ type: 'opened', runId: 'r1', label: 'hpc', driver: { pid, host: 'login1' }, tMs: 1 });
    expect(driversOf([opened(7), requested('0'), opened(8)]).map(({ pid }) => pid)).toEqual([7, 8]);
  });
});

describe('a driver', () => {
  const me = driverId();

  it('lives while its process does', () => {
    expect(whyAlive(me)).toContain(`process ${process.pid}, still runs`);
  });

  it('is dead when its pid is nobody’s', () => {
    expect(whyAlive({ ...me, pid: 2 ** 22 + 1 })).toBeUndefined();
  });

  it.runIf(process.platform === 'linux')('is dead when its pid is somebody else’s by now', () => {
    expect(me.startTime).toMatch(/^\d+$/);
    expect(whyAlive({ ...me, startTime: '1' })).toBeUndefined();
  });

  it('may live when it ran on another host', () => {
    expect(whyAlive({ ...me, host: 'elsewhere' })).toContain('ran on elsewhere, and may still');
  });
});
