/** What every executor does, whatever runs its tries: `describe('threads', () => conformsToExecutor(…))`. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import type { ExecutorPlugin, TryReport } from '../../src/actors/executors/port.ts';
import { MissingOutputsError, SerializationError, ShellExitError, TaskNotFoundError, UnroutableError } from '../../src/machines/model/errors.ts';
import { bench, isEnd, type Bench } from '../support/executor-bench.ts';
import { members } from '../support/shell.ts';
import { anyValue, difference } from '../support/values.ts';

/** How the executor under test is made. */
export interface ExecutorSetup {
  readonly workers: number;
  readonly outputBytes: number;
}

export interface ExecutorCapabilities {
  /** It ends a try whose function holds its thread and never looks at its signal. */
  readonly kills: boolean;
}

const GRACE_MS = 5000;
const AT_ONCE_MS = 50;

export function conformsToExecutor(make: (setup: ExecutorSetup) => ExecutorPlugin, capabilities: ExecutorCapabilities): void {
  let opened: Bench[] = [];
  const open = (setup: Partial<ExecutorSetup> = {}, onReport?: (report: TryReport) => void): Bench => {
    const one = bench(make({ workers: 2, outputBytes: 65_536, ...setup }), onReport);
    opened.push(one);
    return one;
  };
  afterEach(async () => {
    await Promise.all(opened.map((one) => one.close()));
    opened = [];
  });

  describe('values', () => {
    it('gives a task function its arguments and brings its result back', async () => {
      const { submit, result } = open();
      expect(await result(submit('add', [20, 22]))).toBe(42);
      expect(await result(submit('noop'))).toBeUndefined();
    });

    it('carries every value of the contract there and back', async () => {
      const { submit, result } = open();
      await fc.assert(
        fc.asyncProperty(anyValue, async (value) => {
          expect(difference(value, await result(submit('echo', [value])))).toBeUndefined();
        }),
        { numRuns: 50 },
      );
    });

    it('carries a result of several megabytes', async () => {
      const { submit, result } = open();
      const numbers = Float64Array.from({ length: 500_000 }, (_, i) => i / 3);
      expect(difference(numbers, await result(submit('echo', [numbers])))).toBeUndefined();
    });

    it.each([
      ['giveFunction', 'result.deep[0]'],
      ['giveGenerator', 'result'],
      ['giveStream', 'result'],
    ])('refuses what %s returns, and says where it is', async (name, path) => {
      const { submit, end, decode } = open();
      const report = await end(submit(name));
      expect(report).toMatchObject({ type: 'try.failed', kind: 'serialization' });
      const error = report.type === 'try.failed' ? decode(report.error) : undefined;
      expect(error).toBeInstanceOf(SerializationError);
      expect(error).toMatchObject({ side: 'result', path });
    });

    it('refuses arguments that it cannot read', async () => {
      const { submit, end, decode } = open();
      const report = await end(submit('echo', [], { args: { bytes: new Uint8Array([0xff, 0xff]) } }));
      expect(report).toMatchObject({ type: 'try.failed', kind: 'serialization' });
      expect(report.type === 'try.failed' && decode(report.error)).toMatchObject({ code: 'ERR_SERIALIZATION', side: 'arguments' });
    });
  });

  describe('reports', () => {
    it('says that a try has started and where, then what it does, then how it ended, once', async () => {
      const { submit, end, of } = open();
      const lease = submit('report');
      await end(lease);
      expect(of(lease).map(({ type }) => type)).toEqual(['try.started', 'try.progress', 'try.progress', 'try.done']);
      const [started] = of(lease);
      expect(started).toMatchObject({ place: { host: expect.any(String), worker: expect.any(String) } });
      expect(of(lease).at(-1)).toMatchObject({ place: (started as { place: unknown }).place });
    });

    it('carries progress, and refuses progress that cannot cross', async () => {
      const { submit, end, of } = open();
      const lease = submit('report');
      await end(lease);
      expect(of(lease).flatMap((report) => (report.type === 'try.progress' ? [report.progress] : []))).toEqual([{ done: 1 }, { done: 2 }]);
      expect(await end(submit('reportFunction'))).toMatchObject({ type: 'try.failed', kind: 'app' });
    });

    it('tells a task function about its try', async () => {
      const { submit, result } = open();
      const lease = submit('describe', [], { tryIndex: 3, resources: { cores: 1, memoryBytes: 1000 } });
      expect(await result(lease)).toEqual({ ...lease, isAborted: false, resources: { cores: 1, memoryBytes: 1000 }, accelerators: [], workDir: process.cwd() });
    });

    it('ends each of 1,000 tries once', async () => {
      const { submit, result, reports } = open();
      const leases = Array.from({ length: 1000 }, (_, i) => submit('echo', [i]));
      expect(await Promise.all(leases.map(result))).toEqual(leases.map((_, i) => i));
      expect(new Set(reports.filter(isEnd).map(({ taskId }) => taskId)).size).toBe(1000);
      expect(reports.filter(isEnd)).toHaveLength(1000);
    });
  });

  describe('failures', () => {
    it('brings the error of a task function with its class, fields and cause', async () => {
      const { submit, end, decode } = open();
      const report = await end(submit('fail', ['too far']));
      expect(report).toMatchObject({ type: 'try.failed', kind: 'app' });
      const error = report.type === 'try.failed' ? (decode(report.error) as Error) : undefined;
      expect(error).toBeInstanceOf(RangeError);
      expect(error?.message).toBe('too far');
      expect(error?.cause).toBeInstanceOf(TypeError);
      expect(error?.stack).toContain('tasks.mjs');
    });

    it('brings whatever else is thrown', async () => {
      const { submit, result } = open();
      await expect(result(submit('throwText'))).rejects.toBe('just text');
      await expect(result(submit('throwFunction'))).rejects.toMatchObject({ code: 'ERR_REMOTE' });
    });

    it.each([
      ['a module that does not define the task function', 'empty.mjs', /empty\.mjs#other/],
      ['a module that cannot be imported', 'broken.mjs', /this module does not load/],
      ['a module that is not there', 'nowhere.mjs', /nowhere\.mjs/],
    ])('never retries %s, and says what there was', async (_, file, message) => {
      const { submit, end, decode } = open();
      const report = await end(submit('missing', [], { moduleUrl: new URL(`../fixtures/${file}`, import.meta.url).href }));
      expect(report).toMatchObject({ type: 'try.failed', kind: 'unroutable' });
      const error = report.type === 'try.failed' ? decode(report.error) : undefined;
      expect(error).toBeInstanceOf(TaskNotFoundError);
      expect((error as Error).message).toMatch(message);
    });
  });

  describe('console output', () => {
    const textOf = (reports: readonly TryReport[]): string => reports.flatMap((report) => (report.type === 'try.output' ? [`${report.stream}:${report.text}`] : [])).join('');

    it('is reported as it comes, before the end of the try', async () => {
      const { submit, end, of } = open();
      const lease = submit('print', ['out', 'err\n']);
      await end(lease);
      expect(textOf(of(lease))).toContain('stderr:err\n');
      expect(of(lease).at(-1)).toMatchObject({ type: 'try.done' });
    });

    it('is cut at its budget, and one line says how much was dropped', async () => {
      const { submit, end, of } = open({ outputBytes: 1000 });
      const lease = submit('printMuch', [100_000]);
      await end(lease);
      expect(textOf(of(lease))).toMatch(/… 99000 bytes more were dropped/);
      expect(textOf(of(lease)).length).toBeLessThan(1500);
    });

    it('leaves its last 4 kB with a failure', async () => {
      const { submit, end } = open({ outputBytes: 100 });
      const report = await end(submit('printAndFail', [10_000]));
      const { output = '' } = report as { readonly output?: string };
      expect(output.endsWith('line 9998\nline 9999\n')).toBe(true);
      expect(output.length).toBeGreaterThan(4000);
      expect(Buffer.byteLength(output)).toBeLessThanOrEqual(4096);
    });

    it('is kept apart for tries that run at once', async () => {
      const { submit, end, of } = open();
      const leases = Array.from({ length: 20 }, (_, i) => submit('print', [`out ${i}`, `err ${i}\n`]));
      await Promise.all(leases.map(end));
      for (const [i, lease] of leases.entries()) expect(textOf(of(lease))).toContain(`stderr:err ${i}\n`);
    });
  });

  describe('order and load', () => {
    it('starts larger priorities first, then first in first out', async () => {
      const { submit, end, reports, until, executor } = open({ workers: 1 });
      const blocker = submit('untilAborted');
      await until(blocker, 'try.progress');
      const leases = [0, 5, 0, -1, 5, 10].map((priority, i) => submit('echo', [i], { priority, taskId: `p${i}` }));
      executor.stop(blocker, 'go on', GRACE_MS);
      await Promise.all(leases.map(end));
      expect(reports.flatMap((report) => (report.type === 'try.started' && report.taskId.startsWith('p') ? [report.taskId] : []))).toEqual(['p5', 'p1', 'p4', 'p0', 'p2', 'p3']);
    });

    it('counts what is queued and what runs, and says why a try waits', async () => {
      const { submit, until, end, executor } = open();
      await executor.ready;
      expect(executor.load()).toEqual({ queued: 0, running: 0, slots: 2 });
      const busy = [submit('untilAborted'), submit('untilAborted')];
      await Promise.all(busy.map((lease) => until(lease, 'try.progress')));
      const waiting = [submit('noop'), submit('noop')];
      expect(executor.load()).toEqual({ queued: 2, running: 2, slots: 2 });
      expect(executor.why(waiting[0] as never)).toMatch(/all 2 workers are busy/);
      expect(executor.why(waiting[1] as never)).toMatch(/1 try is ahead/);
      expect(executor.why(busy[0] as never)).toBeUndefined();
      for (const lease of busy) executor.stop(lease, undefined, GRACE_MS);
      await Promise.all([...busy, ...waiting].map(end));
      expect(executor.load()).toEqual({ queued: 0, running: 0, slots: 2 });
    });

    it('gives a try the cores that it asks for, and lets no smaller one overtake it', async () => {
      const { submit, until, end, executor, reports } = open();
      const first = submit('untilAborted');
      await until(first, 'try.progress');
      const wide = submit('noop', [], { resources: { cores: 2 }, taskId: 'wide' });
      const narrow = submit('noop', [], { taskId: 'narrow' });
      expect(executor.why(wide)).toMatch(/cores: asks for 2, 1 of 2 free/);
      executor.stop(first, undefined, GRACE_MS);
      await Promise.all([wide, narrow].map(end));
      expect(reports.filter(isEnd).map(({ taskId }) => taskId)).toEqual([first.taskId, 'wide', 'narrow']);
    });

    it('refuses at once what could never run', async () => {
      const { submit, result, executor } = open();
      expect(executor.misfit({ cores: 2 })).toBeUndefined();
      expect(executor.misfit({ cores: 3 })).toMatch(/cores: asks for 3, has 2/);
      expect(executor.misfit({ gpus: 1 })).toMatch(/gpus/);
      expect(executor.misfit({ nodes: 2 })).toMatch(/one node/);
      await expect(result(submit('noop', [], { resources: { cores: 3 } }))).rejects.toThrow(UnroutableError);
    });
  });

  describe('stopping', () => {
    it('takes a try out of the queue at once', async () => {
      const { submit, until, of, end, executor } = open({ workers: 1 });
      const blocker = submit('untilAborted');
      await until(blocker, 'try.progress');
      const queued = submit('noop');
      executor.stop(queued, undefined, GRACE_MS);
      expect(of(queued)).toEqual([{ type: 'try.stopped', ...queued }]);
      executor.stop(blocker, undefined, GRACE_MS);
      await end(blocker);
    });

    it('aborts the signal of a try that runs, with the reason', async () => {
      const { submit, until, end, executor } = open();
      const lease = submit('untilAborted');
      await until(lease, 'try.progress');
      executor.stop(lease, new RangeError('enough'), GRACE_MS);
      expect(await end(lease)).toMatchObject({ type: 'try.stopped' });
    });

    it('drops a result that comes after the abort', async () => {
      const { submit, until, end, executor } = open();
      const lease = submit('ignoreThenReturn');
      await until(lease, 'try.progress');
      executor.stop(lease, undefined, GRACE_MS);
      expect(await end(lease)).toMatchObject({ type: 'try.stopped' });
    });

    it('does not wait longer than the grace for a function that ignores its signal', async () => {
      const { submit, until, end, result, executor } = open({ workers: 1 });
      const lease = submit('ignoreAbort');
      await until(lease, 'try.progress');
      executor.stop(lease, undefined, AT_ONCE_MS);
      expect(await end(lease)).toMatchObject({ type: 'try.stopped' });
      expect(await result(submit('add', [1, 1]))).toBe(2);
    });

    it.runIf(capabilities.kills)('ends a function that never gives its thread back', async () => {
      const { submit, until, end, result, executor } = open({ workers: 1 });
      const lease = submit('spin');
      await until(lease, 'try.progress');
      executor.stop(lease, undefined, AT_ONCE_MS);
      expect(await end(lease)).toMatchObject({ type: 'try.stopped' });
      expect(await result(submit('add', [1, 1]))).toBe(2);
    });

    it('does nothing for a try that has ended', async () => {
      const { submit, end, of, result, executor } = open();
      const lease = submit('noop');
      await end(lease);
      executor.stop(lease, undefined, 0);
      executor.stop({ taskId: 'nobody', tryIndex: 0 }, undefined, 0);
      expect(await result(submit('add', [1, 1]))).toBe(2);
      expect(of(lease).filter(isEnd)).toHaveLength(1);
    });
  });

  describe('commands', () => {
    let folder = '';
    const file = (name: string): string => {
      folder = folder === '' ? mkdtempSync(join(tmpdir(), 'troupe-executor-')) : folder;
      return join(folder, name);
    };
    afterEach(() => {
      if (folder !== '') rmSync(folder, { recursive: true, force: true });
      folder = '';
    });

    it('gives what a command has written, or what parse makes of it', async () => {
      const { submit, result, end } = open();
      expect(await result(submit('say', ["it's"]))).toMatchObject({ exitCode: 0, stdout: "it's", stderr: '' });
      expect(await result(submit('count', [12]))).toBe(12);
      expect(await end(submit('misparse'))).toMatchObject({ type: 'try.failed', kind: 'app' });
    });

    it('fails with the exit code and the last words of a command', async () => {
      const { submit, end, decode } = open();
      const report = await end(submit('exitWith', [7]));
      expect(report).toMatchObject({ type: 'try.failed', kind: 'app', output: 'to stderr\n' });
      const error = report.type === 'try.failed' ? decode(report.error) : undefined;
      expect(error).toBeInstanceOf(ShellExitError);
      expect(error).toMatchObject({ exitCode: 7, stderr: 'to stderr\n' });
    });

    it('checks that declared outputs are there', async () => {
      const { submit, result } = open();
      const there = file('there');
      await result(submit('say', ['x'], { shell: { stdout: { path: there, mode: 'truncate' } }, outputs: [there] }));
      await expect(result(submit('say', ['x'], { outputs: [file('missing')] }))).rejects.toThrow(MissingOutputsError);
      await expect(result(submit('noop', [], { outputs: [file('missing')] }))).rejects.toThrow(MissingOutputsError);
    });

    it.each(['sleepLong', 'sleepStubbornly'])('ends the process group of %s', async (name) => {
      const { submit, until, end, executor } = open();
      const lease = submit(name, [file('pid')]);
      await until(lease, 'try.output');
      const pid = Number(readFileSync(file('pid'), 'utf8'));
      executor.stop(lease, undefined, AT_ONCE_MS);
      expect(await end(lease)).toMatchObject({ type: 'try.stopped' });
      expect(members(pid)).toEqual([]);
    });

    it('leaves no process group behind when it is closed', async () => {
      const { submit, until, close } = open();
      const lease = submit('sleepStubbornly', [file('pid')]);
      await until(lease, 'try.output');
      const pid = Number(readFileSync(file('pid'), 'utf8'));
      await close();
      expect(members(pid)).toEqual([]);
    });
  });

  describe('closing', () => {
    it('answers for every try it has, and for those that come later', async () => {
      const { submit, until, of, close } = open({ workers: 1 });
      const running = submit('ignoreAbort');
      await until(running, 'try.progress');
      const queued = [submit('noop'), submit('noop')];
      await close();
      for (const lease of [running, ...queued]) expect(of(lease).filter(isEnd)).toEqual([{ type: 'try.stopped', ...lease }]);
      expect(of(submit('noop')).map(({ type }) => type)).toEqual(['try.stopped']);
    });

    it('reports nothing about earlier tries once it is closed', async () => {
      let isClosed = false;
      const late: TryReport[] = [];
      const { submit, until, end, close } = open({}, (report) => {
        if (isClosed) late.push(report);
      });
      await end(submit('printLate'));
      await until(submit('ignoreThenReturn'), 'try.progress');
      await close();
      isClosed = true;
      await new Promise((resolve) => setImmediate(resolve));
      expect(late).toEqual([]);
    });

    it('leaves nothing that keeps the process alive, and no patch', async () => {
      const before = process.getActiveResourcesInfo();
      const writes = [process.stdout.write, process.stderr.write];
      const { submit, result, until, close } = open();
      await result(submit('print', ['', '']));
      await until(submit('untilAborted'), 'try.progress');
      await close();
      expect(beyond(process.getActiveResourcesInfo(), before)).toEqual([]);
      expect([process.stdout.write, process.stderr.write]).toEqual(writes);
    });

    it('can be closed before it is ready, and twice', async () => {
      const { close } = open();
      await close();
      await close();
    });

    it('is opened any number of times from one description', async () => {
      const plugin = make({ workers: 1, outputBytes: 1000 });
      const two = [bench(plugin), bench(plugin)];
      opened.push(...two);
      expect(await Promise.all(two.map(({ submit, result }) => result(submit('add', [1, 2]))))).toEqual([3, 3]);
    });
  });
}

/** What is in `after` more often than in `before`. */
function beyond(after: readonly string[], before: readonly string[]): readonly string[] {
  const rest = [...before];
  return after.filter((one) => {
    const at = rest.indexOf(one);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}
