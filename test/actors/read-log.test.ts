/** Reading an event log back: what is right is read however it ended, and what is wrong is named. */
import { once } from 'node:events';
import { createWriteStream, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { EventLogError } from '../../src/index.ts';
import { readLog, storyOf, type LogRecord } from '../../src/api/monitoring.ts';
import { tempFolder } from '../support/log-file.ts';

const config = { executors: [], policies: {}, replaced: [] };
const run = {
  format: 1,
  troupe: '0.1.0',
  name: 'test',
  runId: 'r1',
  level: 'full',
  startedAt: '2026-11-22T20:15:03.007Z',
  pid: 1,
  host: 'here',
  node: 'v20.20.0',
  program: '',
  config,
} as const;
const first: LogRecord = { type: 'log.opened', t: 0, run };
const fact = (n: number): LogRecord => ({ type: 'fact', t: n, fact: 'test', data: { n } });
const text = (...records: readonly (LogRecord | string)[]): string =>
  records.map((record) => `${typeof record === 'string' ? record : JSON.stringify(record)}\n`).join('');

function logOf(contents: string, folder = tempFolder()): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'events.ndjson'), contents);
  return folder;
}

describe('a log', () => {
  it('is found by the folder of its run, by the folder of all runs, and by its file', async () => {
    const runDir = tempFolder();
    const dir = logOf(text(first, fact(1)), join(runDir, '2026-11-22T20-15-03-007-r1'));
    symlinkSync('2026-11-22T20-15-03-007-r1', join(runDir, 'latest'));
    for (const path of [dir, runDir, join(runDir, 'latest'), join(dir, 'events.ndjson')])
      expect(await readLog(path).toArray()).toEqual([first, fact(1)]);
  });

  it('that is not there is an error that says where one would be', async () => {
    const folder = tempFolder();
    await expect(readLog(folder).toArray()).rejects.toThrow(EventLogError);
    await expect(readLog(folder).toArray()).rejects.toMatchObject({
      path: folder,
      message: expect.stringContaining('has no events.ndjson') as string,
    });
    await expect(readLog(join(folder, 'nowhere')).toArray()).rejects.toMatchObject({
      code: 'ERR_EVENT_LOG',
      message: expect.stringContaining('ENOENT') as string,
    });
  });

  it('can be read twice, and left in the middle', async () => {
    const log = readLog(logOf(text(first, fact(1), fact(2))));
    for await (const record of log) if (record.type === 'fact') break;
    expect(await log.toArray()).toHaveLength(3);
  });

  it('ends before a last line that a crash has cut off, inside a character even', async () => {
    const whole = Buffer.from(text(first, { type: 'fact', t: 1, fact: 'test', data: { who: 'Zoë' } }));
    for (let cut = whole.indexOf('\n') + 1; cut < whole.length; cut++) {
      const folder = tempFolder();
      writeFileSync(join(folder, 'events.ndjson'), whole.subarray(0, cut));
      const records = await readLog(folder).toArray();
      expect(records).toHaveLength(cut === whole.length - 1 ? 2 : 1);
    }
  });

  it('with a line that is no record is an error that names the line', async () => {
    for (const [line, why] of [
      ['{"type":"fact","t":1,', 'JSON'],
      ['[]', 'expected object'],
      ['{}', 'type: '],
      ['{"type":"step","seq":0,"t":1,"actor":"t1","event":{"type":"x"},"from":"a","to":"b","causeId":0}', 'seq: '],
      ['{"type":"task.settled","t":1,"task":{"taskId":"t1"}}', 'task.name: '],
      ['\0\0\0\0', 'JSON'],
      ['', 'JSON'],
    ] as const) {
      const folder = logOf(text(first, fact(1), line, fact(2)));
      await expect(readLog(folder).toArray()).rejects.toMatchObject({
        code: 'ERR_EVENT_LOG',
        message: expect.stringMatching(new RegExp(`^line 3 of .* is not a record: .*${why}`)) as string,
      });
    }
  });

  it('is read past such lines by who is lenient, and told of them', async () => {
    const skipped: [number, string][] = [];
    const log = readLog(logOf(text(first, 'garbage', fact(1), '{}', fact(2))), {
      lenient: true,
      onSkipped: (line, why) => skipped.push([line, why]),
    });
    expect(await log.toArray()).toEqual([first, fact(1), fact(2)]);
    expect(skipped.map(([line]) => line)).toEqual([2, 4]);
  });

  it('of a later format is refused', async () => {
    const later = JSON.stringify({ ...first, run: { ...run, format: 2 } });
    await expect(readLog(logOf(text(later))).toArray()).rejects.toThrow('run.format: is of a later version of troupe');
  });

  it('keeps fields that this version does not know', async () => {
    const [record] = await readLog(logOf(text(JSON.stringify({ ...fact(1), more: { a: 1 } })))).toArray();
    expect(record).toEqual({ ...fact(1), more: { a: 1 } });
  });

  it('that lacks a record which it says it has is an error', async () => {
    const closed: LogRecord = { type: 'log.closed', t: 3, records: 3, dropped: 0, lastSeq: 0, actors: 0 };
    expect(await readLog(logOf(text(first, fact(1), fact(2), closed))).toArray()).toHaveLength(4);
    await expect(readLog(logOf(text(first, fact(2), closed))).toArray()).rejects.toThrow('3 records stand before it, and there are 2');
    expect(await readLog(logOf(text(first, fact(2), closed)), { lenient: true }).toArray()).toHaveLength(3);
  });

  it('of 120,000 records is read as a stream', async () => {
    const folder = tempFolder();
    const file = createWriteStream(join(folder, 'events.ndjson'));
    const step = (seq: number): LogRecord => ({
      type: 'step',
      seq,
      t: seq,
      actor: `t${seq}`,
      event: { type: 'try.started', host: 'node' } as { type: string },
      from: 'queued',
      to: 'running',
      causeId: 0,
    });
    file.write(text(first));
    for (let at = 0; at < 120; at++) file.write(text(...Array.from({ length: 1000 }, (_, i) => step(at * 1000 + i + 1))));
    file.end();
    await once(file, 'close');
    let steps = 0;
    for await (const record of readLog(folder)) {
      if (record.type !== 'step') continue;
      if (record.seq !== ++steps) throw new Error(`${record.seq} is not ${steps}`);
    }
    expect(steps).toBe(120_000);
  });
});

