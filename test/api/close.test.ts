/** The end of a troupe: what it waits for, what it cancels, what it says, and that nothing is left. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { CancelledError, ClosedError, join, task } from '../../src/index.ts';
import { manualExecutor } from '../support/manual-executor.ts';
import { members } from '../support/shell.ts';
import { errorOf, rest, troupes, warningsOf } from '../support/troupes.ts';

const echo = task(import.meta, 'close.echo', (value: unknown) => value);
let more: () => void = () => {};
const late = join(import.meta, 'close.late', async () => {
  await new Promise<void>((resolve) => (more = resolve));
  return [echo(1), echo(2)];
});
const start = troupes();

describe('close', () => {
  it('waits for what is pending, and counts all tasks by their state', async () => {
    const { troupe, executor } = await start();
    const [done, failed, cancelled] = [echo(1), echo(2), echo(3)];
    const never = echo(failed);
    cancelled.cancel();
    let isClosed = false;
    const closing = troupe.close().then((counts) => {
      isClosed = true;
      return counts;
    });
    const [first, second] = executor.held;
    await rest();
    expect(isClosed).toBe(false);
    if (first !== undefined) executor.done(first, 1);
    if (second !== undefined) executor.failed(second);
    expect(await closing).toEqual({ done: 1, failed: 1, depFailed: 1, cancelled: 1 });
    await Promise.allSettled([done, failed, cancelled, never]);
    expect(troupe.snapshot()).toMatchObject({ state: 'closed', tasks: { live: 0 }, timers: 0, executors: [{ state: 'stopped' }] });
  });

  it('takes the tasks that running joins still make, and no others', async () => {
    const { troupe, executor } = await start();
    const future = troupe.run(late);
    await rest();
    const closing = troupe.close();
    expect(() => troupe.run(echo, 1)).toThrow(ClosedError);
    more();
    await rest();
    expect(executor.held).toHaveLength(2);
    for (const attempt of executor.held) executor.done(attempt, 'x');
    expect(await future).toEqual(['x', 'x']);
    expect(await closing).toMatchObject({ done: 3 });
  });

  it('cancels what is pending when told to, also after waiting was begun', async () => {
    const { troupe } = await start();
    const futures = [echo(1), echo(2)];
    const waiting = troupe.close();
    const counts = await troupe.close({ pending: 'cancel' });
    expect(counts).toEqual({ done: 0, failed: 0, depFailed: 0, cancelled: 2 });
    expect(await waiting).toEqual(counts);
    for (const future of futures) expect(await errorOf(future)).toBeInstanceOf(CancelledError);
  });

  it('is harmless the second time', async () => {
    const { troupe } = await start();
    expect(await troupe.close()).toEqual(await troupe.close());
  });

  it('takes no task from who hears of it', async () => {
    const { troupe } = await start();
    const errors: unknown[] = [];
    troupe.on('executor.state', () => {
      try {
        troupe.run(echo, 'too late');
      } catch (error) {
        errors.push(error);
      }
    });
    expect(await troupe.close()).toEqual({ done: 0, failed: 0, depFailed: 0, cancelled: 0 });
    expect(errors).toEqual([expect.any(ClosedError), expect.any(ClosedError)]);
  });

  it('by leaving a block cancels what is pending, and says so', async () => {
    const { troupe } = await start({ name: 'mine' });
    const future = echo(1);
    const warnings = await warningsOf('TROUPE_LEFT', async () => {
      await using left = troupe;
      void left;
    });
    expect(warnings).toEqual(['mine was left with 1 task pending, which were cancelled; await troupe.close() to wait for them']);
    expect(await errorOf(future)).toBeInstanceOf(CancelledError);
  });

  it('by leaving a block with nothing pending says nothing', async () => {
    const { troupe, executor } = await start();
    const future = echo(1);
    executor.done(executor.take());
    await future;
    expect(await warningsOf('TROUPE_LEFT', () => troupe[Symbol.asyncDispose]())).toEqual([]);
  });
});

describe('unread failures', () => {
  it('are named once at the end, the first few of them, and not those that were read or waited for', async () => {
    const { troupe, executor } = await start({ name: 'mine' });
    const futures = Array.from({ length: 10 }, (_, i) => echo(i));
    const dependent = echo([futures[0]]);
    futures[1]?.catch(() => {});
    for (const [i, attempt] of executor.held.entries()) executor.failed(attempt, i === 9 ? Object.create(null) : new Error(`failure ${i}`));
    await errorOf(dependent);
    const warnings = await warningsOf('TROUPE_UNREAD', async () => {
      await troupe.close();
      await troupe.close();
    });
    expect(warnings).toHaveLength(1);
    const [warning = ''] = warnings;
    expect(warning).toMatch(/^mine: 8 tasks failed and nobody read the result:\n {2}close\.echo \(t3\): Error: failure 2\n/);
    expect(warning).toMatch(/\n {2}and 3 more$/);
    expect(warning).not.toMatch(/failure [01]\b/);
  });

  it('of the children of a join are those that the join did not return', async () => {
    const { troupe, executor } = await start();
    const future = troupe.run(late);
    await rest();
    more();
    await rest();
    const [first, second] = executor.held;
    if (first !== undefined) executor.failed(first, new Error('joined'));
    if (second !== undefined) executor.done(second);
    await errorOf(future);
    expect(await warningsOf('TROUPE_UNREAD', () => troupe.close())).toEqual([]);
  });
});

describe('idle', () => {
  it('resolves at once without tasks, else when the last one has settled', async () => {
    const { troupe, executor } = await start();
    await troupe.idle();
    const future = echo(1);
    let isIdle = false;
    const idle = troupe.idle().then(() => (isIdle = true));
    await rest();
    expect(isIdle).toBe(false);
    executor.done(executor.take());
    await idle;
    expect(future.state).toBe('done');
  });
});

describe('a signal with several troupes open', () => {
  it('ends the process when the last of them has closed, and has one handler', async () => {
    const host: string[] = [];
    const listener = (signal: string): void => void host.push(signal);
    process.on('SIGTERM', listener); // or the process would end
    const before = process.listenerCount('SIGTERM');
    const executors = [manualExecutor({ label: 'a' }), manualExecutor({ label: 'b' })];
    const opened = [];
    for (const executor of executors) opened.push(await start({ executors: [executor], signals: true }));
    expect(process.listenerCount('SIGTERM')).toBe(before + 1);
    const futures = opened.map(({ troupe }) => troupe.run(echo, 1));
    for (const executor of executors) executor.started(executor.take());
    process.emit('SIGTERM', 'SIGTERM');
    const [a, b] = executors;
    a?.stopped(a.take());
    for (let i = 0; i < 10; i++) await rest();
    expect(opened.map(({ troupe }) => troupe.snapshot().state)).toEqual(['closed', 'closing']);
    expect(host).toEqual(['SIGTERM']); // the first that was closed did not end it for the other
    const again = new Promise((resolve) => process.once('SIGTERM', resolve));
    b?.stopped(b.take());
    await again;
    expect(host).toEqual(['SIGTERM', 'SIGTERM']);
    for (const future of futures) expect(await errorOf(future)).toBeInstanceOf(CancelledError);
    process.off('SIGTERM', listener);
    expect(process.listenerCount('SIGTERM')).toBe(before - 1);
  });

  it('takes its handlers away with the last troupe', async () => {
    const before = process.listenerCount('SIGINT');
    const [one, two] = [await start({ signals: true }), await start({ signals: true })];
    expect(process.listenerCount('SIGINT')).toBe(before + 1);
    await one.troupe.close();
    expect(process.listenerCount('SIGINT')).toBe(before + 1);
    await two.troupe.close();
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});

describe('a signal', () => {
  const dir = mkdtempSync(path(tmpdir(), 'troupe-signal-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const root = path(import.meta.dirname, '../..');
  const script = path(dir, 'run.mjs');
  writeFileSync(
    script,
    `import { shell, Troupe } from ${JSON.stringify(path(root, 'dist/index.js'))};
import { inline } from ${JSON.stringify(path(root, 'dist/api/executors.js'))};
const endless = shell(import.meta, 'endless', () => 'echo $$ >&2; sleep 1000 & sleep 1000');
const troupe = await Troupe.start({ executors: [inline()] });
troupe.on('task.output', ({ text }) => process.stdout.write('group ' + text));
troupe.on('task.settled', ({ state }) => process.stdout.write(state + '\\n'));
await endless().catch((error) => process.stdout.write(error.name + '\\n'));
`,
  );

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s cancels and closes, ends the process by that signal, and leaves no process of a task',
    async (signal) => {
      const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      const started = new Promise<number>((resolve) =>
        child.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          const group = /group (\d+)\n/.exec(output)?.[1];
          if (group !== undefined) resolve(Number(group));
        }),
      );
      const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_, by) => resolve(by)));
      const group = await started;
      expect(members(group).length).toBeGreaterThan(0);
      child.kill(signal);
      expect(await ended).toBe(signal);
      expect(output).toMatch(/cancelled\nCancelledError\n$/);
      expect(members(group)).toEqual([]);
    },
  );
});
