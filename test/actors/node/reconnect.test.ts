/** A manager and its driver over more than one link: what is lost, what is said again, and when it gives up. */
import { describe, expect, it } from 'vitest';

import { bytes, done, nodeBench } from '../../support/node-bench.ts';

describe('a link that closes', () => {
  it('is made again at once, and what was not acknowledged is sent again, in order', async () => {
    const bench = await nodeBench();
    bench.acknowledges = false;
    await bench.grant(1, 2, 3);
    bench.workers[0]?.end(done(1));
    await bench.settle();
    bench.workers[1]?.end(done(2));
    await bench.settle();
    expect(bench.heard('ended').map(({ seq, leases }) => [seq, ...leases])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    bench.received = 1; // the second was lost with the link
    bench.heard();
    await bench.cut();
    expect(bench.heard('register')).toMatchObject([{ holds: [3, 1, 2], sent: 2 }]);
    expect(bench.heard('ended')).toMatchObject([{ seq: 2, leases: [2], outcomes: [done(2)] }]);
  });

  it('keeps what ends meanwhile', async () => {
    const bench = await nodeBench({ workers: 1 });
    await bench.grant(1);
    bench.welcome = undefined;
    await bench.cut();
    bench.workers[0]?.end(done(4));
    await bench.settle();
    expect(bench.heard('ended')).toEqual([]);
    bench.welcome = () => ({ t: 'welcome', received: 0, drop: [], heartbeatMs: 5000 });
    await bench.cut();
    await bench.pass(50);
    expect(bench.heard('ended')).toMatchObject([{ seq: 1, leases: [1], outcomes: [done(4)] }]);
  });

  it('does not repeat what has arrived', async () => {
    const bench = await nodeBench();
    await bench.grant(1);
    bench.workers[0]?.end();
    await bench.settle();
    bench.heard();
    await bench.cut();
    expect(bench.heard('ended')).toEqual([]);
  });

  it('says again which tries run', async () => {
    const bench = await nodeBench();
    await bench.grant(1, 2);
    await bench.pass(5);
    bench.workers[1]?.end();
    bench.heard();
    await bench.cut();
    expect(bench.heard('started')).toEqual([{ t: 'started', leases: [1], workers: [String(bench.workers[0]?.pid)] }]);
  });

  it('drops what the driver no longer wants: from the queue, from pipes, and with the worker that runs it', async () => {
    const bench = await nodeBench({ workers: 1, config: { maxCredit: 2 } });
    const [worker] = bench.workers;
    await bench.grant(1, 2, 3, 4);
    worker?.end(done(), 0.1);
    expect(worker?.pipe).toEqual([2, 3]);
    await bench.settle();
    bench.heard();
    bench.welcome = () => ({ t: 'welcome', received: 1, drop: [2, 3, 4], heartbeatMs: 5000 });
    await bench.cut();
    expect(worker?.wasKilled).toBe(true);
    expect(bench.workers.at(-1)?.pipe).toEqual([]);
    expect(bench.heard('ended', 'lost', 'returned')).toEqual([]);
    await bench.grant(5);
    expect(bench.workers.at(-1)?.pipe).toEqual([5]);
  });

  it('is tried again after a while when the driver does not take the manager on', async () => {
    const bench = await nodeBench();
    bench.heard();
    bench.welcome = undefined;
    await bench.cut();
    expect(bench.heard('register')).toHaveLength(1);
    await bench.cut();
    expect(bench.heard('register')).toHaveLength(0);
    await bench.pass(50);
    expect(bench.heard('register')).toHaveLength(1);
  });
});

describe('a driver that is gone', () => {
  it('has the end timer’s time to come back; then everything is stopped', async () => {
    const bench = await nodeBench({ config: { endAfterMs: 10_000 } });
    await bench.grant(1);
    const listener = await bench.listen().catch(() => undefined);
    expect(listener).toBeUndefined(); // it listens already
    bench.welcome = undefined;
    await bench.cut();
    await bench.pass(9000, 1000);
    expect(bench.codes).toEqual([]);
    await bench.pass(1000);
    expect(bench.workers[0]?.take().at(-1)).toEqual({ t: 'end', graceMs: 2000 });
    expect(bench.workers[1]?.isClosed).toBe(true);
    await bench.pass(2000);
    expect(bench.workers[0]?.wasKilled).toBe(true);
    expect(bench.codes).toEqual([5]);
  });

  it('was never there', async () => {
    const bench = await nodeBench({ isListening: false, config: { endAfterMs: 10_000 } });
    await bench.pass(10_000, 100);
    expect(bench.codes).toEqual([5]);
    expect(bench.logs.at(-1)).toContain('127.0.0.1:4711: nobody');
  });

  it('may be silent for long on an open link, but not for ever', async () => {
    const bench = await nodeBench({ config: { silenceMs: 60_000, endAfterMs: 1000 } });
    await bench.pass(50_000, 5000);
    await bench.send({ t: 'heartbeat' });
    await bench.pass(55_000, 5000);
    expect(bench.codes).toEqual([]);
    await bench.pass(5000);
    expect(bench.codes).toEqual([5]);
    expect(bench.logs.at(-1)).toBe('the driver is gone: the driver has said nothing for 60 s');
  });
});

describe('a driver that refuses', () => {
  it('ends the manager, which says why', async () => {
    const bench = await nodeBench({ isListening: false });
    bench.welcome = () => ({ t: 'refused', why: 'another version' });
    await bench.listen();
    await bench.pass(100);
    expect(bench.codes).toEqual([3]);
    expect(bench.logs.at(-1)).toContain('another version');
    expect(bench.workers.every(({ isClosed }) => isClosed)).toBe(true);
  });

  it('does so by the secret, too', async () => {
    const bench = await nodeBench({ config: { secret: 'another secret of enough letters' } });
    expect(bench.codes).toEqual([3]);
    expect(bench.logs.at(-1)).toContain('401');
  });
});

describe('addresses', () => {
  it('are tried all at once: the first that answers is taken', async () => {
    const bench = await nodeBench({ config: { addresses: ['[fd00::1]:4711', '127.0.0.1:4711', '10.0.0.1:4711'] } });
    expect(bench.heard('register')).toHaveLength(1);
    expect(bench.transport.links).toHaveLength(1);
  });

  it('are asked for again before each attempt', async () => {
    let asked: readonly string[] | undefined = ['127.0.0.1:1'];
    const bench = await nodeBench({ addresses: () => asked });
    expect(bench.heard('register')).toEqual([]);
    asked = undefined; // the file is gone: those of the start
    await bench.pass(50);
    expect(bench.heard('register')).toHaveLength(1);
  });
});

describe('the end', () => {
  it('of a drained manager comes when what runs has ended and the driver knows it', async () => {
    const bench = await nodeBench({ workers: 1 });
    await bench.grant(1, 2);
    bench.acknowledges = false;
    await bench.send({ t: 'drain' });
    expect(bench.heard('returned')).toMatchObject([{ leases: [2] }]);
    await bench.grant(3);
    expect(bench.heard('returned')).toMatchObject([{ leases: [3] }]);
    bench.workers[0]?.end();
    await bench.settle();
    expect(bench.heard('leaving')).toEqual([]);
    await bench.send({ t: 'ack', seq: 3 });
    expect(bench.heard('leaving')).toEqual([{ t: 'leaving', why: 'the driver asks for it', isBroken: false }]);
    expect(bench.codes).toEqual([0]);
  });

  it('comes before the walltime: it says so, and takes nothing new', async () => {
    const bench = await nodeBench({ workers: 1, config: { walltimeMs: 60_000, drainMs: 10_000 } });
    expect(bench.heard('register')).toMatchObject([{ remainingMs: 60_000 }]);
    await bench.grant(1);
    await bench.pass(50_000, 5000);
    expect(bench.heard('draining')).toEqual([{ t: 'draining', why: 'its walltime of 60 s is nearly over' }]);
    await bench.cut();
    expect(bench.heard('register')).toMatchObject([{ remainingMs: 10_000, credit: 0 }]);
    bench.workers[0]?.end();
    await bench.settle();
    expect(bench.codes).toEqual([0]);
  });

  it('stops what runs when it is told to: what ends in time is reported, nothing else is', async () => {
    const bench = await nodeBench({ workers: 2 });
    const [a, b] = bench.workers;
    await bench.grant(1, 2, 3);
    bench.manager.end('it got SIGTERM');
    await bench.settle();
    expect(bench.heard('draining', 'returned')).toMatchObject([{ why: 'it got SIGTERM' }, { leases: [3] }]);
    expect(a?.take().at(-1)).toEqual({ t: 'end', graceMs: 2000 });
    a?.end(done(3));
    a?.exit({ code: 0 });
    await bench.pass(2000);
    expect(b?.wasKilled).toBe(true);
    expect(bench.heard('ended', 'lost', 'leaving')).toMatchObject([{ leases: [1], outcomes: [done(3)] }, { t: 'leaving' }]);
    expect(bench.codes).toEqual([0]);
    expect(bench.transport.links).toEqual([]);
  });

  it('of the driver is the end', async () => {
    const bench = await nodeBench();
    await bench.send({ t: 'end', why: 'closed' });
    expect(bench.codes).toEqual([0]);
    expect(bytes()).toHaveLength(0);
  });
});
