/** Many futures as one sequence: map, stream with back-pressure, completed. */
import { describe, expect, it } from 'vitest';

import { task } from '../../src/index.ts';
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

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
