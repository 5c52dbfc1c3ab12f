/** Blocks without a task graph: what a service tells, how it is told, and how it ends. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';

import { blockErrors } from '../../../src/api/policies.ts';
import { ExecutorError } from '../../../src/machines/model/errors.ts';
import { benches, failureOf, request, simulated, turn } from '../../support/service-bench.ts';

const bench = benches();

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
    const { service, provider, until, manager } = bench({ block: { max: 1, min: 1 }, policies: { blockErrors: blockErrors.neverReady() } });
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
