/** Blocks without a task graph: what becomes of work, what is told of it, and how a service ends. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

import type { BlockWork } from '../../../src/actors/blocks/live-work.ts';
import { blockErrors } from '../../../src/api/policies.ts';
import { ExecutorError, UnroutableError, WorkError, WorkerLostError } from '../../../src/machines/model/errors.ts';
import type { WorkEvent } from '../../../src/machines/model/work-events.ts';
import { request, serviceBench, simulated, type ServiceBench } from '../../support/service-bench.ts';

const benches: ServiceBench[] = [];
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.close();
});
const bench = (...args: Parameters<typeof serviceBench>): ServiceBench => {
  const made = serviceBench(...args);
  benches.push(made);
  return made;
};

const failureOf = (work: BlockWork): Promise<WorkError> =>
  work.promise.then(
    () => {
      throw new Error('it has a result');
    },
    (error: unknown) => error as WorkError,
  );
async function eventsOf({ events }: BlockWork): Promise<WorkEvent[]> {
  const found: WorkEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}
/** Lets what is under way between driver and manager arrive. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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

describe('a service', () => {
  it('tells of output and progress under the name of the work', async () => {
    const { service, manager, events, until } = bench();
    service.submit(request({ correlationId: 'job-9' }));
    const played = await manager();
    const [{ lease } = { lease: 0 }] = await played.granted(1);
    played.link.send({ t: 'output', lease, stream: 'stdout', text: 'half\n' });
    played.link.send({ t: 'progress', lease, value: Uint8Array.of(50) });
    await until(() => events.some(({ type }) => type === 'progress'));
    expect(events.filter(({ type }) => type === 'output' || type === 'progress')).toEqual([
      { type: 'output', atMs: expect.any(Number), workId: 'w1', correlationId: 'job-9', stream: 'stdout', text: 'half\n' },
      { type: 'progress', atMs: expect.any(Number), workId: 'w1', correlationId: 'job-9', bytes: Uint8Array.of(50) },
    ]);
  });

  it('has one snapshot of everything, which is plain data', async () => {
    const { service, manager } = bench();
    service.submit(request());
    const played = await manager();
    await played.granted(1);
    const snapshot = service.snapshot();
    expect(snapshot).toMatchObject({
      label: 'blocks',
      state: 'ready',
      limits: { init: 1, min: 0, max: 1, nodes: 1 },
      queued: 0,
      granted: 1,
      blocks: [{ blockId: '0', state: 'ready', jobId: 'j1', workers: 2 }],
      managers: [{ managerId: 'm-0', blockId: '0', state: 'ready', host: 'host-0' }],
    });
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
  });

  it('scales, holds and drains as it is told', async () => {
    const { service, provider, manager, until } = bench({ block: { max: 3 } });
    const played = await manager();
    service.hold();
    service.submit(request());
    await turn();
    expect(played.heard.received.map(({ t }) => t)).not.toContain('grant');
    service.unhold();
    await played.granted(1);
    expect(service.scaleOut(5)).toHaveLength(2);
    await until(() => provider.live.length === 3);
    service.drain('0');
    expect((await played.until('drain')).t).toBe('drain');
    expect(() => service.hold('nobody')).toThrow(/there is no block or manager 'nobody'/);
  });

  it('is bad when its blocks fail, fails what it has, and goes on after recover', async () => {
    const { service, provider, until, manager } = bench({ block: { max: 1, min: 1 }, policies: { blockErrors: blockErrors.simple() } });
    const work = service.submit(request());
    await until(() => {
      for (const { jobId } of provider.live) provider.end(jobId, { end: 'failed', exitCode: 1, stderr: 'no such module' });
      return service.snapshot().state === 'bad';
    });
    const error = await failureOf(work);
    expect(error.failure).toMatchObject({ kind: 'submit', budget: 'infrastructure' });
    expect(error.cause).toBeInstanceOf(ExecutorError);
    expect((await failureOf(service.submit(request()))).message).toMatch(/is in its bad state: /);
    expect(service.snapshot().why).toBeDefined();

    service.recover();
    await until(() => service.snapshot().state === 'ready');
    const again = service.submit(request());
    const played = await manager();
    played.done((await played.granted(1))[0]?.lease ?? 0, Uint8Array.of(1));
    expect(await again.promise).toEqual(Uint8Array.of(1));
  });

  it('rejects ready when managers cannot connect', async () => {
    const { service } = bench({
      transport: {
        kind: 'broken',
        listen: () => Promise.reject(new Error('listen EADDRINUSE')),
        connect: () => Promise.reject(new Error('nobody')),
      },
    });
    await expect(service.ready).rejects.toThrow('listen EADDRINUSE');
    expect((await failureOf(service.submit(request()))).message).toContain('listen EADDRINUSE');
  });

  it('lives beside others of its process', async () => {
    const [one, other] = [bench(), bench()];
    const works = [one, other].map(({ service }) => service.submit(request()));
    for (const each of [one, other]) {
      const played = await each.manager();
      played.done((await played.granted(1))[0]?.lease ?? 0);
    }
    await Promise.all(works.map(({ promise }) => promise));
    await one.service.shutdown('drain');
    expect(other.service.state).toBe('ready');
  });
});

describe('the end of a service', () => {
  it('waits for what there is when it is drained', async () => {
    const { service, manager, provider } = bench();
    const work = service.submit(request());
    const played = await manager();
    const ended = service.shutdown('drain');
    played.done((await played.granted(1))[0]?.lease ?? 0, Uint8Array.of(1));
    expect(await work.promise).toEqual(Uint8Array.of(1));
    await ended;
    expect(service.state).toBe('stopped');
    expect(provider.live).toEqual([]);
    expect(provider.isOpen).toBe(false);
  });

  it('cancels what there is when it is killed, without waiting for graces', async () => {
    const { service, manager } = bench();
    const works = [service.submit(request()), service.submit(request()), service.submit(request())];
    const played = await manager();
    const [{ lease } = { lease: 0 }] = await played.granted(2);
    played.start(lease);
    await turn();
    await service.shutdown('kill');
    for (const work of works) expect((await failureOf(work)).failure.kind).toBe('cancelled');
  });

  it('may be hurried', async () => {
    const { service } = bench();
    const work = service.submit(request());
    const drained = service.shutdown('drain');
    await service.shutdown('kill');
    await drained;
    expect((await failureOf(work)).failure.kind).toBe('cancelled');
  });

  it('leaves no folder, link or timer', async () => {
    const clock = simulated();
    const { service, manager, network, provider } = bench({}, clock);
    await manager();
    const folder = dirname(provider.jobs[0]?.spec.argv.at(-1) ?? '');
    expect(existsSync(folder)).toBe(true);
    await service.shutdown('drain');
    await turn();
    expect(existsSync(folder)).toBe(false);
    expect(network.links).toEqual([]);
    expect((clock as unknown as { readonly timeouts: ReadonlyMap<unknown, unknown> }).timeouts.size).toBe(0);
  });
});
