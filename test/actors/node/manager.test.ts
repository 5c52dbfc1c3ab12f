/** The manager with workers that the test plays, and the test for its driver. */
import { describe, expect, it } from 'vitest';

import { bytes, done, nodeBench, stopped } from '../../support/node-bench.ts';

describe('a manager', () => {
  it('starts its workers before it has found its driver, and registers with room for a try each', async () => {
    const bench = await nodeBench({ isListening: false });
    expect(bench.workers).toHaveLength(2);
    expect(bench.workers[1]?.options.env).toMatchObject({
      TROUPE_BLOCK_ID: '3',
      TROUPE_MANAGER_ID: bench.manager.managerId,
      TROUPE_WORKER_RANK: '1',
      TROUPE_WORKER_COUNT: '2',
    });
    await bench.listen();
    await bench.pass(50);
    const [register] = bench.heard('register');
    expect(register).toMatchObject({ blockId: '3', host: 'node1', pid: 4242, workers: 2, credit: 2, holds: [], sent: 0 });
    expect(register?.capacity).toEqual({ cores: 8, memoryBytes: 8 * 1024 ** 3 });
  });

  it('gives each worker one try, keeps the others, and reports ends with the worker that ran them', async () => {
    const bench = await nodeBench();
    const [a, b] = bench.workers;
    await bench.grant(1, 2, 3);
    expect([a?.pipe, b?.pipe]).toEqual([[1], [2]]);
    expect(a?.take()).toEqual([{ t: 'run', leases: [1], works: [bytes(1)] }]);
    a?.end(done(9));
    await bench.settle();
    expect(a?.pipe).toEqual([3]);
    expect(bench.heard('ended')).toEqual([{ t: 'ended', seq: 1, leases: [1], outcomes: [done(9)], workers: [String(a?.pid)] }]);
  });

  it('waits with what it is given for its first worker', async () => {
    const bench = await nodeBench({ isReady: false });
    await bench.grant(1);
    expect(bench.workers[0]?.pipe).toEqual([]);
    bench.workers[0]?.ready();
    expect(bench.workers[0]?.pipe).toEqual([1]);
  });

  it('says that a try runs once it has run for longer than a fast one', async () => {
    const bench = await nodeBench();
    await bench.grant(1, 2);
    bench.workers[1]?.end();
    await bench.pass(5);
    expect(bench.heard('started')).toEqual([{ t: 'started', leases: [1], workers: [String(bench.workers[0]?.pid)] }]);
  });

  it('ignores a grant that comes twice', async () => {
    const bench = await nodeBench();
    await bench.grant(1);
    bench.workers[0]?.end();
    await bench.grant(1);
    expect(bench.workers.flatMap(({ pipe }) => pipe)).toEqual([]);
  });

  it('forwards progress and output', async () => {
    const bench = await nodeBench();
    await bench.grant(1);
    bench.workers[0]?.say({ t: 'progress', lease: 1, value: bytes(5) }, { t: 'output', lease: 1, stream: 'stdout', text: 'hi' });
    await bench.settle();
    expect(bench.heard('progress', 'output')).toEqual([
      { t: 'progress', lease: 1, value: bytes(5) },
      { t: 'output', lease: 1, stream: 'stdout', text: 'hi' },
    ]);
  });

  it('sends a heartbeat when it has said nothing else for as long as the driver wants', async () => {
    const bench = await nodeBench();
    bench.heard();
    await bench.pass(15_000, 5000);
    expect(bench.heard()).toEqual([{ t: 'heartbeat' }, { t: 'heartbeat' }]);
    await bench.grant(1);
    bench.workers[0]?.end();
    await bench.settle();
    await bench.pass(5000);
    expect(bench.heard().map(({ t }) => t)).not.toContain('heartbeat');
  });
});

describe('credit', () => {
  it('doubles while tries are short, and falls to one when one is long', async () => {
    const bench = await nodeBench({ workers: 1 });
    const [worker] = bench.workers;
    await bench.grant(...Array.from({ length: 40 }, (_, i) => i + 1));
    const credits: number[] = [];
    for (let i = 0; i < 34; i++) {
      worker?.end(done(), 0.1);
      await bench.settle();
      credits.push(...bench.heard('credit').map(({ credit }) => credit));
    }
    expect(credits).toEqual([2, 4, 8, 16]);
    worker?.end(done(), 21);
    await bench.settle();
    expect(bench.heard('credit')).toEqual([{ t: 'credit', credit: 1, workers: 1 }]);
  });

  it('falls when a try runs on and on, and what waits behind it goes to a worker with nothing to do', async () => {
    const bench = await nodeBench();
    const [a, b] = bench.workers;
    await bench.grant(...Array.from({ length: 12 }, (_, i) => i + 1));
    for (let i = 0; i < 3; i++) for (const worker of [a, b]) worker?.end(done(), 0.1);
    const behind = a?.pipe.slice(1);
    expect(behind?.length).toBeGreaterThan(0);
    while ((b?.pipe.length ?? 0) > 0) b?.end(done(), 0.1);
    await bench.pass(30, 5);
    expect(bench.heard('credit').at(-1)).toEqual({ t: 'credit', credit: 2, workers: 2 });
    a?.take();
    await bench.pass(30, 5);
    const revoke = a?.take()[0];
    expect(revoke).toMatchObject({ t: 'revoke' });
    const leases = revoke?.t === 'revoke' ? revoke.leases : [];
    a?.pipe.splice(1, leases.length);
    a?.say({ t: 'revoked', leases, kept: [] });
    expect(b?.pipe).toEqual([leases[0]]);
  });
});

