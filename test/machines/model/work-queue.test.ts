/** What waits for a manager, by rank and by shape, against an array that is searched and sorted. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { shapes, workQueue, type Shape } from '../../../src/machines/model/work-queue.ts';

const shapeOf = shapes();
const one = shapeOf({}, 0);
const wide = shapeOf({ cores: 4 }, 0);
const long = shapeOf({}, 60_000);

describe('the work queue', () => {
  it('is first in first out within a rank, larger ranks first', () => {
    const queue = workQueue<string>();
    for (const [key, rank] of [
      ['a', 0],
      ['b', 5],
      ['c', 0],
      ['d', 5],
    ] as const)
      queue.push(key, rank, one, key);
    expect([queue.pop(one), queue.pop(one), queue.pop(one), queue.pop(one), queue.pop(one)]).toEqual(['b', 'd', 'a', 'c', undefined]);
  });

  it('shows the first of each shape, the one that goes first before the others', () => {
    const queue = workQueue<string>();
    queue.push('a', 0, one, 'a');
    queue.push('b', 0, wide, 'b');
    queue.push('c', 1, long, 'c');
    queue.push('d', 0, one, 'd');
    expect(queue.heads().map(({ value }) => value)).toEqual(['c', 'a', 'b']);
    queue.pop(one);
    expect(queue.heads().map(({ value }) => value)).toEqual(['c', 'b', 'd']);
    expect(queue.heads().map(({ shape }) => shape)).toEqual([long, wide, one]);
  });

  it('gives out one by its key, and knows how many are ahead of it', () => {
    const queue = workQueue<string>();
    for (const key of ['a', 'b', 'c']) queue.push(key, 0, key === 'b' ? wide : one, key);
    expect([queue.ahead('a'), queue.ahead('b'), queue.ahead('c'), queue.ahead('x')]).toEqual([0, 1, 2, undefined]);
    expect(queue.remove('b')).toBe('b');
    expect(queue.remove('b')).toBeUndefined();
    expect(queue.ahead('c')).toBe(1);
    expect(queue.size).toBe(2);
    expect(queue.heads()).toHaveLength(1);
  });

  it('gives out what a sorted array would', () => {
    const all: readonly Shape[] = [one, wide, long];
    const steps = fc.array(
      fc.record({
        op: fc.constantFrom('push' as const, 'push' as const, 'pop' as const, 'remove' as const),
        shape: fc.nat(2),
        rank: fc.integer({ min: -1, max: 2 }),
        key: fc.nat(30),
      }),
      { maxLength: 120, size: 'max' },
    );
    fc.assert(
      fc.property(steps, (ops) => {
        const queue = workQueue<string>();
        let model: { key: string; rank: number; shape: Shape }[] = [];
        for (const { op, shape: index, rank, key: number } of ops) {
          const shape = all[index] as Shape;
          const key = `k${number}`;
          const first = model.find((each) => each.shape === shape);
          if (op === 'push') {
            if (model.some((each) => each.key === key)) continue; // a try is queued once
            queue.push(key, rank, shape, key);
            model.push({ key, rank, shape });
            model = model.toSorted((a, b) => b.rank - a.rank); // stable: order of arrival
          } else if (op === 'pop') {
            expect(queue.pop(shape)).toBe(first?.key);
            model = model.filter((each) => each !== first);
          } else {
            expect(queue.remove(key)).toBe(model.some((each) => each.key === key) ? key : undefined);
            model = model.filter((each) => each.key !== key);
          }
          expect(queue.size).toBe(model.length);
          expect(queue.heads().map(({ value }) => value)).toEqual(
            model.filter((each, i) => model.findIndex((other) => other.shape === each.shape) === i).map((each) => each.key),
          );
          expect(model.map((each) => queue.ahead(each.key))).toEqual(model.map((_, i) => i));
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('shapes', () => {
  it('are the same object for equal demands', () => {
    expect(shapeOf({ cores: 4 }, 0)).toBe(wide);
    expect(shapeOf({ cores: 4, memoryBytes: 0 }, 0)).toBe(wide);
    expect(shapeOf({ cores: 4 }, 10)).not.toBe(wide);
    expect(shapeOf({ cores: 1 }, 0)).toBe(one);
  });

  it('are units when they ask for one core, for any time, and nothing else', () => {
    expect([one.isUnit, wide.isUnit, long.isUnit, shapeOf({ gpus: 1 }, 0).isUnit, shapeOf({ memoryBytes: 5 }, 0).isUnit]).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(shapeOf({ cores: 0.5 }, 0)).toMatchObject({ isUnit: false, demand: { cores: 0.5 } });
  });

  it('are forgotten when there are very many, and what is queued keeps its own', () => {
    const of = shapes();
    const queue = workQueue<number>();
    const mine = of({}, 1);
    queue.push('mine', 0, mine, 1);
    for (let ms = 2; ms < 3000; ms++) of({}, ms);
    expect(of({}, 1)).not.toBe(mine);
    queue.push('other', 0, of({}, 1), 2);
    expect(queue.heads().map(({ value }) => value)).toEqual([1, 2]);
    expect([queue.pop(mine), queue.remove('other')]).toEqual([1, 2]);
  });
});
