/** What the interchange gives to whom: by rank, by credit, by room; what it asks back; what it keeps free. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Resources } from '../../../src/machines/model/resources.ts';
import {
  doneBytes,
  expectNothingLeft,
  interchangeBench,
  workOf,
  type InterchangeBench,
  type PlayedManager,
} from '../../support/interchange-bench.ts';

const keys = (prefix: string, n: number): readonly string[] => Array.from({ length: n }, (_, i) => `${prefix}${i}`);
/** The end of all that a manager has been granted. */
function endAll(manager: PlayedManager, leases = manager.leases()): void {
  manager.say({ t: 'ended', leases, outcomes: leases.map(() => doneBytes), workers: leases.map(() => '11') });
}
const grantedTo = (manager: PlayedManager): readonly string[] => [...manager.byKey.keys()];

describe('what is queued', () => {
  it('waits until there is a manager, and goes to it at once', async () => {
    const bench = interchangeBench();
    bench.submit('a/0');
    await bench.rest();
    expect([bench.exchange.queued, bench.exchange.granted, bench.exchange.why('a/0')]).toEqual([1, 0, 'no manager has registered yet']);
    const manager = bench.manager('m1');
    await bench.rest();
    expect(grantedTo(manager)).toEqual(['a/0']);
    expect(bench.told).toEqual([{ type: 'sent', key: 'a/0', place: { host: 'n1', blockId: '1', jobId: 'job-1' } }]);
    endAll(manager);
    expect(bench.endsOf('a/0')).toMatchObject([{ type: 'ended', bytes: doneBytes, place: { host: 'n1', blockId: '1', worker: '11' } }]);
    expectNothingLeft(bench);
  });

  it('goes in one message a turn, of so many at most', async () => {
    const bench = interchangeBench({ batch: 3 });
    const manager = bench.manager('m1', { credit: 8 });
    bench.submitAll(keys('t', 8));
    await bench.rest();
    expect(manager.take('grant').map(({ leases }) => leases.length)).toEqual([3, 3, 2]);
  });

  it('is given out as far as the credit goes, and no further', async () => {
    const bench = interchangeBench();
    const manager = bench.manager('m1', { credit: 6 });
    bench.submitAll(keys('t', 20));
    await bench.rest();
    expect(manager.leases()).toHaveLength(6);
    expect([bench.exchange.queued, bench.exchange.granted]).toEqual([14, 6]);
    manager.say({ t: 'credit', credit: 8, workers: 4 });
    await bench.rest();
    expect(manager.leases()).toHaveLength(2);
    manager.say({ t: 'credit', credit: 2, workers: 1 });
    await bench.rest();
    expect(manager.leases()).toEqual([]);
  });

  it('goes by rank first, then by its order of arrival', async () => {
    const bench = interchangeBench();
    bench.submit('low/0', { priority: -1 });
    bench.submitAll(['a/0', 'b/0']);
    bench.submit('high/0', { priority: 9 });
    const manager = bench.manager('m1', { credit: 3 });
    await bench.rest();
    expect(grantedTo(manager)).toEqual(['high/0', 'a/0', 'b/0']);
  });

  it('goes by rank and arrival whatever its shape is', async () => {
    const bench = interchangeBench();
    const two = { resources: { cores: 2 } };
    bench.submit('first/0', { priority: 3 });
    bench.submit('late/0', { priority: 1 });
    bench.submit('second/0', { priority: 2, ...two });
    const manager = bench.manager('m1', { workers: 2, credit: 2 });
    await bench.rest();
    expect(grantedTo(manager)).toEqual(['first/0', 'second/0']);
  });

  it('goes to the manager with the most room', async () => {
    const bench = interchangeBench();
    const [small, large] = [bench.manager('m1', { workers: 1, credit: 1 }), bench.manager('m2', { workers: 3, credit: 3 })];
    bench.submitAll(keys('t', 4));
    await bench.rest();
    expect([grantedTo(small).length, grantedTo(large).length]).toEqual([1, 3]);
  });

  it('goes to whom the policy says, whom it can', async () => {
    const bench = interchangeBench({
      policies: { selection: ({ candidates }) => ({ decision: { managerId: candidates.at(-1)?.managerId ?? '' }, policy: 'last' }) },
    });
    const [first, second] = [bench.manager('m1'), bench.manager('m2', { credit: 1 })];
    bench.submitAll(keys('t', 3));
    await bench.rest();
    expect([grantedTo(first), grantedTo(second)]).toEqual([['t1', 't2'], ['t0']]);
  });

  it('is not given to a manager that is held, drains, is suspect or has taken all that its link takes', async () => {
    const bench = interchangeBench();
    const all = ['held', 'drains', 'says so', 'is cut'].map((name) => bench.manager(name));
    const [held, drains, saysSo, cut] = all as [PlayedManager, PlayedManager, PlayedManager, PlayedManager];
    bench.crew.hold(bench.entry('held'));
    bench.crew.drain(bench.entry('drains'), 'given back');
    saysSo.say({ t: 'draining', why: 'walltime' });
    cut.drop();
    const clogged = bench.manager('clogged');
    bench.entry('clogged').isClogged = true;
    bench.submit('a/0');
    await bench.rest();
    expect(all.flatMap(grantedTo)).toEqual([]);
    expect(drains.take('drain')).toHaveLength(1);
    expect(saysSo.take('drain')).toHaveLength(0);
    expect(bench.exchange.why('a/0')).toContain('none of 5 managers takes tries now');
    bench.crew.unhold(bench.entry('held'));
    bench.exchange.gained();
    await bench.rest();
    expect([grantedTo(held), grantedTo(clogged)]).toEqual([['a/0'], []]);
  });

  it('goes on when a link takes more again', async () => {
    const bench = interchangeBench();
    const manager = bench.manager('m1');
    bench.entry('m1').isClogged = true;
    bench.submit('a/0');
    await bench.rest();
    expect(grantedTo(manager)).toEqual([]);
    manager.drained();
    await bench.rest();
    expect(grantedTo(manager)).toEqual(['a/0']);
  });

  it('is not given to what ends before it would', async () => {
    const bench = interchangeBench();
    const [short, long] = [bench.manager('m1', { remainingMs: 10_000 }), bench.manager('m2', { remainingMs: 60_000, credit: 1 })];
    bench.submitAll(['a/0', 'b/0'], { timeRequestMs: 30_000 });
    bench.submit('c/0');
    await bench.rest();
    expect([grantedTo(short), grantedTo(long)]).toEqual([['c/0'], ['a/0']]);
  });

  it('is refused when no message could hold it, and harms nobody else', async () => {
    const bench = interchangeBench({ maxWorkBytes: 100 });
    const manager = bench.manager('m1');
    bench.submit('huge/0', { encode: () => new Uint8Array(101) });
    bench.submit('a/0');
    await bench.rest();
    expect(bench.endsOf('huge/0')).toMatchObject([{ type: 'failed', kind: 'serialization', error: { code: 'ERR_SERIALIZATION' } }]);
    expect(bench.endsOf('huge/0')[0]?.error?.message).toBe(
      'simulate (huge) was not sent: its arguments have 101 bytes, and a message may have 100; pass a File for large data',
    );
    expect(grantedTo(manager)).toEqual(['a/0']);
    endAll(manager);
    expectNothingLeft(bench);
  });

  it('is failed when it cannot be encoded, and harms nobody else', async () => {
    const bench = interchangeBench();
    const manager = bench.manager('m1');
    bench.submit('bad/0', {
      encode() {
        throw new TypeError('args[0] is a function');
      },
    });
    bench.submit('a/0');
    await bench.rest();
    expect(bench.endsOf('bad/0')).toMatchObject([{ type: 'failed', kind: 'serialization' }]);
    expect(grantedTo(manager)).toEqual(['a/0']);
    endAll(manager);
    expectNothingLeft(bench);
  });

  it('goes out in the same pass when it came because other work was refused', async () => {
    const bench = interchangeBench({ maxWorkBytes: 100 });
    const manager = bench.manager('m1');
    // what follows from a failure may be submitted from within the report of it, in a shape that this pass has behind it
    bench.submit('huge/0', {
      encode() {
        bench.submit('next/0', { resources: { cores: 2 } });
        return new Uint8Array(101);
      },
    });
    await bench.rest();
    expect(grantedTo(manager)).toEqual(['next/0']);
  });
});

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
        endAll(manager, leases.splice(0, 1));
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
    endAll(manager, [manager.byKey.get('wide/0') as number]);
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
    endAll(busy, [8]);
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
          expect([...holder.items.keys()].toSorted()).toEqual([...own].toSorted());
          expect(own.size).toBeLessThanOrEqual(credit);
          expect(holder.taken.memoryBytes).toBeLessThanOrEqual(capacity.memoryBytes ?? 0);
          if (holder.large > 0) {
            expect(holder.taken.cores).toBeLessThanOrEqual((capacity.cores ?? 0) + 1e-6);
            expect(own.size).toBeLessThanOrEqual(workers);
          }
          const ended = [...own].filter(() => (dice.next().value as number) < 40);
          for (const lease of ended) own.delete(lease);
          if (ended.length > 0) endAll(manager, ended);
        }
      }
      for (const i of all.keys()) expect(bench.endsOf(`t${i}/0`)).toHaveLength(1);
      expectNothingLeft(bench);
    }),
    { numRuns: 60 },
  );
});

it('why() counts what is ahead', async () => {
  const bench = interchangeBench();
  const manager = bench.manager('m1', { credit: 4 });
  bench.submitAll(keys('t', 7));
  await bench.rest();
  manager.say({ t: 'started', leases: [1], workers: ['11'] });
  expect(bench.exchange.why('t6')).toBe('2 tries are ahead of it; all workers of 1 manager are busy');
  expect(bench.exchange.why('t5')).toBe('1 try is ahead of it; all workers of 1 manager are busy');
  expect(bench.exchange.why('t1')).toBe('manager m1 has it, and all its 4 workers are busy');
  expect([bench.exchange.why('t0'), bench.exchange.why('nobody')]).toEqual([undefined, undefined]);
  expect(workOf('t0').key).toBe('t0');
});
