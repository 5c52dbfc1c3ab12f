/** What only `threads()` does, beside what every executor does. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';

import { threadsExecutor } from '../../../src/actors/executors/threads.ts';
import { threads } from '../../../src/api/executors.ts';
import { ConfigError, ExecutorError, WorkerLostError } from '../../../src/machines/model/errors.ts';
import { conformsToExecutor } from '../../conformance/executor.ts';
import { bench, fixtureUrl, type Bench } from '../../support/executor-bench.ts';
import { members } from '../../support/shell.ts';

describe('threads', () => {
  conformsToExecutor((setup) => threads(setup), { kills: true });

  let opened: Bench[] = [];
  const open = (...args: Parameters<typeof bench>): Bench => {
    const one = bench(...args);
    opened.push(one);
    return one;
  };
  afterEach(async () => {
    await Promise.all(opened.map(({ close }) => close()));
    opened = [];
  });

  describe('a thread that ends', () => {
    it.each([
      ['exits', 'exit', [3], 'workerLost', /exited with code: 3/],
      ['exits with 0', 'exit', [0], 'workerLost', /exited with code: 0/],
      ['throws outside of its task function', 'crash', [], 'workerLost', /out of nowhere/],
      ['has no memory left', 'hoard', [], 'oom', /no memory left/],
    ])('because it %s fails its try, and another comes up', async (_, name, args, kind, message) => {
      const { submit, end, decode, result } = open(threads({ workers: 1, resourceLimits: { maxOldGenerationSizeMb: 64 } }));
      const lost = await end(submit(name, args));
      expect(lost).toMatchObject({ type: 'try.failed', kind, place: { worker: expect.any(String) } });
      const error = lost.type === 'try.failed' ? decode(lost.error) : undefined;
      expect(error).toBeInstanceOf(WorkerLostError);
      expect((error as Error).message).toMatch(message);
      expect(await result(submit('add', [1, 1]))).toBe(2);
    });

    it('leaves what it had printed with the failure', async () => {
      const { submit, end } = open(threads({ workers: 1 }));
      expect(await end(submit('exit', [1]))).toMatchObject({ type: 'try.failed', output: 'last words\n' });
    });

    it('takes only its own try along', async () => {
      const { submit, until, end, executor } = open(threads({ workers: 2 }));
      const other = submit('untilAborted');
      await until(other, 'try.progress');
      expect(await end(submit('exit', [1]))).toMatchObject({ kind: 'workerLost' });
      executor.stop(other, undefined, 5000);
      expect(await end(other)).toMatchObject({ type: 'try.stopped' });
    });

    it('leaves no process group of a command behind', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'troupe-threads-'));
      const pidFile = join(folder, 'pid');
      const { submit, end } = open(threads({ workers: 1 }));
      expect(await end(submit('crashWhileCommandRuns', [pidFile]))).toMatchObject({ kind: 'workerLost' });
      expect(members(Number(readFileSync(pidFile, 'utf8')))).toEqual([]);
      rmSync(folder, { recursive: true });
    });
  });

  it('leaves no process group of a command behind when the process exits', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'troupe-threads-'));
    const pidFile = join(folder, 'pid');
    const script = fileURLToPath(new URL('./scripts/exit-while-running.mjs', fixtureUrl));
    const { NODE_OPTIONS: _, ...env } = process.env;
    await promisify(execFile)(process.execPath, [script, pidFile], { env });
    expect(members(Number(readFileSync(pidFile, 'utf8')))).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it('attributes console.log of a thread to its try', async () => {
    const { submit, end, of } = open(threads({ workers: 1 }));
    const lease = submit('log', ['a', { b: 1 }]);
    await end(lease);
    expect(of(lease)).toContainEqual({ type: 'try.output', ...lease, stream: 'stdout', text: 'a { b: 1 }\n' });
  });

  it('runs tries in as many threads as it has workers', async () => {
    const { submit, until, end, executor, reports } = open(threads({ workers: 3 }));
    const leases = [submit('untilAborted'), submit('untilAborted'), submit('untilAborted')];
    await Promise.all(leases.map((lease) => until(lease, 'try.progress')));
    const workers = reports.flatMap((report) => (report.type === 'try.started' ? [report.place.worker] : []));
    expect(new Set(workers).size).toBe(3);
    for (const lease of leases) executor.stop(lease, undefined, 5000);
    await Promise.all(leases.map(end));
  });

  it('lays env over the environment of the driver', async () => {
    const { submit, result } = open(threads({ workers: 1, env: { TROUPE_TEST: 'yes' } }));
    expect(await result(submit('environment', ['TROUPE_TEST']))).toBe('yes');
    expect(await result(submit('environment', ['PATH']))).toBe(process.env['PATH']);
  });

  it('gives up, and says why, when its threads cannot start', async () => {
    const program = new URL('./not-there.mjs', fixtureUrl);
    const { executor, submit, result } = open(
      threadsExecutor({ label: 'broken', workers: 2, loader: 'auto', outputBytes: 0, resourceLimits: undefined, env: {}, program }),
    );
    const early = submit('noop');
    await expect(executor.ready).rejects.toThrow(ExecutorError);
    await expect(executor.ready).rejects.toThrow(/not-there\.mjs/);
    await expect(result(early)).rejects.toThrow(ExecutorError);
    await expect(result(submit('noop'))).rejects.toThrow(ExecutorError);
  });

  it.each([
    [{ workers: 0 }, 'workers'],
    [{ label: '' }, 'label'],
    [{ loader: 'ts-node' }, 'loader'],
    [{ resourceLimits: { maxOldGenerationSizeMb: '1' } }, 'resourceLimits.maxOldGenerationSizeMb'],
    [{ thread: 2 }, 'thread'],
  ])('refuses %j, naming the field', (options, field) => {
    expect(() => threads(options as never)).toThrow(ConfigError);
    expect(() => threads(options as never)).toThrow(expect.objectContaining({ field }) as Error);
  });
});
