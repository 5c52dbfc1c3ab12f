/** The blocks of one executor, from what there is to do to jobs that are gone. */
import { describe, expect, it } from 'vitest';

import { CLOSE_MS } from '../../../src/actors/blocks/block-set.ts';
import type { SimulatedClock } from '../../../src/api/testing.ts';
import { fakeProvider } from '../../support/fake-provider.ts';
import { setBench, type SetBench } from '../../support/block-set.ts';

const timeoutsOf = (clock: SimulatedClock): number => (clock as unknown as { timeouts: Map<unknown, unknown> }).timeouts.size;
const statesIn = (bench: SetBench): readonly string[] => bench.live().map(({ state }) => state);

describe('a set of blocks', () => {
  it('asks for what there is to do, follows each job, and gives back what is too much', async () => {
    const provider = fakeProvider();
    const bench = setBench({ provider });
    const { set, settle, pass, view, want, register } = bench;
    await settle();
    expect(set.views()).toEqual([]);

    want(7);
    await pass(40);
    expect(statesIn(bench)).toEqual(['pending', 'pending']);
    expect(provider.live.map(({ spec }) => spec.name)).toEqual(['troupe-r1-hpc-0', 'troupe-r1-hpc-1']);
    expect(view('0')).toMatchObject({ jobId: 'j1', jobName: 'troupe-r1-hpc-0', managers: 0, workers: 0 });

    provider.run('j1');
    expect(view('0').state).toBe('starting');
    expect(register('0')).toBe(true);
    expect(view('0')).toMatchObject({ state: 'ready', managers: 1, workers: 4, readyMs: 40, idleSinceMs: 40 });
    expect(register('1')).toBe(true); // before any poll has said that it runs
    expect(view('1').state).toBe('ready');
    set.load('0', { managers: 1, workers: 4, tries: 4 });
    set.load('1', { managers: 1, workers: 4, tries: 3 });
    expect(view('0').idleSinceMs).toBeUndefined();

    want(3);
    await pass(40);
    expect(view('1')).toMatchObject({ state: 'draining', why: 'the scaling policy gave it back' });
    set.left('1', 0);
    await settle();
    expect(view('1')).toMatchObject({ state: 'ended', end: 'scaledIn', managers: 0 });
    expect(bench.statesOf('1')).toEqual(['requested', 'submitting', 'pending', 'ready', 'draining', 'cancelling']);
    expect(bench.ended).toMatchObject([{ view: { blockId: '1', end: 'scaledIn' }, evidence: { end: 'cancelled' } }]);

    await set.close();
    provider.expectNothingElse();
    expect(bench.errors).toEqual([]);
  });

  it('asks for the first blocks at once, whatever there is to do, and never for more than the maximum', async () => {
    const provider = fakeProvider();
    const bench = setBench({ provider, limits: { init: 2, min: 0, max: 3 }, decide: () => ({ out: 99, in: [] }) });
    await bench.settle();
    expect(bench.set.views()).toHaveLength(3);
    await bench.pass(1000);
    expect(bench.set.scaleOut(5)).toEqual([]);
    expect(provider.jobs).toHaveLength(3);
    expect(bench.noted('scaling.decided')).toMatchObject([{ out: 3, in: [], asked: { out: 99 }, policy: 'test', isFirst: true }]);
    await bench.set.close();
  });

  it('counts blocks against the maximum until they are gone, whatever they wait for', async () => {
    const provider = fakeProvider({ cancels: false });
    const bench = setBench({ provider, limits: { init: 1, min: 0, max: 1 } });
    await bench.pass(40);
    bench.set.scaleIn(1);
    await bench.pass(100);
    expect(statesIn(bench)).toEqual(['cancelling']);
    bench.want(4);
    await bench.pass(100);
    expect(bench.set.views()).toHaveLength(1);
    provider.end('j1', { end: 'cancelled' });
    await bench.pass(100);
    expect(provider.jobs).toHaveLength(2);
    provider.end('j2');
    await bench.set.close();
  });

  it('keeps the minimum from below, later and later while blocks fail', async () => {
    const provider = fakeProvider({ becomes: () => ({ end: 'failed', exitCode: 1, message: 'no such image' }) });
    const bench = setBench({ provider, limits: { init: 0, min: 1, max: 4 }, decide: () => ({ out: 0, in: [] }) });
    await bench.pass(900, 50);
    expect(provider.jobs).toHaveLength(1);
    await bench.pass(300, 50); // 1 s after the first, then 2 s, 4 s, …
    expect(provider.jobs).toHaveLength(2);
    await bench.pass(30_000, 100);
    expect(provider.jobs.length).toBeGreaterThanOrEqual(5);
    expect(provider.jobs.length).toBeLessThanOrEqual(6);
    expect(bench.view('0')).toMatchObject({ end: 'failed', why: 'no such image' });
    await bench.set.close();
  });

  it('gives back by command what is missed least, and does not ask for it again', async () => {
    const provider = fakeProvider();
    const bench = setBench({ provider, limits: { init: 3, min: 2, max: 4 }, decide: () => ({ out: 0, in: [] }) });
    await bench.pass(40);
    bench.register('0');
    bench.register('1');
    bench.set.load('0', { managers: 1, workers: 4, tries: 4 });
    expect(bench.set.scaleIn(2)).toEqual(['2', '1']);
    await bench.pass(5000);
    expect(statesIn(bench)).toEqual(['ready', 'draining']);
    expect(bench.register('1', 'a late one')).toBe(false);
    expect(bench.set.scaleIn(['0', '1', '7'])).toEqual(['0']); // 1 is on its way already
    await bench.pass(5000);
    expect(statesIn(bench)).toEqual(['draining', 'draining']);
    expect(bench.set.scaleOut(1)).toEqual(['3']);
    await bench.pass(5000);
    expect(bench.live().map(({ blockId }) => blockId)).toEqual(['0', '1', '3']);
    await bench.set.close();
  });

  it('decides nothing while it is held, and carries out commands', async () => {
    const provider = fakeProvider();
    const bench = setBench({ provider });
    await bench.pass(40);
    bench.set.hold();
    bench.want(8);
    await bench.pass(1000);
    expect(bench.set.views()).toEqual([]);
    expect(bench.set.scaleOut(1)).toEqual(['0']);
    bench.set.unhold();
    await bench.pass(40);
    expect(bench.live()).toHaveLength(2);
    await bench.set.close();
  });

  it('takes a manager before the submission is answered, and none of a block that is not there', async () => {
    const provider = fakeProvider();
    provider.fault('submit', 'held');
    const bench = setBench({ provider, limits: { init: 1, min: 0, max: 4 } });
    bench.want(4);
    await bench.settle();
    expect(bench.register('0')).toBe(true);
    expect(bench.view('0').state).toBe('ready');
    provider.answerHeld();
    await bench.settle();
    expect(bench.view('0')).toMatchObject({ state: 'ready', jobId: 'j1' });
    expect(bench.statesOf('0')).toEqual(['requested', 'submitting', 'ready', 'ready']); // and then with the id of its job
    expect(bench.register('1')).toBe(false);
    provider.end('j1');
    await bench.settle();
    expect(bench.register('0')).toBe(false);
    bench.set.left('0', 0);
    bench.set.load('0', { managers: 1, workers: 1, tries: 1 });
    bench.set.check('0');
    expect(bench.view('0')).toMatchObject({ state: 'ended', end: 'completed', managers: 0 });
    await bench.set.close();
    expect(bench.errors).toEqual([]);
  });

  it('learns of one block what the next will offer, and how long it takes', async () => {
    const provider = fakeProvider();
    const bench = setBench({ provider, nodes: 2, walltimeMs: 60_000, limits: { init: 1, min: 0, max: 4 } });
    bench.want(4);
    await bench.pass(500);
    const { requestedMs } = bench.view('0');
    expect(bench.scalingAsked.at(-1)).toMatchObject({ perBlock: { slots: 4 }, failedInRow: 0 });
    bench.set.registered('0', 'a', { workers: 3, capacity: { cores: 6, gpus: 1 }, remainingMs: 50_000 });
    await bench.pass(100);
    expect(bench.scalingAsked.at(-1)).toMatchObject({
      perBlock: { slots: 6, capacity: { cores: 12, gpus: 2 } },
      startupMs: 500 - requestedMs,
    });
    expect(bench.view('0')).toMatchObject({ deadlineMs: 50_500, managers: 1 });
    bench.set.registered('0', 'b', { workers: 5, capacity: { cores: 6, gpus: 1 } });
    bench.set.registered('0', 'b', { workers: 5, capacity: { cores: 6, gpus: 1 } }); // its link was cut
    expect(bench.view('0')).toMatchObject({ managers: 2, workers: 8 });
    await bench.pass(100);
    expect(bench.scalingAsked.at(-1)).toMatchObject({ perBlock: { slots: 8, capacity: { cores: 12, gpus: 2 } } });
    await bench.set.close();
  });

  it('gives up a block that no manager is left of', async () => {
    const provider = fakeProvider();
    const bench = setBench({ provider, limits: { init: 1, min: 0, max: 4 }, desertedMs: 10_000 });
    bench.want(4);
    await bench.pass(40);
    bench.register('0');
    provider.run('j1');
    bench.set.left('0', 0);
    await bench.pass(9900);
    expect(bench.view('0').state).toBe('ready');
    await bench.pass(200);
    expect(bench.view('0')).toMatchObject({ state: 'ended', end: 'deserted' });
    await bench.set.close();
  });

  it('asks about a block at once when it is told to', async () => {
    const provider = fakeProvider({ tells: false, traits: { pollMs: 60_000 } });
    const bench = setBench({ provider, limits: { init: 1, min: 0, max: 4 } });
    await bench.settle();
    bench.register('0');
    provider.end('j1', { end: 'nodeFailed' });
    bench.set.check('0');
    await bench.settle();
    expect(bench.ended).toMatchObject([{ view: { end: 'nodeFailed' }, evidence: { end: 'nodeFailed' } }]);
    await bench.set.close();
  });

  it('is bad when the policy says so: once, and without more blocks until it recovers', async () => {
    const provider = fakeProvider();
    provider.fault('submit', 'refused', 2);
    const bench = setBench({
      provider,
      limits: { init: 2, min: 2, max: 4 },
      decide: () => ({ out: 0, in: [] }),
      judge: ({ ended, live }) => (live === 0 ? { bad: true, why: `${ended.length} have failed` } : { bad: false }),
    });
    await bench.pass(5000);
    expect(bench.bad).toEqual(['2 have failed: no such partition']);
    expect(bench.errorsAsked.at(-1)).toMatchObject({
      ended: [
        { blockId: '0', end: 'submitFailed', hadManager: false },
        { blockId: '1', end: 'submitFailed' },
      ],
      live: 0,
      total: 2,
      youngestLive: undefined,
    });
    expect(bench.set.scaleOut(1)).toEqual([]);
    await bench.pass(100_000);
    expect(bench.set.views()).toHaveLength(2);
    bench.set.recover();
    await bench.pass(40);
    expect(statesIn(bench)).toEqual(['pending', 'pending']);
    provider.end('j1', { end: 'failed' });
    expect(bench.errorsAsked.at(-1)).toMatchObject({ ended: [{ blockId: '2' }], total: 2, live: 1, youngestLive: '3' });
    await bench.set.close();
  });

  it('asks for no more blocks once it was stopped, and leaves those there are', async () => {
    const provider = fakeProvider();
    const bench = setBench({ provider, limits: { init: 1, min: 1, max: 4 } });
    await bench.settle();
    bench.set.stop();
    bench.want(16);
    await bench.pass(1000);
    expect(bench.live()).toHaveLength(1);
    await bench.set.close();
    provider.expectNothingElse();
  });

  it('keeps what the host is told apart from what the host does', async () => {
    const provider = fakeProvider();
    const bench = setBench({
      provider,
      limits: { init: 1, min: 0, max: 4 },
      onState() {
        throw new Error('a defect of the host');
      },
    });
    await bench.settle();
    expect(statesIn(bench)).toEqual(['pending']);
    expect(bench.noted('blocks.faulted').length).toBeGreaterThan(0);
    await bench.set.close();
    expect(bench.errors).toEqual([]);
  });
});

