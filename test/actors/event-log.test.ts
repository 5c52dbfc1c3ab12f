/** The event log: whose it is, and what is in it. */
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { SimulatedClock } from 'xstate';

import { digestLines } from '../../src/actors/digest-line.ts';
import { openEventLog, type EventLog } from '../../src/actors/event-log.ts';
import type { RunInfo } from '../../src/actors/log-records.ts';
import { systemClock, type Clock } from '../../src/actors/timers.ts';
import { ConfigError, shell, task, Troupe } from '../../src/index.ts';
import { taskMachine } from '../../src/api/machines.ts';
import { readLog } from '../../src/api/monitoring.ts';
import type { TaskDigest } from '../../src/machines/model/story.ts';
import { openedLog, settled, tempFolder } from '../support/log-file.ts';
import { manualExecutor } from '../support/manual-executor.ts';

const double = task(import.meta, 'double', (n: number) => 2 * n);
const say = shell(import.meta, 'say', () => 'echo hello');

const digest = (taskId: string): TaskDigest => ({
  taskId,
  name: 'double',
  identity: 'troupe/test/actors/event-log.test.ts#double',
  kind: 'function',
  state: 'done',
  dependsOn: [],
  inputs: 0,
  tries: 1,
  submittedMs: 1,
  settledMs: 2,
});

describe('the folder of a run', () => {
  const at = (date: string, runDir: string, runId: string): Promise<EventLog> =>
    openEventLog({
      runDir,
      name: 'test',
      runId,
      level: 'summary',
      config: { executors: [], policies: {}, replaced: [] },
      clock: systemClock,
      date: () => new Date(date),
    });

  it('sorts by time, and is what latest points to', async () => {
    const runDir = join(tempFolder(), 'runs', 'here');
    const one = await at('2026-11-22T20:15:03.007Z', runDir, 'zzz');
    const other = await at('2026-11-22T20:15:03.010Z', runDir, 'aaa');
    expect(readdirSync(runDir)).toEqual(['2026-11-22T20-15-03-007-zzz', '2026-11-22T20-15-03-010-aaa', 'latest']);
    expect([one.dir, other.dir]).toEqual([join(runDir, '2026-11-22T20-15-03-007-zzz'), join(runDir, '2026-11-22T20-15-03-010-aaa')]);
    expect(readlinkSync(join(runDir, 'latest'))).toBe('2026-11-22T20-15-03-010-aaa');
    await Promise.all([one.close(), other.close()]);
  });

  it('is never shared, and the link never missing, when many start at once', async () => {
    const runDir = tempFolder();
    const logs = await Promise.all(Array.from({ length: 8 }, () => at('2026-11-22T20:15:03.007Z', runDir, 'same')));
    expect(new Set(logs.map(({ dir }) => dir)).size).toBe(8);
    expect(readdirSync(runDir)).toHaveLength(9);
    expect(existsSync(join(runDir, 'latest', 'run.json'))).toBe(true);
    await Promise.all(logs.map((log) => log.close()));
  });

  it('leaves alone what is called latest and is no link', async () => {
    const runDir = tempFolder();
    mkdirSync(join(runDir, 'latest'));
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const log = await at('2026-11-22T20:15:03.007Z', runDir, 'r1');
    await log.close();
    expect(warned.mock.calls).toEqual([[expect.stringContaining('latest is there, and not a link'), { code: 'TROUPE_LOG' }]]);
    warned.mockRestore();
    expect(readdirSync(join(runDir, 'latest'))).toEqual([]);
  });

  it('says in run.json whose it is, without arguments that may be secret', async () => {
    process.argv.push('--token=hunter2');
    const log = await at('2026-11-22T20:15:03.007Z', tempFolder(), 'r1');
    process.argv.pop();
    await log.close();
    const text = readFileSync(join(log.dir, 'run.json'), 'utf8');
    expect(text).not.toContain('hunter2');
    expect(JSON.parse(text) as RunInfo).toMatchObject({
      format: 1,
      troupe: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
      name: 'test',
      runId: 'r1',
      level: 'summary',
      startedAt: '2026-11-22T20:15:03.007Z',
      pid: process.pid,
      node: process.version,
    });
  });

  it('that cannot be made is an error of the configuration', async () => {
    const file = join(tempFolder(), 'file');
    writeFileSync(file, '');
    await expect(Troupe.start({ runDir: join(file, 'runs'), executors: [manualExecutor()] })).rejects.toThrow(ConfigError);
    await expect(Troupe.start({ runDir: join(file, 'runs'), executors: [manualExecutor()] })).rejects.toMatchObject({
      field: 'runDir',
      message: expect.stringContaining('ENOTDIR') as string,
    });
  });
});

