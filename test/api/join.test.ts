/** Joins: functions of the driver that make tasks, and settle with what those come to. */
import { AsyncResource } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';

import { inline } from '../../src/api/executors.ts';
import { join, task, type Future } from '../../src/index.ts';
import { answer, rest, troupes } from '../support/troupes.ts';

const open = troupes();
const echo = task(import.meta, 'join.echo', (value: unknown) => value);
const add = task(import.meta, 'join.add', (a: number, b: number) => a + b);

/** What the body of `run` does; each test says. */
let body: (...args: readonly unknown[]) => unknown = () => undefined;
const run = join(import.meta, 'join.run', (...args: readonly unknown[]): unknown => body(...args));
const runWith = (fn: typeof body, ...args: readonly unknown[]): Future<unknown> => {
  body = fn;
  return run(...args);
};

const sum = join(import.meta, 'join.sum', (n: number): number | Future<number> => (n === 0 ? 0 : add(n, sum(n - 1))));
const fan = join(import.meta, 'join.fan', (n: number) => Array.from({ length: n }, (_, i) => add(i, 1)));

describe('a join settles with', () => {
  it('the value of a future', async () => {
    await open({ executors: [inline()] });
    expect(await runWith(() => add(1, 2))).toBe(3);
  });

  it('the values of futures anywhere in plain data', async () => {
    await open({ executors: [inline()] });
    const value = await runWith(() => ({
      list: [add(1, 1), [add(2, 2)]],
      map: new Map([['x', add(3, 3)]]),
      set: new Set([add(4, 4)]),
      plain: 'plain',
      part: echo({ a: [7] }).at('a' as never),
    }));
    expect(value).toEqual({ list: [2, [4]], map: new Map([['x', 6]]), set: new Set([8]), plain: 'plain', part: [7] });
  });

  it('values, in the order of the calls, however they settle', async () => {
    const { executor } = await open();
    const future = fan(4);
    await rest();
    expect(future.state).toBe('joining');
    expect(future.why()).toMatchObject({ state: 'joining', for: executor.held.map(({ taskId }) => `join.add (${taskId}), queued`) });
    for (const attempt of executor.held.toReversed()) executor.done(attempt, Number(attempt.taskId.slice(1)));
    const values = await future;
    expect(values).toEqual(values.toSorted((a, b) => a - b));
  });

  it.each([
    ['nothing', () => undefined, undefined],
    ['a plain value', () => 7, 7],
    ['nested plain data', () => ({ a: [new Date(0), { b: null }] }), { a: [new Date(0), { b: null }] }],
    ['an empty array', () => [], []],
    ['a promise of a value', () => Promise.resolve('later'), 'later'],
    ['promises of others in data', () => [Promise.resolve(1), 2], [1, 2]],
  ])('%s', async (_, fn, expected) => {
    await open();
    expect(await runWith(fn)).toEqual(expected);
  });

  it('what an async body has made after it awaited some of its tasks', async () => {
    await open({ executors: [inline()] });
    const future = runWith(async () => {
      const first = await add(1, 1);
      return [add(first, 10), add(first, 20)];
    });
    expect(await future).toEqual([12, 22]);
  });

  it('what other joins come to, to any depth', async () => {
    const { troupe } = await open({ executors: [inline()] });
    expect(await sum(50)).toBe(1275);
    expect(await fan(fan(2).at(1) as never)).toEqual([1, 2]);
    expect(troupe.snapshot().tasks.live).toBe(0);
  });

  it('10,000 children', { timeout: 60_000 }, async () => {
    const { executor } = await open();
    const future = fan(10_000);
    await rest();
    await answer(executor, ([i]) => i);
    expect(await future).toHaveLength(10_000);
  });
});

