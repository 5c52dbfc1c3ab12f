/** What is done about the jobs of a driver that died: found, cancelled, seen to be gone, and written down. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { driverId } from '../../../src/actors/blocks/driver-id.ts';
import { LEDGER_FILE } from '../../../src/actors/blocks/ledger.ts';
import { blocksOf, parseLedger, type DriverId, type LedgerRecord } from '../../../src/actors/blocks/ledger-records.ts';
import { reapDir, type BuildProvider, type ReapOptions } from '../../../src/actors/blocks/reap.ts';
import type { ReapReport } from '../../../src/machines/model/reaping.ts';
import { SimulatedClock } from '../../../src/api/testing.ts';
import type { Provider, ProviderHost } from '../../../src/providers/port.ts';
import { specOf } from '../../support/block-world.ts';
import { fakeProvider, type FakeProvider } from '../../support/fake-provider.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'troupe-reap-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const dead: DriverId = { ...driverId(), pid: 2 ** 22 + 1 };
const of = (blockId: string) => ({ runId: 'r1', label: 'hpc', blockId, jobName: `job-${blockId}`, tMs: 1 });
const requested = (blockId: string, kind = 'fake'): LedgerRecord => ({
  type: 'requested',
  ...of(blockId),
  provider: { kind, options: { partition: 'debug' } },
});
const submitted = (blockId: string, jobId: string): LedgerRecord => ({ type: 'submitted', ...of(blockId), jobId });
const ended = (blockId: string): LedgerRecord => ({ type: 'ended', ...of(blockId), end: 'completed' });

/** A ledger in a folder of its own. */
function ledger(folder: string, records: readonly LedgerRecord[], driver = dead): string {
  mkdirSync(join(dir, folder), { recursive: true });
  const path = join(dir, folder, LEDGER_FILE);
  const opened: LedgerRecord = { type: 'opened', runId: 'r1', label: 'hpc', driver, tMs: 0 };
  writeFileSync(path, [opened, ...records].map((record) => `${JSON.stringify(record)}\n`).join(''));
  return path;
}
/** Jobs `j1`, `j2`, … that a driver has left, named after their blocks. */
function left(provider: FakeProvider, ...blockIds: readonly string[]): void {
  const host: ProviderHost = { tell: () => {}, runId: 'r1', dir };
  const open = provider.open(host);
  for (const blockId of blockIds) open.send({ type: 'jobs.submit', requestId: blockId, job: specOf(blockId, `job-${blockId}`) });
  void open.close();
}
/** Reaps on a clock that runs as fast as it can. */
async function reap(
  provider: Provider,
  { build = () => provider, ...options }: ReapOptions & { build?: BuildProvider } = {},
): Promise<ReapReport> {
  const clock = new SimulatedClock();
  const done = { is: false };
  const reaping = reapDir(dir, build, { clock, random: () => 0.5, ...options }).finally(() => (done.is = true));
  while (!done.is) {
    await new Promise((resolve) => setImmediate(resolve)); // files are read and written meanwhile
    clock.increment(50);
  }
  return reaping;
}
const outcomes = ({ blocks }: ReapReport): readonly unknown[] => blocks.map(({ blockId, outcome }) => [blockId, outcome]);
const ends = (path: string): readonly unknown[] =>
  [...blocksOf(parseLedger(readFileSync(path, 'utf8')).records).values()].map(({ end }) => end);

