/** A sequence that anybody reads from its start, at any pace. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { replayed } from '../../../src/actors/blocks/replayed.ts';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('a replayed sequence', () => {
  it('is read from its start by who comes late', async () => {
    const { push, end, items } = replayed<number>(10);
    for (const n of [1, 2, 3]) push(n);
    end();
    expect(await all(items)).toEqual([1, 2, 3]);
    expect(await all(items)).toEqual([1, 2, 3]);
  });

  it('is waited for by who comes early, several at once', async () => {
    const { push, end, items } = replayed<number>(10);
    const first = all(items);
    const second = all(items);
    push(1);
    await Promise.resolve();
    push(2);
    end();
    expect(await Promise.all([first, second])).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it('gives items in order to who asks for many before there are any', async () => {
    const { push, end, items } = replayed<number>(10);
    const reader = items[Symbol.asyncIterator]();
    const asked = [reader.next(), reader.next(), reader.next()];
    push(1);
    push(2);
    end();
    expect(await Promise.all(asked)).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
      { done: true, value: undefined },
    ]);
  });

  it('forgets the oldest of too many', async () => {
    const { push, end, items } = replayed<number>(2);
    const reader = items[Symbol.asyncIterator]();
    push(1);
    expect(await reader.next()).toMatchObject({ value: 1 });
    for (const n of [2, 3, 4]) push(n);
    end();
    expect(await reader.next()).toMatchObject({ value: 3 });
    expect(await all(items)).toEqual([3, 4]);
  });

  it('lets who waits leave', async () => {
    const { items } = replayed<number>(2);
    const reader = items[Symbol.asyncIterator]();
    const asked = reader.next();
    await reader.return?.();
    expect(await asked).toEqual({ done: true, value: undefined });
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it('takes nothing after its end', async () => {
    const { push, end, items } = replayed<number>(2);
    end();
    push(1);
    expect(await all(items)).toEqual([]);
  });

  it('gives each reader a subsequence that ends with the last items, whatever the pace', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), async (steps, capacity) => {
        const { push, end, items } = replayed<number>(capacity);
        const reader = items[Symbol.asyncIterator]();
        const read: number[] = [];
        let pushed = 0;
        for (const isPush of steps) {
          if (isPush) push(++pushed);
          else if ((read.at(-1) ?? 0) < pushed) read.push((await reader.next()).value as number);
        }
        end();
        for (let next = await reader.next(); next.done !== true; next = await reader.next()) read.push(next.value);
        expect(read).toEqual([...new Set(read)].toSorted((a, b) => a - b));
        expect(read.at(-1)).toBe(pushed === 0 ? undefined : pushed);
        expect(await all(items)).toEqual(Array.from({ length: pushed }, (_, i) => i + 1).slice(-capacity));
      }),
      { numRuns: 200 },
    );
  });
});