describe('closing', () => {
  it('cancels every block, waits until it is gone, and leaves nothing', async () => {
    const provider = fakeProvider();
    const bench = setBench({ provider, limits: { init: 3, min: 0, max: 4 } });
    await bench.settle();
    bench.register('0');
    const closed = bench.set.close();
    expect(bench.set.close()).toBe(closed);
    expect(bench.set.scaleOut(1)).toEqual([]);
    bench.want(100);
    await closed;
    expect(bench.set.views().map(({ end }) => end)).toEqual(['scaledIn', 'scaledIn', 'scaledIn']);
    provider.expectNothingElse();
    expect([provider.isOpen, bench.ledger.isClosed, timeoutsOf(bench.clock)]).toEqual([false, true, 0]);
    expect([...bench.system.live]).toEqual(['root']);
    expect(bench.errors).toEqual([]);
  });

  it('waits for the answer to a submission before it cancels the job', async () => {
    const provider = fakeProvider();
    provider.fault('submit', 'held');
    const bench = setBench({ provider, limits: { init: 1, min: 0, max: 4 } });
    await bench.settle();
    const closed = bench.set.close();
    await bench.settle();
    expect(statesIn(bench)).toEqual(['submitting']);
    provider.answerHeld();
    await closed;
    provider.expectNothingElse();
    expect(bench.view('0').end).toBe('scaledIn');
  });

  it('never sends a submission that still waits', async () => {
    const provider = fakeProvider({ traits: { submitsPerSecond: 1 } });
    const bench = setBench({ provider, limits: { init: 3, min: 0, max: 4 } });
    await bench.settle();
    await bench.set.close();
    expect(provider.jobs).toHaveLength(1);
    expect(bench.set.views().map(({ end }) => end)).toEqual(['scaledIn', 'scaledIn', 'scaledIn']);
  });

  it('gives up on a job that does not go, and says which', async () => {
    const provider = fakeProvider({ cancels: false });
    const bench = setBench({ provider, limits: { init: 1, min: 0, max: 4 } });
    await bench.settle();
    const closed = bench.set.close();
    await bench.pass(CLOSE_MS + 1000, 500);
    await closed;
    expect(bench.noted('blocks.left')).toEqual([{ blocks: [{ blockId: '0', jobName: 'troupe-r1-hpc-0', jobId: 'j1' }] }]);
    expect(provider.requests.filter(({ type }) => type === 'jobs.cancel').length).toBeGreaterThan(4);
    expect([...bench.system.live]).toEqual(['root']);
    expect(timeoutsOf(bench.clock)).toBe(0);
    expect(bench.ledger.records.map(({ type }) => type)).toEqual(['requested', 'submitted']);
  });
});