describe('what is written', () => {
  it('at level summary is a record a settled task and a record a fact', async () => {
    const { log, file } = await openedLog();
    expect(Object.keys(log.listener).toSorted()).toEqual(['fact', 'settled']);
    log.listener.fact({ type: 'executor.state', atMs: 3, data: { executor: 'here', state: 'ready' } });
    log.listener.settled(digest('t1'));
    expect(await log.close()).toEqual({ records: 4, dropped: 0 });
    expect(await log.close()).toEqual({ records: 4, dropped: 0 });
    expect(file.isClosed).toBe(true);
    expect(file.records()).toEqual([
      { type: 'log.opened', t: 0, run: expect.objectContaining({ runId: 'r1' }) as RunInfo },
      { type: 'fact', t: 3, fact: 'executor.state', data: { executor: 'here', state: 'ready' } },
      { type: 'task.settled', t: 2, task: digest('t1') },
      { type: 'log.closed', t: 0, records: 3, dropped: 0, lastSeq: 0, actors: 0 },
    ]);
  });

  it('at level full is each step, actor and dead letter too', async () => {
    const { log, file } = await openedLog('full');
    const { step, spawned, deadLetter } = log.listener;
    spawned?.({ actorId: 't1', machine: 'task', input: { retries: Infinity, name: 'a "b"' }, causeId: 0 }, 1);
    step?.({ seq: 1, causeId: 0, actorId: 'executor/a "b"', event: { type: 'x', why: 'ü\n' } as { type: string }, from: 'a', to: 'b' }, 2);
    step?.({ seq: 2, causeId: 1, actorId: 't1', event: { type: 'y' }, from: 'a', to: 'a', failed: true }, 2.5);
    deadLetter?.({ seq: 3, causeId: 2, actorId: 't1', event: { type: 'z' } }, 4);
    await log.close();
    expect(file.records().slice(1)).toEqual([
      { type: 'actor.spawned', t: 1, actor: 't1', machine: 'task', input: { retries: Infinity, name: 'a "b"' }, causeId: 0 },
      { type: 'step', seq: 1, t: 2, actor: 'executor/a "b"', event: { type: 'x', why: 'ü\n' }, from: 'a', to: 'b', causeId: 0 },
      { type: 'step', seq: 2, t: 2.5, actor: 't1', event: { type: 'y' }, from: 'a', to: 'a', causeId: 1, failed: true },
      { type: 'actor.deadLetter', seq: 3, t: 4, actor: 't1', event: { type: 'z' }, causeId: 2 },
      { type: 'log.closed', t: 0, records: 5, dropped: 0, lastSeq: 3, actors: 1 },
    ]);
  });

  it('of what tasks print is how much it was', async () => {
    const { log, file } = await openedLog();
    const print = (taskId: string, stream: string, text: string): void =>
      log.listener.fact({ type: 'task.output', atMs: 1, data: { taskId, name: 'say', stream, text } });
    print('t1', 'stdout', 'sécret');
    print('t1', 'stderr', 'oh');
    print('t1', 'stdout', '!');
    log.listener.settled(digest('t1'));
    log.listener.settled(digest('t2'));
    await log.close();
    expect(file.records().slice(1, -1)).toEqual([
      { type: 'task.settled', t: 2, task: digest('t1'), output: { stdout: 8, stderr: 2 } },
      { type: 'task.settled', t: 2, task: digest('t2') },
    ]);
  });

  it('of a settled task is all of its digest', () => {
    const name = fc.string({ unit: 'binary' });
    const at = fc.double({ noNaN: true, noDefaultInfinity: true }).map((ms) => ms + 0); // JSON has no -0
    const digests: fc.Arbitrary<TaskDigest> = fc.record(
      {
        taskId: name,
        name,
        identity: name,
        kind: fc.constantFrom('function', 'shell', 'join'),
        state: fc.constantFrom('done', 'failed', 'depFailed', 'cancelled'),
        dependsOn: fc.array(name),
        inputs: fc.nat(),
        tries: fc.nat(),
        submittedMs: at,
        settledMs: at,
        parentId: name,
        startedMs: at,
        executor: name,
        place: fc.record({ host: name, worker: name }),
        timeRequestMs: at,
        key: name,
        failure: fc.record({ kind: fc.constant('app' as const), name, message: name, tryIndex: fc.nat() }),
        bytes: fc.nat(),
      },
      { requiredKeys: ['taskId', 'name', 'identity', 'kind', 'state', 'dependsOn', 'inputs', 'tries', 'submittedMs', 'settledMs'] },
    );
    fc.assert(
      fc.property(digests, (task) => {
        expect(JSON.parse(digestLines()(task, undefined))).toEqual(
          JSON.parse(JSON.stringify({ type: 'task.settled', t: task.settledMs, task })),
        );
      }),
    );
  });

  it('is never a line that a reader would choke on', async () => {
    const { log, file } = await openedLog('full');
    const circular: Record<string, unknown> = { n: 1n, list: new Map([['a', new Set([1])]]) };
    circular['self'] = circular;
    log.listener.settled({ ...digest('t1'), key: 'k'.repeat(1_000_000) });
    log.listener.fact({ type: 'task.progress', atMs: 1, data: { taskId: 't1', progress: circular } });
    log.listener.fact({ type: 'task.progress', atMs: 1, data: { taskId: 't1', progress: 'p'.repeat(1_000_000) } });
    log.listener.step?.(
      {
        seq: 1,
        causeId: 0,
        actorId: 't1',
        event: { type: 'retry.decided', decision: { again: true, why: circular } } as { type: string },
        from: 'a',
        to: 'b',
      },
      1,
    );
    await log.close();
    const [, long, foreign, cut, step] = file.records();
    expect(long).toMatchObject({ task: { taskId: 't1', key: `${'k'.repeat(1000)}…` } });
    expect(foreign).toMatchObject({ data: { progress: { n: '1n', list: [['a', [1]]], self: '(circular)' } } });
    expect(cut).toMatchObject({ cut: true, data: { taskId: 't1', progress: `${'p'.repeat(1000)}…` } });
    expect(step).toMatchObject({ event: { type: 'retry.decided', decision: { again: true } } });
    expect(Math.max(...file.records().map((record) => JSON.stringify(record).length))).toBeLessThan(10_000);
  });
});

