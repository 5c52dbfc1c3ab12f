/** Many futures as one sequence: map, stream with back-pressure, completed. */
import { describe, expect, it } from 'vitest';

import { ConfigError, DependencyError, task } from '../../src/index.ts';
import { errorOf, rest, troupes } from '../support/troupes.ts';

const double = task(import.meta, 'stream.double', (x: number) => 2 * x);
const start = troupes();
const argOf = (attempt: { readonly args: unknown }): number => (attempt.args as { values: readonly number[] }).values[0] ?? Number.NaN;

describe('map', () => {
  it('makes one task an item, in order', async () => {
    const { troupe, executor } = await start();
    const futures = troupe.map(double, new Set([1, 2, 3]));
    for (const attempt of executor.held.toReversed()) executor.done(attempt, 2 * argOf(attempt));
    expect(await Promise.all(futures)).toEqual([2, 4, 6]);
  });
});

describe('stream', () => {
  it('gives results in the order of the items, however they settle, with a window of tasks in flight', async () => {
    const { troupe, executor } = await start();
    let read = 0;
    function* items(): Generator<number> {
      for (let i = 0; i < 20; i++) {
        read++;
        yield i;
      }
    }
    const results = troupe.stream(double, items(), { window: 4 });
    const seen: number[] = [];
    for (let i = 0; i < 20; i++) {
      const next = results.next();
      await rest();
      expect(executor.held.length).toBeLessThanOrEqual(4);
      expect(read).toBeLessThanOrEqual(i + 4); // the source is read as results are taken
      for (const attempt of executor.held.toReversed()) executor.done(attempt, 2 * argOf(attempt));
      seen.push(Number((await next).value));
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => 2 * i));
    expect((await results.next()).done).toBe(true);
  });

  it('reads an asynchronous source', async () => {
    const { troupe, executor } = await start();
    async function* items(): AsyncGenerator<number> {
      yield* [1, 2];
    }
    const all = collect(troupe.stream(double, items()));
    await rest();
    for (const attempt of executor.held) executor.done(attempt, 2 * argOf(attempt));
    expect(await all).toEqual([2, 4]);
  });

  it('rejects with the first failure and cancels what is in flight', async () => {
    const { troupe, executor } = await start();
    const all = collect(troupe.stream(double, [1, 2, 3], { window: 3 }));
    await rest();
    const [first] = executor.held;
    if (first !== undefined) executor.failed(first, new RangeError('no'));
    expect(await errorOf(all)).toBeInstanceOf(RangeError);
    await troupe.idle();
    expect(troupe.snapshot().tasks).toMatchObject({ failed: 1, cancelled: 2 });
  });

  it('cancels what is in flight when the loop is left', async () => {
    const { troupe, executor } = await start();
    const results = troupe.stream(double, [1, 2, 3, 4], { window: 3 });
    const first = results.next();
    await rest();
    for (const attempt of executor.held.slice(0, 1)) executor.done(attempt, 2);
    expect((await first).value).toBe(2);
    await results.return();
    await troupe.idle();
    expect(troupe.snapshot().tasks).toMatchObject({ done: 1, cancelled: 2 });
  });

  it('gives a result that is there while a slow source has no next item', async () => {
    const { troupe, executor } = await start();
    const [slow, push] = pushed<number>();
    const results = troupe.stream(double, slow, { window: 8 });
    const first = results.next();
    push(1);
    await rest();
    executor.done(executor.take(), 2);
    expect(await first).toEqual({ done: false, value: 2 }); // else a source that waits for it would wait for ever
    const second = results.next();
    push(2);
    push(3);
    await rest();
    expect(executor.held).toHaveLength(2); // it is read ahead of the results
    for (const attempt of executor.held) executor.done(attempt, 2 * argOf(attempt));
    expect(await second).toEqual({ done: false, value: 4 });
    expect(await results.next()).toEqual({ done: false, value: 6 });
    // left while the source is asked for an item that never comes
    const last = results.next();
    push(4);
    await rest();
    executor.done(executor.take(), 8);
    expect((await last).value).toBe(8);
    expect(await results.return()).toEqual({ done: true, value: undefined });
  });

  it('hands futures among the items to the tasks, which wait for them, and does not await them itself', async () => {
    const { troupe, executor } = await start();
    const [one, two] = [troupe.run(double, 1), troupe.run(double, 2)];
    const all = collect(troupe.stream(double, [one, two, Promise.resolve(5)]));
    await rest();
    expect(executor.held.map(argOf)).toEqual([1, 2, 5]);
    const [first, second, third] = executor.held;
    if (first === undefined || second === undefined || third === undefined) throw new Error('not submitted');
    for (const attempt of [third, second, first]) executor.done(attempt, 2 * argOf(attempt));
    for (const attempt of executor.held) executor.done(attempt, 2 * argOf(attempt));
    expect(await all).toEqual([4, 8, 10]);
    const failing = troupe.run(double, 3);
    const rejected = errorOf(collect(troupe.stream(double, [failing])));
    await rest();
    executor.failed(executor.take(), new Error('boom'));
    expect(await rejected).toBeInstanceOf(DependencyError);
  });

  it('reads an endless source no further than its window, and tells it when it is left', async () => {
    const { troupe, executor } = await start();
    let isReturned = false;
    function* endless(): Generator<number> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        isReturned = true;
      }
    }
    for await (const value of troupe.stream(double, answered(endless()), { window: 3 })) {
      expect(executor.held.length).toBeLessThan(3);
      if (value === 20) break;
    }
    expect(isReturned).toBe(true);
    await troupe.idle();

    /** Answers all that is held whenever an item is read. */
    function* answered(items: Iterable<number>): Generator<number> {
      for (const item of items) {
        for (const attempt of executor.held) executor.done(attempt, 2 * argOf(attempt));
        yield item;
      }
    }
  });

  it('rejects when its source fails, at whatever time, and cancels what is in flight', async () => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', listener);
    const { troupe, executor } = await start();
    const [slow, push, fail] = pushed<number>();
    const results = troupe.stream(double, slow);
    const first = results.next();
    push(1);
    push(2);
    await rest();
    const [attempt] = executor.held;
    if (attempt !== undefined) executor.done(attempt, 2);
    expect((await first).value).toBe(2);
    fail(new RangeError('the source broke')); // while nobody asks for a result
    await rest();
    expect(await errorOf(results.next())).toMatchObject({ message: 'the source broke' });
    await troupe.idle();
    expect(troupe.snapshot().tasks).toMatchObject({ done: 1, cancelled: 1 });
    const broken = troupe.stream(double, throwing());
    expect(await errorOf(broken.next())).toMatchObject({ message: 'at once' });
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);

    function* throwing(): Generator<number> {
      yield* [];
      throw new Error('at once');
    }
  });

  it.each([0, -1, 1.5, Number.NaN, Infinity, '3'])('refuses a window of %s at the call', async (window) => {
    const { troupe } = await start();
    expect(() => troupe.stream(double, [1], { window: window as number })).toThrow(ConfigError);
    expect(() => troupe.stream(double, [1], { window: window as number })).toThrow(/window must be a whole number from 1/);
  });

  it('refuses what cannot be iterated at the call', async () => {
    const { troupe } = await start();
    for (const items of [undefined, null, 5, {}]) expect(() => troupe.stream(double, items as never)).toThrow(/items must be iterable/);
  });

  it('reads nothing before the first result is asked for', async () => {
    const { troupe, executor } = await start();
    troupe.stream(double, [1, 2]);
    await rest();
    expect(executor.held).toEqual([]);
  });
});

