/** What the interchange gives to whom: by rank, by credit, by what they have. */
import { describe, expect, it } from 'vitest';

import { expectNothingLeft, interchangeBench } from '../../support/interchange-bench.ts';
import { doneBytes, ended, type PlayedManager } from '../../support/played-manager.ts';

const keys = (prefix: string, n: number): readonly string[] => Array.from({ length: n }, (_, i) => `${prefix}${i}`);
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
    manager.say(ended(...manager.leases()));
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
    manager.say(ended(...manager.leases()));
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
    manager.say(ended(...manager.leases()));
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

it('why() counts what is ahead', async () => {
  const bench = interchangeBench();
  const manager = bench.manager('m1', { credit: 4 });
  bench.submitAll(keys('t', 7));
  await bench.rest();
  manager.say({ t: 'started', leases: [1], workers: ['11'] });
  expect(bench.exchange.why('t6')).toBe('2 tries are ahead of it; all 4 workers are busy');
  expect(bench.exchange.why('t5')).toBe('1 try is ahead of it; all 4 workers are busy');
  expect(bench.exchange.why('t1')).toBe('manager m1 has it, and all its 4 workers are busy');
  expect([bench.exchange.why('t0'), bench.exchange.why('nobody')]).toEqual([undefined, undefined]);
});
