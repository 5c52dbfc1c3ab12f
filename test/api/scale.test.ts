/** A hundred thousand of everything: one pass, no recursion, and the last costs what the first did. */
import { describe, expect, it } from 'vitest';

import { task, type CancelledError, type DependencyError, type Future } from '../../src/index.ts';
import { manualExecutor } from '../support/manual-executor.ts';
import { errorOf, troupes } from '../support/troupes.ts';

const open = troupes();
const give = task(import.meta, 'scale.give', (value: unknown) => value);
const echo = task(import.meta, 'scale.echo', (data: unknown) => data);

describe('many', () => {
  const size = 100_000;
  /** How much longer the last tenth of `count` steps takes than the first, in processor time. */
  function slowdown(count: number, act: (i: number) => unknown): number {
    const tenth = count / 10;
    const times: number[] = [];
    for (let part = 0; part < 10; part++) {
      const before = process.cpuUsage();
      for (let i = part * tenth; i < (part + 1) * tenth; i++) act(i);
      const { user, system } = process.cpuUsage(before);
      times.push(user + system);
    }
    // the first tenth also warms up; the collector may hit any one
    return Math.min(...times.slice(-2)) / Math.max(1, Math.min(...times.slice(0, 2)));
  }

  it(`dependencies of one task: ${size} arrive in one pass`, { timeout: 300_000 }, async () => {
    const executor = manualExecutor();
    const { troupe } = await open({ executors: [executor] });
    const all: Future<unknown>[] = [];
    for (let i = 0; i < size; i++) all.push(give(i));
    const steps: string[] = [];
    const future = echo({ all });
    const stop = troupe.on('step', ({ actorId, event }) => void (actorId === future.id && steps.push(event.type)));
    for (const [i, attempt] of executor.held.entries()) executor.done(attempt, i);
    // told once, when the last has come
    expect(steps).toEqual(['deps.met', 'task.routed']);
    stop();
    const { args } = executor.take();
    const [data] = 'values' in args ? (args.values as readonly [{ readonly all: readonly number[] }]) : [{ all: [] }];
    expect(data.all).toHaveLength(size);
    expect(data.all.every((value, i) => value === i)).toBe(true);
  });

  it(`tasks in a chain: ${size} neither recurse nor slow down`, { timeout: 300_000 }, async () => {
    const executor = manualExecutor();
    await open({ executors: [executor] });
    let last: Future<unknown> = give(0);
    expect(slowdown(size, () => (last = echo(last)))).toBeLessThan(4);
    const ratio = slowdown(size, (i) => {
      const [attempt] = executor.held;
      if (attempt !== undefined) executor.done(attempt, i);
    });
    expect(ratio).toBeLessThan(4);
    executor.done(executor.take(), 'the last');
    expect(await last).toBe('the last');
  });

  it('tasks that fail or are cancelled in a chain do not recurse either', async () => {
    const { troupe, executor } = await open();
    const chain = (length: number): readonly [first: Future<unknown>, last: Future<unknown>] => {
      const first = give(0);
      let last = first;
      for (let i = 0; i < length; i++) last = echo(last);
      return [first, last];
    };
    const [, failing] = chain(1000);
    executor.failed(executor.take(), new Error('at the start'));
    const error = (await errorOf(failing)) as DependencyError;
    expect((error.cause as Error).message).toBe('at the start');
    const [first, cancelled] = chain(5000);
    first.cancel('enough');
    expect(((await errorOf(cancelled)) as CancelledError).reason).toBe('enough');
    expect(troupe.snapshot().tasks).toEqual({ live: 0, done: 0, failed: 1, depFailed: 1000, cancelled: 5001 });
  });
});