describe('the body of a join', () => {
  it('gets values for futures, as copies', async () => {
    await open({ executors: [inline({ copy: false })] });
    const given = { list: [1] };
    const future = runWith(
      (...args) => {
        (args[0] as typeof given).list.push(2);
        return args;
      },
      given,
      echo('value'),
    );
    expect(await future).toEqual([{ list: [1, 2] }, 'value']);
    expect(given).toEqual({ list: [1] });
  });

  it('runs after the call has returned, and not before its dependencies have settled', async () => {
    const { executor } = await open();
    const ran: unknown[] = [];
    const future = runWith((value) => void ran.push(value), echo(1));
    expect(future.state).toBe('pending');
    await rest();
    expect(ran).toEqual([]);
    executor.done(executor.take(), 'value');
    expect(ran).toEqual([]);
    await rest();
    expect(ran).toEqual(['value']);
  });

  it('makes children, wherever it calls from: directly, by run, in a scope, after awaits', async () => {
    const { troupe, executor } = await open();
    const parents: (string | undefined)[] = [];
    troupe.on('task.settled', ({ name, parentId }) => void (name === 'join.echo' && parents.push(parentId)));
    const future = runWith(async () => {
      echo(1);
      troupe.run(echo, 2);
      troupe.scope(() => echo(3));
      await Promise.resolve();
      echo(4);
    });
    await rest();
    await answer(executor, () => 'value');
    await future;
    expect(parents).toEqual([future.id, future.id, future.id, future.id]);
  });

  it('makes no children of it that a listener calls while it runs', async () => {
    const { troupe, executor } = await open();
    const parents: (string | undefined)[] = [];
    let isArmed = false;
    troupe.on('step', () => {
      if (!isArmed) return;
      isArmed = false;
      troupe.run(echo, 'from a listener');
    });
    troupe.on('task.settled', ({ name, parentId }) => void (name === 'join.echo' && parents.push(parentId)));
    const future = runWith(() => {
      isArmed = true; // the next step is caused by the call below
      return echo('from the body');
    });
    await rest();
    await answer(executor, () => 'value');
    await future;
    expect(new Set(parents)).toEqual(new Set([future.id, undefined]));
  });

  it('may use another troupe, whose tasks are not its children', async () => {
    const { troupe, executor } = await open();
    const { troupe: other, executor: elsewhere } = await open();
    body = () => [other.run(echo, 'there'), echo('here')];
    const future = troupe.run(run);
    await rest();
    expect(executor.held).toHaveLength(1);
    future.cancel();
    expect(elsewhere.held).toHaveLength(1);
  });

  it('that runs on after the join is done makes tasks that are nobody’s children', async () => {
    const { troupe, executor } = await open();
    const parents: (string | undefined)[] = [];
    troupe.on('task.settled', ({ name, parentId }) => void (name === 'join.echo' && parents.push(parentId)));
    let late = (): Future<unknown> => echo('unset');
    const future = runWith(() => {
      late = AsyncResource.bind(() => echo('late'));
      return 'done';
    });
    expect(await future).toBe('done');
    const child = late();
    executor.done(executor.take(), 'value');
    expect(await child).toBe('value');
    expect(parents).toEqual([undefined]);
  });
});

describe('tasks of a task function', () => {
  it('are refused in its body, also by run and scope, and the error says what to do instead', async () => {
    const { troupe } = await open({ executors: [inline()] });
    let tries: readonly (() => unknown)[] = [];
    const inBody = task(import.meta, 'join.inBody', async () => {
      const errors: Error[] = [];
      for (const one of tries) {
        await Promise.resolve();
        try {
          one();
        } catch (error) {
          errors.push(error as Error);
        }
      }
      return errors.map(({ name, message }) => `${name}: ${message}`);
    });
    tries = [() => add(1, 2), () => troupe.run(add, 1, 2), () => troupe.scope(() => 1), () => troupe.map(echo, [1])];
    const messages = await inBody();
    expect(messages).toHaveLength(4);
    for (const message of messages) expect(message).toMatch(/^NoTroupeError: .*inside the body of a task.*make the caller a join\(\)/);
  });
});