describe('completed', () => {
  it('tells how futures settle, in the order in which they do, failures too', async () => {
    const { troupe, executor } = await start();
    const futures = troupe.map(double, [1, 2, 3]);
    const all = collect(troupe.completed(futures));
    await rest();
    const [one, two, three] = executor.held;
    if (three !== undefined) executor.done(three, 6);
    await rest();
    if (one !== undefined) executor.failed(one, new Error('boom'));
    await rest();
    if (two !== undefined) executor.done(two, 4);
    const settled = await all;
    expect(settled.map(({ future }) => future)).toEqual([futures[2], futures[0], futures[1]]);
    expect(settled.map((each) => (each.status === 'fulfilled' ? each.value : String(each.reason)))).toEqual([6, 'Error: boom', 4]);
  });

  it('ends at once without futures', async () => {
    const { troupe } = await start();
    expect(await collect(troupe.completed([]))).toEqual([]);
  });
});

/** A source that the test feeds. */
function pushed<T>(): readonly [AsyncIterable<T>, push: (item: T) => void, fail: (error: Error) => void] {
  const items: T[] = [];
  let failure: Error | undefined;
  let wake = (): void => {};
  async function* source(): AsyncGenerator<T> {
    for (;;) {
      for (let item = items.shift(); item !== undefined; item = items.shift()) yield item;
      if (failure !== undefined) throw failure;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  const push = (item: T): void => {
    items.push(item);
    wake();
  };
  const fail = (error: Error): void => {
    failure = error;
    wake();
  };
  return [source(), push, fail];
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
