/** Workers that end, and workers that do not come up: what becomes of their tries, and when others take their place. */
import { describe, expect, it } from 'vitest';

import { done, nodeBench } from '../../support/node-bench.ts';

describe('a worker that is lost', () => {
  it('was read to the end: what it ended counts, what it ran is lost, what had not started goes to others', async () => {
    const bench = await nodeBench({ workers: 2, config: { maxCredit: 4 } });
    const [a, b] = bench.workers;
    await bench.grant(1, 2);
    a?.end(done(), 0.1);
    b?.end(done(), 0.1);
    await bench.grant(3, 4, 5, 6);
    expect(a?.pipe.length).toBe(2);
    const [ended, ran] = a?.pipe ?? [];
    const others = b?.pipe.slice();
    await bench.grant(7);
    bench.heard();
    // the last it had sent, then its end
    a?.end(done(), 0.1);
    a?.exit({ signal: 'SIGKILL', stderr: 'last words\n' });
    await bench.settle();
    expect(bench.heard('ended').flatMap(({ leases }) => leases)).toEqual([ended]);
    expect(bench.heard('lost')).toEqual([
      {
        t: 'lost',
        seq: expect.any(Number) as number,
        lease: ran,
        kind: 'workerLost',
        message: 'it was ended by SIGKILL',
        worker: String(a?.pid),
        signal: 'SIGKILL',
        stderr: 'last words\n',
      },
    ]);
    const [, , c] = bench.workers;
    expect([...(b?.pipe ?? []), ...(c?.pipe ?? [])]).toEqual(expect.arrayContaining([...(others ?? []), 7]));
    expect(bench.heard('returned')).toEqual([]);
  });

  it('takes nothing along that it had not started', async () => {
    const bench = await nodeBench({ workers: 1, config: { maxCredit: 4 } });
    const [a] = bench.workers;
    await bench.grant(1, 2, 3, 4);
    a?.end(done(), 0.1);
    expect(a?.pipe).toEqual([2, 3]);
    a?.exit({ code: 1 });
    await bench.settle();
    expect(bench.heard('lost')).toMatchObject([{ lease: 2, exitCode: 1, message: 'it exited with code 1' }]);
    expect(bench.workers[1]?.pipe).toEqual([3]); // one by one again, in their order
    bench.workers[1]?.end();
    expect(bench.workers[1]?.pipe).toEqual([4]);
  });

  it('has run out of memory when there is evidence', async () => {
    const bench = await nodeBench({ workers: 1 });
    await bench.grant(1);
    bench.workers[0]?.exit({ signal: 'SIGABRT', isOutOfMemory: true });
    await bench.settle();
    expect(bench.heard('lost')).toMatchObject([{ kind: 'oom', message: 'it had no memory left', signal: 'SIGABRT' }]);
  });

  it('is replaced at once', async () => {
    const bench = await nodeBench({ workers: 1 });
    await bench.grant(1);
    bench.workers[0]?.exit({ signal: 'SIGKILL' });
    await bench.settle();
    expect(bench.workers).toHaveLength(2);
    await bench.grant(2);
    expect(bench.workers[1]?.pipe).toEqual([2]);
  });

  it('is replaced ever later when none of them does anything', async () => {
    const bench = await nodeBench({ workers: 1 });
    const delays: number[] = [];
    for (let i = 0; i < 12; i++) {
      const before = bench.workers.length;
      bench.workers.at(-1)?.exit({ code: 1 });
      const at = bench.clock.now();
      await bench.settle();
      while (bench.workers.length === before) await bench.pass(50);
      delays.push(bench.clock.now() - at);
    }
    expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  });
});

describe('workers that do not come up', () => {
  it('are started again after a while, and the third says that the node is broken', async () => {
    const bench = await nodeBench({ workers: 1, isReady: false });
    await bench.grant(1);
    bench.workers[0]?.exit({ code: 1 });
    await bench.pass(99);
    expect(bench.workers).toHaveLength(1);
    await bench.pass(1);
    bench.workers[1]?.exit({ code: 1 });
    await bench.pass(200);
    expect(bench.codes).toEqual([]);
    bench.workers[2]?.exit({ code: 1, stderr: 'Error: Cannot find module\n' });
    await bench.settle();
    expect(bench.heard('returned')).toMatchObject([{ leases: [1] }]);
    expect(bench.heard('leaving')).toEqual([
      {
        t: 'leaving',
        why: 'a worker has ended before it was ready: it exited with code 1',
        isBroken: true,
        stderr: 'Error: Cannot find module\n',
      },
    ]);
    expect(bench.codes).toEqual([4]);
    expect(bench.workers).toHaveLength(3);
  });

  it('are said to be broken as soon as the driver listens', async () => {
    const bench = await nodeBench({ workers: 4, isReady: false, isListening: false });
    for (const worker of bench.workers.slice(0, 3)) worker.exit({ code: 1, stderr: 'no' });
    await bench.settle();
    expect(bench.codes).toEqual([]);
    await bench.listen();
    await bench.pass(100);
    expect(bench.heard('register', 'leaving')).toMatchObject([{ credit: 0 }, { isBroken: true, stderr: 'no' }]);
    expect(bench.codes).toEqual([4]);
  });

  it('are killed when they take too long', async () => {
    const bench = await nodeBench({ workers: 1, isReady: false, config: { startMs: 1000 } });
    await bench.pass(1000);
    expect(bench.workers[0]?.wasKilled).toBe(true);
  });

  it('never break a manager that had one', async () => {
    const bench = await nodeBench({ workers: 1, isReady: false });
    bench.workers[0]?.ready();
    for (let i = 0; i < 5; i++) {
      bench.workers.at(-1)?.exit({ code: 1 });
      await bench.pass(40_000);
    }
    expect(bench.codes).toEqual([]);
    expect(bench.workers).toHaveLength(6);
  });

  it('leave nothing waiting: while there is none, what is queued goes back', async () => {
    const bench = await nodeBench({ workers: 1, isReady: false });
    bench.workers[0]?.exit({ code: 1 });
    await bench.settle();
    expect(bench.heard('credit')).toEqual([{ t: 'credit', credit: 0, workers: 0 }]);
    await bench.pass(100);
    expect(bench.heard('credit')).toEqual([{ t: 'credit', credit: 1, workers: 1 }]);
  });

  it('are none where there is no room for one', async () => {
    const bench = await nodeBench({ config: { slots: { coresPerWorker: 16 } } });
    expect(bench.heard('leaving')).toMatchObject([
      { isBroken: true, why: expect.stringContaining('floor(8 cores / 16 a worker) = 0') as string },
    ]);
    expect(bench.codes).toEqual([4]);
  });
});
