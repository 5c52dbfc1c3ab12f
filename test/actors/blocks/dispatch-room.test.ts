/** Work that is large, and work that waits behind long tries: what is kept free, what is asked back, what fits. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Resources } from '../../../src/machines/model/resources.ts';
import { expectNothingLeft, interchangeBench, type InterchangeBench } from '../../support/interchange-bench.ts';
import { ended, type PlayedManager } from '../../support/played-manager.ts';

const keys = (prefix: string, n: number): readonly string[] => Array.from({ length: n }, (_, i) => `${prefix}${i}`);
const grantedTo = (manager: PlayedManager): readonly string[] => [...manager.byKey.keys()];

describe('work that asks for more than one core', () => {
  const wide = { resources: { cores: 8 } };

  it('is not passed by for ever: a manager is kept free for it', async () => {
    const bench = interchangeBench();
    const [first, second] = [bench.manager('m1'), bench.manager('m2')];
    bench.submitAll(keys('s', 8));
    await bench.rest();
    bench.submit('wide/0', wide);
    bench.submitAll(keys('later', 20));
    await bench.rest();
    // one of the two gets nothing new, whatever becomes free there
    const running = new Map([first, second].map((manager) => [manager, [...manager.leases()]]));
    for (let round = 0; round < 12 && !first.byKey.has('wide/0') && !second.byKey.has('wide/0'); round++) {
      for (const [manager, leases] of running) {
        manager.say(ended(...leases.splice(0, 1)));
        await bench.rest();
        leases.push(...manager.leases());
      }
    }
    expect([first.byKey.has('wide/0'), second.byKey.has('wide/0')].filter(Boolean)).toHaveLength(1);
  });

  it('waits only where it could ever run, and holds nobody up elsewhere', async () => {
    const bench = interchangeBench();
    const small = bench.manager('m1', { capacity: { cores: 4, memoryBytes: 8e9 } });
    bench.submit('wide/0', wide);
    bench.submitAll(keys('s', 3));
    await bench.rest();
    expect(grantedTo(small)).toEqual(['s0', 's1', 's2']);
    expect(bench.exchange.why('wide/0')).toBe('no manager that is there has as much as it asks for');
  });

  it('lets others go on when it is cancelled while a manager is kept free for it', async () => {
    const bench = interchangeBench();
    const manager = bench.manager('m1');
    bench.submit('s/0');
    await bench.rest();
    bench.submit('wide/0', wide);
    bench.submit('later/0');
    await bench.rest();
    expect(grantedTo(manager)).toEqual(['s/0']);
    bench.stop('wide/0');
    await bench.rest();
    expect(bench.endsOf('wide/0')).toMatchObject([{ type: 'stopped' }]);
    expect(grantedTo(manager)).toEqual(['s/0', 'later/0']);
  });

  it('has all its cores while it runs', async () => {
    const bench = interchangeBench();
    const manager = bench.manager('m1');
    bench.submit('wide/0', { resources: { cores: 6 } });
    bench.submitAll(keys('s', 4));
    await bench.rest();
    expect(grantedTo(manager)).toEqual(['wide/0', 's0', 's1']); // 8 cores
    manager.say(ended(manager.byKey.get('wide/0') as number));
    await bench.rest();
    expect(grantedTo(manager)).toEqual(['wide/0', 's0', 's1', 's2', 's3']);
  });
});

describe('what waits at a busy manager', () => {
  /** One with four workers and eight tries, one with nothing to do. */
  async function crowded(): Promise<{ bench: InterchangeBench; busy: PlayedManager; idle: PlayedManager }> {
    const bench = interchangeBench();
    const busy = bench.manager('m1', { credit: 8 });
    bench.submitAll(keys('t', 8));
    await bench.rest();
    busy.say({ t: 'started', leases: [1, 2, 3, 4], workers: ['11', '12', '13', '14'] });
    const idle = bench.manager('m2', { workers: 3, credit: 3 });
    await bench.rest();
    return { bench, busy, idle };
  }

  it('is asked back for one with nothing to do, after a moment, the last first', async () => {
    const { bench, busy, idle } = await crowded();
    expect(busy.take('recall')).toEqual([]);
    bench.clock.increment(25);
    expect(busy.take('recall')).toMatchObject([{ leases: [6, 7, 8] }]);
    busy.say({ t: 'returned', leases: [7, 8] });
    await bench.rest();
    expect(grantedTo(idle)).toEqual(['t6', 't7']);
    expect(bench.told.filter(({ type }) => type === 'failed')).toEqual([]);
  });

  it('is asked back once, and not again while no answer has come', async () => {
    const { bench, busy } = await crowded();
    bench.clock.increment(25);
    expect(busy.take('recall')).toHaveLength(1);
    bench.clock.increment(500);
    busy.say({ t: 'heartbeat' });
    bench.clock.increment(500);
    expect(busy.take('recall').flatMap(({ leases }) => leases)).toEqual([5]);
  });

  it('ends where it is when it had started after all', async () => {
    const { bench, busy, idle } = await crowded();
    bench.clock.increment(25);
    busy.take('recall');
    busy.say(ended(8));
    busy.say({ t: 'returned', leases: [] });
    await bench.rest();
    expect(bench.endsOf('t7')).toMatchObject([{ type: 'ended' }]);
    expect(idle.byKey.has('t7')).toBe(false);
  });

  it('stays while nobody has nothing to do', async () => {
    const bench = interchangeBench();
    const busy = bench.manager('m1', { credit: 8 });
    const other = bench.manager('m2', { workers: 1, credit: 1 });
    bench.submitAll(keys('t', 9));
    await bench.rest();
    bench.clock.increment(1000);
    busy.say({ t: 'heartbeat' });
    bench.clock.increment(1000);
    expect([busy.take('recall'), other.take('recall')]).toEqual([[], []]);
    expect(bench.timers.size).toBe(1); // of silence
  });
});

