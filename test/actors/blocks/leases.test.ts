/** Which manager has which work: numbers that are given once, and what the work takes of its manager. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fits, hasRoom, holder, leases, type Holder, type Item } from '../../../src/actors/blocks/leases.ts';
import { shapes, type Shape } from '../../../src/machines/model/work-queue.ts';
import { workOf } from '../../support/interchange-bench.ts';

const shapeOf = shapes();
const one = shapeOf({}, 0);
const wide = shapeOf({ cores: 3 }, 0);
const half = shapeOf({ cores: 0.5 }, 0);
const heavy = shapeOf({ memoryBytes: 600 }, 0);
const gpu = shapeOf({ gpus: 1 }, 0);
const item = (key: string, shape: Shape = one): Item => ({
  work: workOf(key),
  shape,
  rank: 0,
  lease: 0,
  holder: undefined,
  grantedMs: 0,
  worker: undefined,
  stop: undefined,
  isRecalled: false,
  doubts: 0,
});
const nothing = { cores: 0, memoryBytes: 0, gpus: 0 };

describe('leases', () => {
  it('have a number that is never used again', () => {
    const all = leases();
    const to = holder('m1');
    const first = item('a');
    const given = [all.grant(first, to, 0)];
    all.release(first);
    given.push(all.grant(first, to, 1), all.grant(item('b'), holder('m2'), 1));
    expect(given).toEqual([1, 2, 3]);
    expect(all.of(to, 1)).toBeUndefined();
    expect(all.of(to, 2)).toBe(first);
  });

  it('are nothing to a manager that does not have them', () => {
    const all = leases();
    const [mine, other] = [holder('m1'), holder('m2')];
    const work = item('a');
    const lease = all.grant(work, mine, 0);
    expect(all.of(other, lease)).toBeUndefined();
    all.release(work);
    all.release(work); // twice changes nothing
    expect([all.size, mine.items.size, work.holder, work.lease]).toEqual([0, 0, undefined, 0]);
    expect(mine.taken).toEqual(nothing);
  });

  it('forget, with a new grant, what was known of the last one', () => {
    const all = leases();
    const work = item('a');
    all.grant(work, holder('m1'), 0);
    Object.assign(work, { worker: '4711', isRecalled: true });
    all.release(work);
    all.grant(work, holder('m2'), 5);
    expect(work).toMatchObject({ worker: undefined, isRecalled: false, grantedMs: 5 });
  });

  it('take what their work asks for, and give it back', () => {
    const all = [one, wide, half, heavy, gpu];
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(4), fc.nat(20)), { maxLength: 80, size: 'max' });
    fc.assert(
      fc.property(steps, (ops) => {
        const table = leases();
        const holders = [holder('m1'), holder('m2')];
        const held: Item[] = [];
        for (const [grants, shape, which] of ops) {
          if (grants || held.length === 0) {
            const work = item(`k${held.length}`, all[shape]);
            table.grant(work, holders[which % 2]!, 0);
            held.push(work);
          } else table.release(held.splice(which % held.length, 1)[0]!);
          expect(table.size).toBe(held.length);
          for (const each of holders) {
            const own = held.filter((work) => work.holder === each);
            expect(each.items.size).toBe(own.length);
            expect(each.large).toBe(own.filter((work) => !work.shape.isUnit).length);
            expect(each.taken.cores).toBeCloseTo(own.reduce((sum, work) => sum + (work.shape.demand.cores ?? 0), 0));
            expect(each.taken.memoryBytes).toBe(own.reduce((sum, work) => sum + (work.shape.demand.memoryBytes ?? 0), 0));
            expect(each.taken.gpus).toBe(own.reduce((sum, work) => sum + (work.shape.demand.gpus ?? 0), 0));
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('room on a manager', () => {
  const size = { workers: 2, credit: 4, capacity: { cores: 4, memoryBytes: 1000, gpus: 1 } };
  const having = (...shapesOfItems: readonly Shape[]): Holder => {
    const all = leases();
    const to = holder('m1');
    for (const [i, shape] of shapesOfItems.entries()) all.grant(item(`k${i}`, shape), to, 0);
    return to;
  };

  it.each([
    ['a free worker', [], one, true],
    ['one ahead', [one, one], one, true],
    ['no more than the credit', [one, one, one, one], one, false],
    ['nothing large ahead', [one, one], wide, false],
    ['nothing ahead of something large', [wide, one], one, false],
    ['something large beside something small', [one], wide, true],
    ['no more cores than there are', [wide], wide, false],
    ['shares of a core', [half, half], half, false],
    ['no more memory than there is', [heavy], heavy, false],
    ['no more accelerators than there are', [gpu], gpu, false],
    ['one accelerator', [one], gpu, true],
  ] as const)('%s', (_, held, shape, is) => {
    expect(hasRoom(having(...held), shape, size)).toBe(is);
  });

  it('is none without credit, whatever is free', () => {
    expect(hasRoom(holder('m1'), one, { ...size, credit: 0 })).toBe(false);
  });

  it('is the same for a sum of shares as for the whole', () => {
    expect(fits({ cores: 0.1 }, { cores: 1 }, { ...nothing, cores: [...Array(9)].reduce<number>((sum) => sum + 0.1, 0) })).toBe(true);
    expect(fits({ gpus: 1 }, { cores: 1 }, nothing)).toBe(false);
  });
});
