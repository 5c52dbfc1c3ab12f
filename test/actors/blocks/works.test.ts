/** Work of a host without a task graph: what becomes of it, what is told of it, and how it is cancelled. */
import { describe, expect, it } from 'vitest';

import { UnroutableError, WorkError, WorkerLostError } from '../../../src/machines/model/errors.ts';
import type { BlockWork, WorkEvent } from '../../../src/machines/model/work-events.ts';
import { benches, failureOf, request, simulated, turn } from '../../support/service-bench.ts';

const bench = benches();
async function eventsOf({ events }: BlockWork): Promise<WorkEvent[]> {
  const found: WorkEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

describe('work', () => {
  it('goes to a worker as the bytes it is, and comes back as bytes', async () => {
    const { service, manager } = bench();
    const work = service.submit(request({ payload: Uint8Array.of(1, 2, 3), entry: 'double', correlationId: 'job-7' }));
    const played = await manager();
    const [granted] = await played.granted(1);
    expect(granted?.call).toEqual({
      id: 'job-7',
      tryIndex: 0,
      module: 'file:///host/entry.js',
      entry: 'double',
      payload: Uint8Array.of(1, 2, 3),
    });
    played.done(granted?.lease ?? 0, Uint8Array.of(2, 4, 6));
    expect(await work.promise).toEqual(Uint8Array.of(2, 4, 6));
    expect(service.size).toBe(0);
  });

  it('tells where it is, with block, job, host and worker', async () => {
    const { service, manager } = bench();
    const work = service.submit(request());
    const played = await manager();
    const [{ lease } = { lease: 0 }] = await played.granted(1);
    played.start(lease);
    played.done(lease);
    const where = { host: 'host-0', blockId: '0', jobId: 'j1' };
    expect(await eventsOf(work)).toEqual([
      { type: 'queued', atMs: expect.any(Number) },
      { type: 'sent', atMs: expect.any(Number), ...where },
      { type: 'running', atMs: expect.any(Number), ...where, worker: '7' },
      { type: 'done', atMs: expect.any(Number), ...where, worker: '7' },
    ]);
  });

  it('fails with the error that its entry has thrown, in the budget of its own', async () => {
    const { service, manager } = bench();
    const work = service.submit(request({ correlationId: 'job-8' }));
    const played = await manager();
    const [{ lease } = { lease: 0 }] = await played.granted(1);
    played.fails(lease, new RangeError('out of range'));
    const error = await failureOf(work);
    expect(error).toBeInstanceOf(WorkError);
    expect(error).toMatchObject({
      code: 'ERR_WORK',
      message: 'entry.js#run (w1, job-8) ended without a result (app): out of range',
      workId: 'w1',
      correlationId: 'job-8',
      failure: {
        kind: 'app',
        budget: 'user',
        name: 'RangeError',
        message: 'out of range',
        executor: 'blocks',
        host: 'host-0',
        worker: '7',
      },
      place: { host: 'host-0', blockId: '0', jobId: 'j1', worker: '7' },
    });
    expect(error.cause).toBeInstanceOf(RangeError);
    expect((await eventsOf(work)).at(-1)).toMatchObject({ type: 'failed', failure: { kind: 'app', budget: 'user' } });
  });

  it('fails with its worker, in the budget of the infrastructure, and is not tried again', async () => {
    const { service, manager } = bench();
    const work = service.submit(request());
    const played = await manager();
    const [{ lease } = { lease: 0 }] = await played.granted(1);
    played.start(lease);
    played.loses(lease);
    const error = await failureOf(work);
    expect(error.failure).toMatchObject({ kind: 'workerLost', budget: 'infrastructure' });
    expect(error.cause).toBeInstanceOf(WorkerLostError);
    expect(service.snapshot()).toMatchObject({ queued: 0, granted: 0, running: 0 });
  });

  it('fails with its block, as the provider says how that has ended', async () => {
    const { service, provider, manager } = bench();
    const work = service.submit(request());
    const played = await manager();
    const [{ lease } = { lease: 0 }] = await played.granted(1);
    played.start(lease);
    await turn();
    await turn();
    provider.end(provider.take().jobId, { end: 'preempted' });
    expect((await failureOf(work)).failure).toMatchObject({ kind: 'preempted', budget: 'infrastructure' });
  });

  it('fails at once when no block could ever run it', async () => {
    const { service } = bench();
    const error = await failureOf(service.submit(request({ resources: { cores: 99 } })));
    expect(error.failure).toMatchObject({ kind: 'unroutable', budget: 'never' });
    expect(error.cause).toBeInstanceOf(UnroutableError);
  });

  it('fails as internal when what its worker says is no outcome', async () => {
    const { service, manager } = bench();
    const work = service.submit(request());
    const played = await manager();
    const [{ lease } = { lease: 0 }] = await played.granted(1);
    played.link.send({ t: 'ended', seq: 1, leases: [lease], outcomes: [Uint8Array.of(99)], workers: ['7'] });
    expect((await failureOf(work)).failure).toMatchObject({ kind: 'internal', budget: 'never' });
  });

  it('raises nothing when nobody waits for its failure', async () => {
    const { service, until } = bench();
    service.submit(request({ resources: { cores: 99 } }));
    await until(() => service.size === 0);
    await turn(); // an unhandled rejection would fail this file
    expect(service.size).toBe(0);
  });

  it('goes by priority', async () => {
    const { service, manager } = bench({ workers: 1, maxCredit: 1 });
    for (const priority of [0, 5, 1]) service.submit(request({ priority, correlationId: String(priority) }));
    const played = await manager({ workers: 1 });
    for (const n of [1, 2, 3]) played.done((await played.granted(n)).at(-1)?.lease ?? 0);
    expect((await played.granted(3)).map(({ call }) => call.id)).toEqual(['5', '1', '0']);
  });
});

describe('cancelling', () => {
  it('takes what is queued out of the queue at once', async () => {
    const { service } = bench();
    const work = service.submit(request());
    service.cancel(work.id, new Error('no longer wanted'));
    const error = await failureOf(work);
    expect(error).toMatchObject({
      message: 'entry.js#run (w1) was cancelled: no longer wanted',
      failure: { kind: 'cancelled', budget: 'never' },
      cause: new Error('no longer wanted'),
    });
    expect((await eventsOf(work)).map(({ type }) => type)).toEqual(['queued', 'cancelled']);
    expect(service.snapshot().queued).toBe(0);
  });

  it('stops what runs, with the reason, and drops a result that comes all the same', async () => {
    const { service, manager, notes } = bench();
    const work = service.submit(request());
    const played = await manager();
    const [{ lease } = { lease: 0 }] = await played.granted(1);
    played.start(lease);
    await turn();
    await turn();
    service.cancel(work.id, 'enough');
    const stop = await played.until('stop');
    expect(stop.graceMs).toBe(2000);
    played.done(lease, Uint8Array.of(1));
    expect((await failureOf(work)).failure.kind).toBe('cancelled');
    expect(notes()).toContain('work.late');
  });

  it('is over when it is confirmed', async () => {
    const { service, manager } = bench();
    const work = service.submit(request());
    const played = await manager();
    const [{ lease } = { lease: 0 }] = await played.granted(1);
    service.cancel(work.id, 'enough');
    await played.until('stop');
    played.stopped(lease);
    expect((await failureOf(work)).cause).toBe('enough');
  });

  it('is given up when nobody confirms it', async () => {
    const clock = simulated();
    const { service, manager } = bench({}, clock);
    const work = service.submit(request());
    const played = await manager();
    await played.granted(1);
    service.cancel(work.id, 'enough');
    await played.until('stop');
    clock.increment(4001);
    expect((await failureOf(work)).failure.kind).toBe('cancelled');
  });

  it('of work that has ended does nothing', async () => {
    const { service, manager } = bench();
    const work = service.submit(request());
    const played = await manager();
    played.done((await played.granted(1))[0]?.lease ?? 0);
    await work.promise;
    service.cancel(work.id, 'too late');
    expect((await eventsOf(work)).at(-1)?.type).toBe('done');
  });
});
