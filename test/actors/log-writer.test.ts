/** Writing behind: neither a slow disk nor a broken one is felt by who writes, and what is lost is counted. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { SimulatedClock } from 'xstate';

import { openEventLog } from '../../src/actors/event-log.ts';
import { CLOSE_MS, FLUSH_MS, SLOW_BYTES } from '../../src/actors/log-writer.ts';
import { readLog } from '../../src/api/monitoring.ts';
import { openedLog, settled, tempFolder } from '../support/log-file.ts';

const fact = (
  n: number,
  text = '',
): { readonly type: string; readonly atMs: number; readonly data: Readonly<Record<string, unknown>> } => ({
  type: 'test.fact',
  atMs: n,
  data: { n, text },
});

describe('writing behind', () => {
  it('gives the disk what has come, a moment later', async () => {
    const { log, file, clock } = await openedLog();
    log.listener.fact(fact(1));
    log.listener.fact(fact(2));
    await settled();
    expect(file.appends).toEqual([]);
    clock.increment(FLUSH_MS);
    await settled();
    expect(file.records().map(({ type }) => type)).toEqual(['log.opened', 'fact', 'fact']);
    log.listener.fact(fact(3));
    clock.increment(FLUSH_MS);
    await settled();
    expect(file.appends).toHaveLength(2);
    await log.close();
  });

  it('does not wait for that moment with much to write', async () => {
    const { log, file } = await openedLog();
    for (let i = 0; i < 500; i++) log.listener.fact(fact(i, 'x'.repeat(1000)));
    await settled();
    expect(file.records().length).toBeGreaterThan(250);
    await log.close();
    expect(file.records()).toHaveLength(502);
  });

  it('loses nothing of a loop that gives the disk no turn', async () => {
    const { log, file, warnings } = await openedLog('full');
    const event = { type: 'x', text: 'y'.repeat(1000) };
    const steps = Math.ceil((2 * SLOW_BYTES) / 1000);
    for (let seq = 1; seq <= steps; seq++) log.listener.step?.({ seq, causeId: 0, actorId: 'a', event, from: 'a', to: 'a' }, 1);
    expect(await log.close()).toEqual({ records: steps + 2, dropped: 0 });
    expect(warnings).toEqual([]);
    expect(Math.max(...file.appends)).toBeLessThan(9 * 1024 * 1024);
    const seqs = file.records().flatMap((record) => (record.type === 'step' ? [record['seq']] : []));
    expect(seqs).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
  });

  it('counts what a slow disk cannot take, and goes on where it can', async () => {
    const { log, file, clock, warnings } = await openedLog('full');
    const event = { type: 'x', text: 'y'.repeat(10_000) };
    let seq = 0;
    const write = (): void => log.listener.step?.({ seq: ++seq, causeId: 0, actorId: 'a', event, from: 'a', to: 'a' }, 1);
    file.hang();
    write();
    clock.increment(FLUSH_MS);
    for (let tick = 0; tick < 40; tick++) {
      for (let i = 0; i < 100; i++) write();
      log.listener.fact(fact(tick));
      clock.increment(FLUSH_MS);
    }
    expect(warnings).toEqual([expect.stringMatching(/^the event log in .* is incomplete: the disk is too slow for it$/) as string]);
    file.release();
    await settled();
    write();
    const { records, dropped } = await log.close();
    expect(warnings).toHaveLength(1);

    const found = file.records();
    const gaps = found.filter(({ type }) => type === 'log.gap') as unknown as {
      readonly records: number;
      readonly steps: number;
      readonly why: string;
    }[];
    expect(gaps).toHaveLength(1);
    expect(gaps[0]?.why).toBe('the disk is too slow for it');
    expect(gaps[0]?.steps).toBeGreaterThan(1000);
    expect(gaps[0]?.records).toBeGreaterThan(gaps[0]?.steps ?? 0);
    expect(dropped).toBe(gaps[0]?.records);
    expect(found).toHaveLength(records);
    expect(found.at(-1)).toMatchObject({ type: 'log.closed', records: records - 1, dropped });
    // what is there is in order, and what is not is where the gap stands
    const seqs = found.flatMap((record) => (record.type === 'step' ? [record['seq'] as number] : record.type === 'log.gap' ? [-1] : []));
    const gap = seqs.indexOf(-1);
    expect(seqs[gap + 1]).toBe((seqs[gap - 1] ?? 0) + (gaps[0]?.steps ?? 0) + 1);
    expect(seqs.filter((each) => each > 0)).toEqual(seqs.filter((each) => each > 0).toSorted((a, b) => a - b));
    expect(seqs.at(-1)).toBe(seq);
    // no more was kept for the disk than it may be behind
    expect(file.appends.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(SLOW_BYTES + 4 * 1024 * 1024);
  });

  it('counts what a failing disk has not taken, and says so once', async () => {
    const { log, file, clock, warnings } = await openedLog('full');
    const flush = async (): Promise<void> => {
      clock.increment(FLUSH_MS);
      await settled();
    };
    const step = (seq: number): void =>
      log.listener.step?.({ seq, causeId: 0, actorId: 'a', event: { type: 'x' }, from: 'a', to: 'a' }, seq);
    await flush();
    file.fail('ENOSPC: no space left on device');
    step(1);
    log.listener.fact(fact(2));
    await flush();
    log.listener.fact(fact(3));
    await flush();
    file.fail(undefined);
    step(2);
    await flush();
    expect(warnings).toEqual([expect.stringContaining('ENOSPC') as string]);
    expect(await log.close()).toEqual({ records: 4, dropped: 3 });
    expect(file.records().slice(1)).toEqual([
      { type: 'log.gap', t: 2 * FLUSH_MS + FLUSH_MS, sinceT: 2 * FLUSH_MS, records: 3, steps: 1, why: 'ENOSPC: no space left on device' },
      expect.objectContaining({ type: 'step', seq: 2 }),
      { type: 'log.closed', t: 4 * FLUSH_MS, records: 3, dropped: 3, lastSeq: 2, actors: 0 },
    ]);
  });

  it('closes on a disk that takes nothing any more', async () => {
    const { log, file, warnings } = await openedLog();
    file.fail('EIO');
    for (let i = 0; i < 20_000; i++) log.listener.fact(fact(i, 'x'.repeat(1000)));
    expect(await log.close()).toEqual({ records: 0, dropped: 20_002 });
    expect(warnings).toHaveLength(1);
    expect(file.isClosed).toBe(true);
  });

  it('does not close for ever on a disk that hangs', async () => {
    const { log, file, clock } = await openedLog();
    file.hang();
    let counts: unknown;
    const closing = log.close().then((found) => (counts = found));
    await settled();
    expect(counts).toBeUndefined();
    clock.increment(CLOSE_MS);
    await closing;
    expect(counts).toEqual({ records: 0, dropped: 0 });
  });

  it('sees that its folder was removed', async () => {
    const runDir = tempFolder();
    const warnings: string[] = [];
    const log = await openEventLog({
      runDir,
      name: 'test',
      runId: 'r1',
      level: 'summary',
      config: { executors: [], policies: {}, replaced: [] },
      clock: new SimulatedClock(),
      warn: (message) => warnings.push(message),
    });
    rmSync(runDir, { recursive: true });
    log.listener.fact(fact(1));
    expect(await log.close()).toEqual({ records: 0, dropped: 3 });
    expect(warnings).toEqual([expect.stringContaining('was removed') as string]);
  });

  it('leaves a log that can be read when the process is killed', async () => {
    const runDir = tempFolder();
    const source = (path: string): string =>
      JSON.stringify(pathToFileURL(fileURLToPath(new URL(`../../src/${path}`, import.meta.url))).href);
    const program = `
      import { openEventLog } from ${source('actors/event-log.ts')};
      import { systemClock } from ${source('actors/timers.ts')};
      const log = await openEventLog({ runDir: ${JSON.stringify(runDir)}, name: 'test', runId: 'r1', level: 'summary', config: { executors: [], policies: {}, replaced: [] }, clock: systemClock });
      for (let n = 1; n <= 1000; n++) log.listener.fact({ type: 'test.fact', atMs: n, data: { n } });
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
      cwd: join(import.meta.dirname, '../..'),
      stdio: 'inherit',
    });
    const exit = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    const events = join(runDir, 'latest', 'events.ndjson');
    await vi.waitUntil(() => existsSync(events) && readFileSync(events, 'utf8').includes('"n":1000'), { timeout: 20_000 });
    child.kill('SIGKILL');
    expect(await exit).toBe('SIGKILL');
    writeFileSync(events, '{"type":"fact","t":10', { flag: 'a' }); // a line that was being written
    const records = await readLog(runDir).toArray();
    expect(records).toHaveLength(1001);
    expect(records.at(-1)).toMatchObject({ type: 'fact', data: { n: 1000 } });
  });
});