describe('reaping', () => {
  it('cancels what is left, by job id or by name, and writes down that it is gone', async () => {
    const provider = fakeProvider();
    left(provider, '0', '1', '2');
    provider.end('j3');
    const path = ledger('blocks/hpc', [
      requested('0'),
      submitted('0', 'j1'),
      requested('1'),
      requested('2'),
      submitted('2', 'j3'),
      requested('3'),
      requested('4'),
      ended('4'),
    ]);
    const report = await reap(provider);
    expect(report).toMatchObject({ dir, ledgers: [path], problems: [] });
    expect(report.refused).toBeUndefined();
    expect(outcomes(report)).toEqual([
      ['0', 'cancelled'],
      ['1', 'cancelled'],
      ['2', 'wasGone'],
      ['3', 'notFound'],
    ]);
    expect(report.blocks[1]).toMatchObject({ label: 'hpc', jobName: 'job-1', jobId: 'j2' });
    provider.expectNothingElse();
    expect(provider.isOpen).toBe(false);
    expect(ends(path)).toEqual(['scaledIn', 'scaledIn', 'unknown', 'unknown', 'completed']);
    expect((await reap(provider)).blocks).toEqual([]);
  });

  it('goes on asking while the provider cannot say', async () => {
    const provider = fakeProvider({ tells: false });
    left(provider, '0');
    provider.fault('find', 'failed', 2);
    provider.fault('status', 'empty', 2);
    provider.fault('cancel', 'failed');
    ledger('hpc', [requested('0')]);
    expect(outcomes(await reap(provider))).toEqual([['0', 'cancelled']]);
    provider.expectNothingElse();
  });

  it('gives up in time on what does not go, and leaves it for the next time', async () => {
    const provider = fakeProvider({ cancels: false });
    left(provider, '0', '1');
    provider.fault('find', 'failed', 1000);
    const path = ledger('hpc', [requested('0'), submitted('0', 'j1'), requested('1')]);
    const report = await reap(provider, { timeoutMs: 5000 });
    expect(report.blocks).toMatchObject([
      { blockId: '0', outcome: 'failed', message: 'it is still pending' },
      { blockId: '1', outcome: 'failed', message: expect.stringContaining('the batch system is not there') },
    ]);
    expect(ends(path)).toEqual([undefined, undefined]);
  });

  it('asks each provider for its own jobs, and goes on when one cannot be made', async () => {
    const provider = fakeProvider();
    left(provider, '0', '1');
    ledger('a', [requested('0')]);
    ledger('b', [requested('1', 'lost-plugin')]);
    const made: unknown[] = [];
    const build: BuildProvider = (kind, options) => {
      made.push([kind, options]);
      if (kind !== 'fake') throw new Error(`no provider of kind ${kind} is known`);
      return provider;
    };
    const report = await reap(provider, { build });
    expect(made).toEqual(['fake', 'lost-plugin'].map((kind) => [kind, { partition: 'debug' }]));
    expect(report.blocks).toMatchObject([
      { outcome: 'cancelled' },
      { outcome: 'failed', message: 'no provider of kind lost-plugin is known' },
    ]);
  });

  it('is refused while the driver lives, unless it is forced', async () => {
    const provider = fakeProvider();
    left(provider, '0');
    ledger('hpc', [requested('0')], driverId());
    expect(await reap(provider)).toMatchObject({ refused: expect.stringContaining('still runs'), blocks: [] });
    expect(provider.live).toHaveLength(1);
    expect(outcomes(await reap(provider, { force: true }))).toEqual([['0', 'cancelled']]);
  });

  it('is not refused when nothing is left to do', async () => {
    ledger('hpc', [requested('0'), ended('0')], driverId());
    const report = await reap(fakeProvider());
    expect([report.refused, report.blocks]).toEqual([undefined, []]);
  });

  it('reports what cannot be read', async () => {
    const path = ledger('hpc', [requested('0'), ended('0')]);
    writeFileSync(path, `${readFileSync(path, 'utf8')}{"type":"req`);
    expect((await reap(fakeProvider())).problems).toEqual([`${path}: line 4 is torn: the driver died while it wrote it`]);
    const report = await reapDir(join(dir, 'nowhere'), () => fakeProvider());
    expect(report).toMatchObject({ ledgers: [], blocks: [], problems: [expect.stringContaining('ENOENT')] });
  });
});