it('never gives a manager more than its credit and its capacity, and everything ends', async () => {
  const sizes = fc.array(
    fc.record({ workers: fc.integer({ min: 1, max: 4 }), depth: fc.constantFrom(1, 1, 4), cores: fc.integer({ min: 4, max: 8 }) }),
    { minLength: 1, maxLength: 4 },
  );
  const asked: fc.Arbitrary<Resources> = fc.oneof(
    { weight: 4, arbitrary: fc.constant({}) },
    { weight: 2, arbitrary: fc.record({ cores: fc.constantFrom(0.5, 2, 4) }) },
    { weight: 1, arbitrary: fc.record({ memoryBytes: fc.constantFrom(300, 900) }) },
  );
  const work = fc.array(fc.record({ resources: asked, priority: fc.integer({ min: -1, max: 1 }) }), {
    minLength: 1,
    maxLength: 40,
    size: 'max',
  });
  await fc.assert(
    fc.asyncProperty(sizes, work, fc.infiniteStream(fc.nat(100)), async (nodes, all, dice) => {
      const bench = interchangeBench();
      const played = nodes.map(({ workers, depth, cores }, i) =>
        bench.manager(`m${i}`, { workers, credit: workers * depth, capacity: { cores, memoryBytes: 1000 } }),
      );
      for (const [i, more] of all.entries()) bench.submit(`t${i}/0`, more);
      const left = new Map(played.map((manager) => [manager, new Set<number>()]));
      for (let round = 0; round < 400 && bench.exchange.queued + bench.exchange.granted > 0; round++) {
        await bench.rest();
        for (const [manager, own] of left) {
          for (const lease of manager.leases()) own.add(lease);
          const { holder, credit, workers, capacity } = bench.entry(manager.managerId);
          expect(new Set(holder.items.keys())).toEqual(own);
          expect(own.size).toBeLessThanOrEqual(credit);
          expect(holder.taken.memoryBytes).toBeLessThanOrEqual(capacity.memoryBytes ?? 0);
          if (holder.large > 0) {
            expect(holder.taken.cores).toBeLessThanOrEqual((capacity.cores ?? 0) + 1e-6);
            expect(own.size).toBeLessThanOrEqual(workers);
          }
          const over = [...own].filter(() => (dice.next().value as number) < 40);
          for (const lease of over) own.delete(lease);
          if (over.length > 0) manager.say(ended(...over));
        }
      }
      for (const i of all.keys()) expect(bench.endsOf(`t${i}/0`)).toHaveLength(1);
      expectNothingLeft(bench);
    }),
    { numRuns: 60 },
  );
});
