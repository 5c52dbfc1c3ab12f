/**
 * The mutable stores behind the machines, each against the plainest thing that could do the same: arrays that are
 * searched, sorted and filtered.
 */
import * as fc from 'fast-check';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';

import { graph } from '../../src/machines/model/graph.ts';
import { demandOf, lacking, minus, misfit, plus, type Capacity } from '../../src/machines/model/resources.ts';
import { ring } from '../../src/machines/model/ring.ts';
import { timerWheel } from '../../src/machines/model/timer-wheel.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const ids = fc.constantFrom(...names);
const times = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.double({ min: 0, max: 1e9, noNaN: true }));

describe('the timer wheel', () => {
  const ops = fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ op: fc.constant('set' as const), id: ids, ms: times }) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('cancel' as const), id: ids, ms: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('advance' as const), id: ids, ms: times }) },
    ),
    { maxLength: 200, size: 'max' },
  );

  it('gives out what a sorted array would', () => {
    fc.assert(
      fc.property(ops, (steps) => {
        const wheel = timerWheel<number>();
        let model: { id: string; dueMs: number; value: number }[] = [];
        for (const [value, { op, id, ms }] of steps.entries()) {
          if (op === 'set') {
            wheel.set(id, ms, value);
            model = [...model.filter((timer) => timer.id !== id), { id, dueMs: ms, value }];
          } else if (op === 'cancel') {
            expect(wheel.cancel(id)).toBe(model.some((timer) => timer.id === id));
            model = model.filter((timer) => timer.id !== id);
          } else {
            const due = model.filter(({ dueMs }) => dueMs <= ms).toSorted((a, b) => a.dueMs - b.dueMs);
            expect([...wheel.advance(ms)]).toEqual(due.map((timer) => [timer.id, timer.value]));
            model = model.filter(({ dueMs }) => dueMs > ms);
          }
          expect(wheel.size).toBe(model.length);
          expect(wheel.nextDueMs()).toBe(model.length === 0 ? undefined : Math.min(...model.map(({ dueMs }) => dueMs)));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('keeps nothing of timers that were cancelled, however far ahead they were due', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const wheel = timerWheel<number>();
    const churn = (from: number): void => {
      for (let i = from; i < from + 100_000; i++) {
        wheel.set(`t${i}`, 1e6 + i, i);
        if (i >= 10) wheel.cancel(`t${i - 10}`);
      }
    };
    churn(0);
    collect();
    const before = process.memoryUsage().heapUsed;
    churn(100_000);
    churn(200_000);
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4e6);
    expect(wheel.size).toBe(10);
    expect(wheel.nextDueMs()).toBe(1e6 + 299_990);
  });
});

describe('the ring', () => {
  it('has the last items by key, the oldest first', () => {
    const steps = fc.array(fc.tuple(ids, fc.nat()), { maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), steps, (capacity, items) => {
        const kept = ring<number>(capacity);
        let model: (readonly [string, number])[] = [];
        for (const [key, item] of items) {
          kept.set(key, item);
          model = [...model.filter(([other]) => other !== key), [key, item] as const].slice(-capacity);
          expect([...kept.values()]).toEqual(model.map(([, one]) => one));
          expect(kept.size).toBe(model.length);
          for (const other of names) expect(kept.get(other)).toBe(model.find(([of]) => of === other)?.[1]);
        }
      }),
    );
  });
});

describe('the ring, for long', () => {
  it('costs the same for the millionth item as for the first, and for one key as for many', () => {
    const kept = ring<number>(10_000);
    for (let i = 0; i < 1_000_000; i++) kept.set(`t${i}`, i);
    expect([...kept.values()].slice(0, 2)).toEqual([990_000, 990_001]);
    for (let i = 0; i < 100_000; i++) kept.set('same', i);
    expect(kept.size).toBe(10_000);
    expect(kept.get('same')).toBe(99_999);
  });
});

describe('the graph store', () => {
  const steps = fc.array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          op: fc.constant('add' as const),
          sources: fc.array(fc.nat({ max: 30 }), { maxLength: 4 }),
          at: fc.constant(0),
        }),
      },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('settle' as const), sources: fc.constant([]), at: fc.nat({ max: 30 }) }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('detach' as const), sources: fc.constant([]), at: fc.nat({ max: 30 }) }) },
    ),
    { maxLength: 80, size: 'max' },
  );

  it('frees dependents as a list of edges would', () => {
    fc.assert(
      fc.property(steps, (events) => {
        const nodes = graph();
        let edges: { readonly from: string; readonly to: string }[] = [];
        let live: string[] = [];
        let added = 0;
        for (const { op, sources, at } of events) {
          const id = live[at % Math.max(1, live.length)] ?? 'nobody';
          if (op === 'add') {
            const from = [...new Set(sources.map((index) => live[index % Math.max(1, live.length)]).filter((one) => one !== undefined))];
            const to = `n${added++}`;
            expect(nodes.add(to, from)).toBe(from.length);
            edges = [...edges, ...from.map((one) => ({ from: one, to }))];
            live = [...live, to];
          } else if (op === 'settle') {
            const freed = edges.filter(({ from }) => from === id).map(({ to }) => to);
            edges = edges.filter(({ from }) => from !== id);
            const left = (to: string): number => edges.filter((edge) => edge.to === to).length;
            // a node that settles though it waits is detached first, as a cancelled task is
            nodes.detach(id);
            edges = edges.filter(({ to }) => to !== id);
            expect(nodes.settle(id)).toEqual(freed.map((to) => ({ id: to, missing: left(to) })));
            live = live.filter((one) => one !== id);
          } else {
            nodes.detach(id);
            edges = edges.filter(({ to }) => to !== id);
          }
          expect(nodes.size).toBe(live.length);
          for (const one of [...live, 'nobody']) {
            expect(nodes.has(one)).toBe(live.includes(one));
            expect(nodes.isAwaited(one)).toBe(edges.some(({ from }) => from === one));
            expect(nodes.waitingFor(one).toSorted()).toEqual(
              edges
                .filter(({ to }) => to === one)
                .map(({ from }) => from)
                .toSorted(),
            );
          }
        }
      }),
    );
  });

  it('names dependents in the order in which they were added', () => {
    const nodes = graph();
    nodes.add('source', []);
    for (const id of ['c', 'a', 'b']) nodes.add(id, ['source', 'source']);
    expect(nodes.settle('source').map(({ id }) => id)).toEqual(['c', 'a', 'b']);
    expect(nodes.settle('source')).toEqual([]);
  });
});

