/** What managers say of their leases, and what is told of work: once, with its reason. Stopping it, wherever it is. */
import { describe, expect, it } from 'vitest';

import { expectNothingLeft, interchangeBench, type InterchangeBench } from '../../support/interchange-bench.ts';
import { doneBytes, ended, type PlayedManager } from '../../support/played-manager.ts';

const lost = (lease: number, more: object = {}) =>
  ({ t: 'lost', lease, kind: 'workerLost', message: 'it was ended by SIGKILL', worker: '11', ...more }) as const;

/** One manager with these tries, none of which runs. */
async function given(...keys: readonly string[]): Promise<{ bench: InterchangeBench; manager: PlayedManager }> {
  const bench = interchangeBench();
  const manager = bench.manager('m1');
  bench.submitAll(keys);
  await bench.rest();
  manager.take('grant');
  return { bench, manager };
}

describe('a report', () => {
  it('of a start names the worker, and counts as running until the end', async () => {
    const { bench, manager } = await given('a/0', 'b/0');
    manager.say({ t: 'started', leases: [1], workers: ['11'] });
    expect(bench.told.at(-1)).toEqual({
      type: 'started',
      key: 'a/0',
      place: { host: 'n1', blockId: '1', jobId: 'job-1', worker: '11' },
    });
    expect([bench.exchange.running, bench.exchange.granted]).toEqual([1, 2]);
    manager.say({ t: 'started', leases: [1], workers: ['11'] }); // said again after a reconnect
    expect(bench.told.filter(({ type }) => type === 'started')).toHaveLength(1);
    manager.say(ended(1));
    expect([bench.exchange.running, bench.exchange.granted]).toEqual([0, 1]);
    manager.say({ t: 'started', leases: [1], workers: ['11'] }); // too late
    expect(bench.exchange.running).toBe(0);
  });

  it('of an end needs no start before it', async () => {
    const { bench, manager } = await given('a/0');
    manager.say(ended(1));
    expect(bench.endsOf('a/0')).toMatchObject([{ type: 'ended', place: { worker: '11' } }]);
    expectNothingLeft(bench);
  });

  it('of a second end is late', async () => {
    const { bench, manager } = await given('a/0');
    manager.say(ended(1), ended(1));
    manager.say(lost(1));
    expect(bench.endsOf('a/0')).toHaveLength(1);
    expect(bench.notes.filter(({ type }) => type === 'lease.late').map(({ data }) => data['report'])).toEqual(['ended', 'lost']);
  });

  it('of a lost worker fails the try with what the worker wrote, and is recorded', async () => {
    const { bench, manager } = await given('a/0');
    manager.say(lost(1, { signal: 'SIGKILL', stderr: 'Segmentation fault\n' }));
    expect(bench.endsOf('a/0')).toMatchObject([{ type: 'failed', kind: 'workerLost', error: { code: 'ERR_WORKER_LOST' } }]);
    expect(bench.endsOf('a/0')[0]?.error?.message).toBe(
      'the worker (process 11 on n1, block 1) that ran simulate (a) has ended: it was ended by SIGKILL; it wrote: Segmentation fault',
    );
    expect(bench.notes.at(-1)).toMatchObject({ type: 'worker.lost', data: { taskId: 'a', tryIndex: 0, worker: '11', signal: 'SIGKILL' } });
    expectNothingLeft(bench);
  });

  it('of a worker without memory has its own kind', async () => {
    const { bench, manager } = await given('a/0');
    manager.say(lost(1, { kind: 'oom', message: 'it had no memory left' }));
    expect(bench.endsOf('a/0')).toMatchObject([{ type: 'failed', kind: 'oom' }]);
  });

  it('without an outcome for a lease still ends it', async () => {
    const { bench, manager } = await given('a/0', 'b/0');
    manager.say({ t: 'ended', leases: [1, 2], outcomes: [doneBytes], workers: [] });
    expect([bench.endsOf('a/0').length, bench.endsOf('b/0').length]).toEqual([1, 1]);
    expectNothingLeft(bench);
  });

  it('of progress and output is passed on while the try has not ended', async () => {
    const { bench, manager } = await given('a/0');
    const words = [
      { t: 'progress', lease: 1, value: doneBytes },
      { t: 'output', lease: 1, stream: 'stderr', text: 'x' },
    ] as const;
    manager.say(...words, ended(1), ...words);
    expect(bench.told.map(({ type }) => type)).toEqual(['sent', 'progress', 'output', 'ended']);
  });

  it('that gives work back puts it in its place by rank, without blame', async () => {
    const bench = interchangeBench();
    const manager = bench.manager('m1', { credit: 2, workers: 2 });
    bench.submit('low/0', { priority: -1 });
    bench.submit('high/0', { priority: 9 });
    await bench.rest();
    manager.take('grant');
    bench.submit('mid/0');
    manager.say({ t: 'credit', credit: 0, workers: 2 }, { t: 'returned', leases: [1, 2] });
    await bench.rest();
    expect([bench.exchange.queued, bench.exchange.granted]).toEqual([3, 0]);
    manager.say({ t: 'credit', credit: 2, workers: 2 });
    await bench.rest();
    expect([...manager.byKey].filter(([, lease]) => lease > 2).map(([key]) => key)).toEqual(['high/0', 'mid/0']);
    expect(bench.told.every(({ type }) => type === 'sent')).toBe(true);
  });

  it('of a manager that leaves because no worker comes up says what they wrote', async () => {
    const { bench, manager } = await given('a/0');
    manager.say({ t: 'leaving', why: 'it exited with code 1', isBroken: true, stderr: 'no such module\n' });
    expect(bench.broken).toEqual(['m1: its workers do not come up: it exited with code 1; it wrote: no such module']);
    expect([manager.state, bench.exchange.queued]).toEqual(['gone', 1]);
  });

  it('is noted with its manager when it is a note', async () => {
    const { bench, manager } = await given();
    manager.say({ t: 'note', type: 'worker.slow', data: { ms: 5 } });
    expect(bench.notes.at(-1)).toEqual({ type: 'worker.slow', data: { managerId: 'm1', blockId: '1', ms: 5 } });
  });

  it('that goes the wrong way changes nothing', async () => {
    const { bench, manager } = await given('a/0');
    manager.frame({ t: 'end', why: 'x' }, { t: 'grant', leases: [7], works: [doneBytes] }, { t: 'ack', seq: 99 }, { t: 'drain' });
    expect([manager.state, bench.exchange.granted]).toEqual(['ready', 1]);
    manager.say(ended(1));
    expect(bench.endsOf('a/0')).toHaveLength(1);
  });
});