describe('a story', () => {
  const step = (seq: number, actor: string, type: string, from: string, to: string): LogRecord => ({
    type: 'step',
    seq,
    t: seq,
    actor,
    event: { type },
    from,
    to,
    causeId: seq - 1,
  });
  const settled: LogRecord = {
    type: 'task.settled',
    t: 9,
    task: {
      taskId: 't1',
      name: 'double',
      identity: 'x#double',
      kind: 'function',
      state: 'done',
      dependsOn: [],
      inputs: 0,
      tries: 1,
      submittedMs: 1,
      startedMs: 2,
      settledMs: 9,
      executor: 'here',
    },
  };

  it('is every step of the task', async () => {
    const records = [
      first,
      step(1, 't1', 'deps.met', 'pending', 'queued'),
      step(2, 't2', 'deps.met', 'pending', 'queued'),
      step(3, 't1', 'try.done', 'queued', 'done'),
      settled,
    ];
    expect(await storyOf(records, 't1')).toEqual([
      { seq: 1, atMs: 1, type: 'deps.met', taskId: 't1', from: 'pending', to: 'queued', causeId: 0, event: { type: 'deps.met' } },
      { seq: 3, atMs: 3, type: 'try.done', taskId: 't1', from: 'queued', to: 'done', causeId: 2, event: { type: 'try.done' } },
    ]);
    expect(await storyOf(records, 't3')).toEqual([]);
  });

  it('says where records are missing', async () => {
    const gap: LogRecord = { type: 'log.gap', t: 5, sinceT: 2, records: 7, steps: 4, why: 'the disk is too slow for it' };
    const story = await storyOf(
      [first, step(1, 't1', 'deps.met', 'pending', 'queued'), gap, step(9, 't1', 'try.done', 'running', 'done')],
      't1',
    );
    expect(story.map(({ type, from, to }) => [type, from, to])).toEqual([
      ['deps.met', 'pending', 'queued'],
      ['log.gap', 'queued', 'queued'],
      ['try.done', 'running', 'done'],
    ]);
    expect(story[1]?.event).toEqual({ type: 'log.gap', records: 7, why: 'the disk is too slow for it' });
  });

  it('is of the digest at level summary', async () => {
    expect((await storyOf([first, fact(1), settled], 't1')).map(({ atMs, type, to }) => [atMs, type, to])).toEqual([
      [1, 'task.submitted', 'pending'],
      [2, 'try.started', 'running'],
      [9, 'task.settled', 'done'],
    ]);
  });
});