describe('resources', () => {
  const units = ['cores', 'memoryBytes', 'gpus'] as const;
  const amount = fc.nat({ max: 5 });
  const resources = fc.record({ cores: amount, memoryBytes: amount, gpus: amount }, { requiredKeys: [] });
  const capacity: fc.Arbitrary<Capacity> = resources;

  it('fit a place when it has as much of each unit, one core being asked for unless another number is', () => {
    fc.assert(
      fc.property(resources, capacity, (asked, offer) => {
        const short = units.filter((unit) => (asked[unit] ?? (unit === 'cores' ? 1 : 0)) > (offer[unit] ?? 0));
        expect(lacking(demandOf(asked), offer)).toBe(short[0]);
        const why = misfit(asked, offer);
        expect(why === undefined).toBe(short.length === 0);
        if (short[0] !== undefined) expect(why).toContain(short[0]);
      }),
    );
  });

  it('of several nodes or ranks fit no single process', () => {
    expect(misfit({ nodes: 2 }, { cores: 9 })).toMatch(/one node/);
    expect(misfit({ ranksPerNode: 2 }, { cores: 9 })).toMatch(/one rank/);
    expect(misfit({ nodes: 1, ranksPerNode: 1 }, { cores: 9 })).toBeUndefined();
  });

  it('are whole again after any tries have come and gone', () => {
    fc.assert(
      fc.property(capacity, fc.array(resources, { maxLength: 8 }), (offer, tries) => {
        const demands = tries.map(demandOf);
        const taken = demands.reduce(minus, offer);
        const back = demands.toReversed().reduce(plus, taken);
        for (const unit of units) {
          const sum = demands.reduce((all, demand) => all + (demand[unit] ?? 0), 0);
          expect(taken[unit] ?? 0).toBe((offer[unit] ?? 0) - sum);
          expect(back[unit] ?? 0).toBe(offer[unit] ?? 0);
        }
      }),
    );
  });
});
