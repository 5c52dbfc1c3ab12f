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
