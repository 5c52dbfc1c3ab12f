import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readyQueue, type ReadyQueue } from '../../../src/machines/model/ready-queue.ts';

interface Row {
  readonly id: string;
  readonly priority: number;
  readonly value: number;
}
/** The same queue as an array that is kept sorted; sorting is stable. */
type Model = Row[];

const insert = (model: Model, row: Row): void => {
  const at = model.findIndex(({ id }) => id === row.id);
  if (at >= 0) model.splice(at, 1);
  model.push(row);
  model.sort((a, b) => b.priority - a.priority);
};

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      id: fc.integer({ min: 0, max: 30 }).map(String),
      priority: fc.constantFrom(-1, 0, 0, 0, 0.5, 1, Infinity),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pop' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), id: fc.integer({ min: 0, max: 30 }).map(String) }) },
);

describe('readyQueue', () => {
  it('is a sorted list under any sequence of pushes, pops and removals', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = readyQueue<number>();
        const model: Model = [];
        steps.forEach((one, value) => {
          if (one.do === 'push') {
            queue.push(one.id, one.priority, value);
            insert(model, { id: one.id, priority: one.priority, value });
          } else if (one.do === 'pop') {
            expect(queue.pop()).toBe(model.shift()?.value);
          } else {
            const at = model.findIndex(({ id }) => id === one.id);
            expect(queue.remove(one.id)).toBe(at < 0 ? undefined : model.splice(at, 1)[0]?.value);
          }
          expectSame(queue, model);
        });
      }),
    );
  });

  it('stays fast with 100,000 entries, popped and removed in any order', () => {
    const queue = readyQueue<number>();
    const startedMs = performance.now();
    for (let i = 0; i < 100_000; i++) queue.push(String(i), i % 7, i);
    for (let i = 0; i < 100_000; i += 2) queue.remove(String(i));
    let last = Number.POSITIVE_INFINITY;
    for (let value = queue.pop(); value !== undefined; value = queue.pop()) {
      expect(value % 7 <= last).toBe(true);
      last = value % 7;
    }
    expect(queue.size).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(10_000); // a queue that is quadratic takes minutes
  });
});

function expectSame(queue: ReadyQueue<number>, model: Model): void {
  expect(queue.values()).toEqual(model.map(({ value }) => value));
  expect(queue.size).toBe(model.length);
  expect(queue.peek()).toBe(model[0]?.value);
  model.forEach(({ id }, at) => {
    expect(queue.ahead(id)).toBe(at);
    expect(queue.has(id)).toBe(true);
  });
  expect(queue.ahead('nobody')).toBeUndefined();
}