describe('stopping', () => {
  it('takes out what is queued, at once', async () => {
    const bench = interchangeBench();
    bench.submit('a/0');
    expect(bench.stop('a/0')).toBe(true);
    expect(bench.endsOf('a/0')).toMatchObject([{ type: 'stopped' }]);
    expect(bench.stop('a/0')).toBe(false);
    expectNothingLeft(bench);
  });

  it('tells the manager that has it, and takes its word', async () => {
    const { bench, manager } = await given('a/0', 'b/0', 'c/0');
    for (const key of ['a/0', 'b/0', 'c/0']) expect(bench.stop(key, 50)).toBe(true);
    expect(manager.take('stop')).toEqual([1, 2, 3].map((lease) => ({ t: 'stop', lease, reason: new Uint8Array(), graceMs: 50 })));
    expect(bench.told.filter(({ type }) => type !== 'sent')).toEqual([]);
    manager.say({ t: 'ended', leases: [1], outcomes: [Uint8Array.of(2)], workers: ['11'] }, { t: 'returned', leases: [2] }, lost(3));
    expect(bench.endsOf('a/0')).toMatchObject([{ type: 'ended', bytes: Uint8Array.of(2) }]);
    expect(bench.endsOf('b/0')).toMatchObject([{ type: 'stopped' }]);
    expect(bench.endsOf('c/0')).toHaveLength(1);
    expectNothingLeft(bench);
  });

  it('is said again to a manager that comes back', async () => {
    const { bench, manager } = await given('a/0');
    manager.drop();
    bench.stop('a/0', 70);
    expect(manager.take('stop')).toEqual([]);
    manager.comeBack([1]);
    expect(manager.take('stop')).toEqual([{ t: 'stop', lease: 1, reason: new Uint8Array(), graceMs: 70 }]);
    manager.say({ t: 'returned', leases: [1] });
    expect(bench.endsOf('a/0')).toMatchObject([{ type: 'stopped' }]);
  });

  it('has come about when the manager is gone, or comes back without it', async () => {
    const { bench, manager } = await given('a/0', 'b/0', 'c/0', 'd/0');
    manager.say({ t: 'started', leases: [1, 3], workers: ['11', '12'] });
    for (const key of ['a/0', 'b/0', 'c/0', 'd/0']) bench.stop(key);
    manager.drop();
    manager.comeBack([3, 4]);
    expect([bench.endsOf('a/0'), bench.endsOf('b/0')]).toMatchObject([[{ type: 'stopped' }], [{ type: 'stopped' }]]);
    bench.crew.end(bench.entry('m1'), 'timeout', 'over');
    expect([bench.endsOf('c/0'), bench.endsOf('d/0')]).toMatchObject([[{ type: 'stopped' }], [{ type: 'stopped' }]]);
    expectNothingLeft(bench);
  });
});

describe('stopping everything', () => {
  it('ends what is queued and what runs, once each, and has managers stop it', async () => {
    const { bench, manager } = await given('a/0', 'b/0', 'c/0', 'd/0', 'e/0', 'f/0');
    manager.say({ t: 'started', leases: [1], workers: ['11'] });
    bench.exchange.stopAll();
    for (const key of ['a/0', 'b/0', 'c/0', 'd/0', 'e/0', 'f/0']) expect(bench.endsOf(key)).toMatchObject([{ type: 'stopped' }]);
    expect(manager.take('stop').map(({ lease }) => lease)).toEqual([1, 2, 3, 4]);
    manager.say(ended(1, 2));
    expect(bench.notes.filter(({ type }) => type === 'lease.late')).toHaveLength(2);
    expectNothingLeft(bench);
  });

  it('leaves room for what comes then', async () => {
    const { bench, manager } = await given('a/0', 'b/0', 'c/0', 'd/0', 'e/0');
    bench.exchange.stopAll();
    bench.submit('g/0');
    await bench.rest();
    expect(manager.byKey.has('g/0')).toBe(true);
  });
});

it('what is submitted after the end is stopped at once', async () => {
  const { bench } = await given();
  bench.exchange.close();
  bench.submit('b/0');
  expect(bench.endsOf('b/0')).toMatchObject([{ type: 'stopped' }]);
});