describe('recalled tries', () => {
  it('come back at once from the queue, from pipes when they have not started, and else not at all', async () => {
    const bench = await nodeBench({ workers: 1, config: { maxCredit: 2 } });
    const [worker] = bench.workers;
    await bench.grant(1, 2, 3, 4, 5);
    worker?.end(done(), 0.1);
    expect(worker?.pipe).toEqual([2, 3]);
    worker?.take();
    await bench.send({ t: 'recall', leases: [2, 3, 4] });
    expect(bench.heard('returned').map(({ leases }) => leases)).toEqual([[4]]);
    expect(worker?.take()).toEqual([{ t: 'revoke', leases: [3] }]);
    worker?.pipe.splice(1, 1);
    worker?.say({ t: 'revoked', leases: [3], kept: [] });
    await bench.settle();
    expect(bench.heard('returned').map(({ leases }) => leases)).toEqual([[3]]);
    expect(worker?.pipe).toEqual([2, 5]);
  });

  it('that have started meanwhile end as any other', async () => {
    const bench = await nodeBench({ workers: 1, config: { maxCredit: 2 } });
    const [worker] = bench.workers;
    await bench.grant(1, 2, 3);
    worker?.end(done(), 0.1);
    await bench.send({ t: 'recall', leases: [3] });
    worker?.end(done(), 0.1);
    worker?.say({ t: 'revoked', leases: [], kept: [3] });
    worker?.end(done(), 0.1);
    await bench.settle();
    expect(bench.heard('ended').flatMap(({ leases }) => leases)).toEqual([1, 2, 3]);
    expect(bench.heard('returned')).toEqual([]);
  });
});

describe('a try that is to stop', () => {
  it('is told at once, and its worker is killed when it does not', async () => {
    const bench = await nodeBench({ workers: 1 });
    const [worker] = bench.workers;
    await bench.grant(1);
    worker?.take();
    await bench.send({ t: 'stop', lease: 1, reason: bytes(1), graceMs: 1000 });
    expect(worker?.take()).toEqual([{ t: 'stop', lease: 1, reason: bytes(1), graceMs: 1000 }]);
    await bench.pass(999);
    expect(worker?.wasKilled).toBe(false);
    await bench.pass(1);
    expect(worker?.wasKilled).toBe(true);
    expect(bench.heard('ended', 'lost')).toMatchObject([{ leases: [1], outcomes: [stopped], workers: [String(worker?.pid)] }]);
    expect(bench.workers).toHaveLength(2);
  });

  it('leaves its worker alone when it ends in time', async () => {
    const bench = await nodeBench({ workers: 1 });
    const [worker] = bench.workers;
    await bench.grant(1, 2);
    await bench.send({ t: 'stop', lease: 1, reason: bytes(), graceMs: 1000 });
    worker?.end(stopped);
    await bench.pass(5000);
    expect(worker?.wasKilled).toBe(false);
    expect(worker?.pipe).toEqual([2]);
    expect(bench.heard('ended')).toMatchObject([{ leases: [1], outcomes: [stopped] }]);
  });

  it('goes back when it has not started', async () => {
    const bench = await nodeBench({ workers: 1 });
    await bench.grant(1, 2);
    await bench.send({ t: 'stop', lease: 2, reason: bytes(), graceMs: 1000 });
    expect(bench.heard('returned')).toMatchObject([{ leases: [2] }]);
  });

  it('has its grace from when it runs, when it waits behind another', async () => {
    const bench = await nodeBench({ workers: 1, config: { maxCredit: 2 } });
    const [worker] = bench.workers;
    await bench.grant(1, 2, 3);
    worker?.end(done(), 0.1);
    await bench.send({ t: 'stop', lease: 3, reason: bytes(), graceMs: 1000 });
    await bench.pass(2000);
    expect(worker?.wasKilled).toBe(false);
    worker?.end(done(), 0.1);
    await bench.pass(1000);
    expect(worker?.wasKilled).toBe(true);
    expect(bench.heard('ended').flatMap(({ leases }) => leases)).toEqual([1, 2, 3]);
  });

  it('is killed at once when the sooner of two graces is over', async () => {
    const bench = await nodeBench({ workers: 1 });
    await bench.grant(1);
    await bench.send({ t: 'stop', lease: 1, reason: bytes(), graceMs: 60_000 }, { t: 'stop', lease: 1, reason: bytes(), graceMs: 0 });
    await bench.pass(1);
    expect(bench.workers[0]?.wasKilled).toBe(true);
  });
});

describe('a worker that is lost', () => {
  it('was read to the end: what it ended counts, what it ran is lost, what had not started goes to others', async () => {
    const bench = await nodeBench({ workers: 2, config: { maxCredit: 4 } });
    const [a, b] = bench.workers;
    await bench.grant(1, 2);
    a?.end(done(), 0.1);
    b?.end(done(), 0.1);
    await bench.grant(3, 4, 5, 6);
    expect(a?.pipe.length).toBe(2);
    const [ended, ran] = a?.pipe as [number, number];
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