describe('a troupe', () => {
  const clockOf = (): Clock => new SimulatedClock();

  it('writes nothing without runDir', async () => {
    const troupe = await Troupe.start({ executors: [manualExecutor()], log: 'full' });
    expect(troupe.runDir).toBeUndefined();
    await troupe.close();
  });

  it('keeps its log, and the files of its streams, in the folder of the run', async () => {
    const runDir = tempFolder();
    const executor = manualExecutor();
    const troupe = await Troupe.start({ executors: [executor], runDir, clock: clockOf() });
    expect(troupe.runDir).toBe(join(runDir, readlinkSync(join(runDir, 'latest'))));
    const said = say.with({ stdout: { auto: true } })();
    const attempt = executor.take();
    expect(attempt.shell?.stdout?.path).toBe(`${troupe.runDir}/task_logs/0000/task_t1_say.stdout`);
    executor.started(attempt);
    executor.done(attempt, '');
    await said;
    await troupe.close();
  });

  it('says how it began and how it ended, and closes its log after all else', async () => {
    const runDir = tempFolder();
    const executor = manualExecutor();
    const retry = { kind: 'retry' as const, name: 'mine', decide: () => ({ again: false as const }) };
    const machines = { task: taskMachine.provide({ guards: { shouldRetry: () => false } }) };
    const troupe = await Troupe.start({ name: 'mine', executors: [executor], runDir, clock: clockOf(), policies: { retry }, machines });
    await settled(); // the executor is ready
    const doubled = double(1);
    executor.done(executor.take(), 2);
    await doubled;
    await troupe.close();
    const records = await readLog(runDir).toArray();
    expect(records.map((record) => (record.type === 'fact' ? record.fact : record.type))).toEqual([
      'log.opened',
      'troupe.started',
      'executor.state',
      'task.settled',
      'executor.state',
      'executor.state',
      'troupe.closed',
      'log.closed',
    ]);
    expect(records[0]).toMatchObject({
      run: {
        name: 'mine',
        config: {
          executors: [{ label: 'manual', kind: 'manual' }],
          policies: { retry: 'mine', routing: 'leastLoaded', dependency: 'fail' },
          replaced: ['task.guards.shouldRetry'],
        },
      },
    });
    expect(records.at(-2)).toMatchObject({ data: { counts: { done: 1, failed: 0, depFailed: 0, cancelled: 0 } } });
  });

  it('that does not start closes its log', async () => {
    const runDir = tempFolder();
    const machines = { task: taskMachine.provide({ actions: { submitTry: () => {} } }) };
    await expect(Troupe.start({ executors: [manualExecutor()], runDir, machines })).rejects.toThrow(ConfigError);
    expect((await readLog(runDir).toArray()).map(({ type }) => type)).toEqual(['log.opened', 'log.closed']);
  });
});
