/** One block of a set: on the disk before it is submitted, never submitted twice, looked for when nobody knows. */
import { describe, expect, it } from 'vitest';

import { fakeProvider } from '../../support/fake-provider.ts';
import { setBench } from '../../support/block-set.ts';
import { specOf } from '../../support/block-world.ts';

const one = { init: 1, min: 0, max: 1 } as const;
const never = (): { out: number; in: string[] } => ({ out: 0, in: [] });

describe('a block', () => {
  it('is in the ledger before it is submitted, with its job after, and with its end at last', async () => {
    const provider = fakeProvider();
    const bench = setBench({ provider, limits: one, decide: never });
    bench.ledger.onAppend(() => expect(provider.requests).toEqual([]));
    await bench.settle();
    expect(provider.jobs).toHaveLength(1);
    provider.end('j1');
    await bench.settle();
    expect(bench.ledger.records).toMatchObject([
      { type: 'requested', runId: 'r1', label: 'hpc', blockId: '0', jobName: 'troupe-r1-hpc-0', provider: { kind: 'fake', options: {} } },
      { type: 'submitted', jobId: 'j1' },
      { type: 'ended', end: 'missing', jobId: 'j1' },
    ]);
    await bench.set.close();
  });

  it('that cannot be written down is not submitted, and says why', async () => {
    const provider = fakeProvider();
    const bench = setBench({ provider, limits: one, decide: never });
    bench.ledger.fail(new Error('no space left on device'));
    await bench.settle();
    expect(bench.view('0')).toMatchObject({ state: 'ended', end: 'submitFailed', why: 'no space left on device' });
    expect(provider.requests).toEqual([]);
    await bench.set.close();
  });

  it.each([
    [
      'throws',
      (): never => {
        throw new Error('no such launcher');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no such launcher'))],
  ])('whose description %s is not submitted, and says why', async (_, spec) => {
    const provider = fakeProvider();
    const bench = setBench({ provider, limits: one, decide: never, spec });
    await bench.settle();
    expect(bench.view('0')).toMatchObject({ state: 'ended', end: 'submitFailed', why: 'no such launcher' });
    expect(provider.jobs).toEqual([]);
    await bench.set.close();
  });

  it('given back while it is described is never submitted', async () => {
    let described = (): void => {};
    const spec = (blockId: string, name: string): Promise<ReturnType<typeof specOf>> =>
      new Promise((resolve) => (described = () => resolve(specOf(blockId, name))));
    const provider = fakeProvider();
    const bench = setBench({ provider, limits: one, decide: never, spec });
    await bench.settle();
    expect(bench.set.scaleIn(1)).toEqual(['0']);
    expect(bench.view('0')).toMatchObject({ state: 'ended', end: 'scaledIn' });
    described();
    await bench.settle();
    expect(provider.jobs).toEqual([]);
    expect(bench.errors).toEqual([]);
    await bench.set.close();
  });

  it('whose submission was lost counts until it is found, and is one job', async () => {
    const provider = fakeProvider();
    provider.fault('submit', 'lost');
    provider.fault('find', 'failed', 2);
    const bench = setBench({ provider, limits: one, decide: () => ({ out: 1, in: [] }) });
    await bench.pass(11_000, 100);
    expect(bench.live()).toMatchObject([{ blockId: '0', state: 'submitting' }]);
    await bench.pass(10_000, 100);
    expect(bench.live()).toMatchObject([{ blockId: '0', state: 'pending', jobId: 'j1' }]);
    expect(provider.jobs).toHaveLength(1);
    await bench.set.close();
  });

  it('is cancelled again and again until its job is gone', async () => {
    const provider = fakeProvider({ cancels: false, tells: false, traits: { pollMs: 60_000 } });
    const bench = setBench({ provider, limits: one, decide: never });
    await bench.settle();
    bench.set.scaleIn(1);
    await bench.pass(4000, 50); // at 0, 0.5, 1.5 and 3.5 s
    expect(provider.requests.filter(({ type }) => type === 'jobs.cancel')).toHaveLength(4);
    provider.fault('status', 'failed');
    provider.end('j1', { end: 'cancelled' });
    await bench.pass(4000, 50);
    expect(bench.view('0')).toMatchObject({ state: 'ended', end: 'scaledIn' });
    await bench.set.close();
  });

  it('that is said not to exist, though its manager is here, is looked for when it is to go', async () => {
    const provider = fakeProvider();
    provider.fault('submit', 'lost');
    provider.fault('find', 'empty');
    const bench = setBench({ provider, limits: one, decide: never });
    await bench.settle();
    bench.register('0');
    await bench.pass(20_000, 100);
    expect(bench.view('0')).toMatchObject({ state: 'ready', managers: 1 });
    expect(bench.view('0').jobId).toBeUndefined();
    const closed = bench.set.close();
    await bench.pass(5000, 100);
    await closed;
    provider.expectNothingElse();
    expect(bench.view('0')).toMatchObject({ state: 'ended', end: 'scaledIn', jobId: 'j1' });
  });
});
