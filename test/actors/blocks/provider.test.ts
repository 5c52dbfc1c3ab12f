/** A provider as blocks see it: what is asked together goes out together, outcomes are certain, and trouble is left alone. */
import { describe, expect, it } from 'vitest';

import type { Found, Submitted } from '../../../src/actors/blocks/provider.ts';
import type { JobStatus } from '../../../src/machines/model/blocks.ts';
import type { Provider } from '../../../src/providers/port.ts';
import { blockWorld, specOf } from '../../support/block-world.ts';
import { fakeProvider, type FakeProviderOptions } from '../../support/fake-provider.ts';
import { actorOf, openProvider, type OpenedProvider } from '../../support/provider-actor.ts';

const polled = { pollMs: 5000 } as const;

describe('a submission', () => {
  it('is answered with the id of its job', async () => {
    const { submit, outcomes, settle, provider, errors } = openProvider();
    submit('0');
    await settle();
    expect(outcomes).toEqual([{ type: 'submitted', jobId: 'j1' }]);
    expect(provider.view()).toMatchObject({ state: 'closed', submissions: 0, requests: 0 });
    await provider.close();
    expect(errors).toEqual([]);
  });

  it('that is refused is answered so', async () => {
    const { batch, submit, outcomes, settle } = openProvider();
    batch.fault('submit', 'refused');
    submit('0');
    await settle();
    expect(outcomes).toEqual([{ type: 'refused', message: 'no such partition' }]);
  });

  it.each(['lost', 'failedLate', 'misaddressed'] as const)('whose answer is %s is found by its name, and not repeated', async (fault) => {
    const { batch, submit, outcomes, pass, sent, noted } = openProvider();
    batch.fault('submit', fault);
    submit('0');
    await pass(30_000);
    // misaddressed: nothing was done
    expect(outcomes).toEqual([
      fault === 'misaddressed' ? expect.objectContaining({ type: 'refused' }) : { type: 'submitted', jobId: 'j1' },
    ]);
    expect(sent('jobs.submit')).toHaveLength(1);
    expect(noted('job.unresolved')).toHaveLength(1);
  });

  it('with no job of its name was refused, for sure', async () => {
    const { batch, submit, outcomes, pass } = openProvider();
    batch.fault('submit', 'failed');
    submit('0');
    await pass(5000);
    expect(outcomes).toEqual([{ type: 'refused', message: 'the batch system is not there' }]);
  });

  it('is looked for until the provider is sure', async () => {
    const { batch, submit, outcomes, pass, sent } = openProvider();
    batch.fault('submit', 'failedLate');
    batch.fault('find', 'failed', 3);
    submit('0');
    await pass(6000);
    expect([outcomes, sent('jobs.find').length]).toEqual([[], 2]); // after 1 s, 2 s, 4 s, …
    await pass(30_000);
    expect(outcomes).toEqual([{ type: 'submitted', jobId: 'j1' }]);
    expect(sent('jobs.find')).toHaveLength(4);
  });

  it('keeps to the rate that the provider allows, over any second', async () => {
    const { submit, sent, pass, settle } = openProvider({ traits: { submitsPerSecond: 2 } });
    for (const n of ['0', '1', '2', '3', '4']) submit(n);
    await settle();
    expect(sent('jobs.submit')).toHaveLength(2);
    await pass(990);
    expect(sent('jobs.submit')).toHaveLength(2);
    await pass(20);
    expect(sent('jobs.submit')).toHaveLength(4);
    await pass(1000);
    expect(sent('jobs.submit')).toHaveLength(5);
  });

  it('can be withdrawn before it was sent, and is answered as usual after', async () => {
    const { provider, submit, outcomes, settle, sent } = openProvider({ traits: { submitsPerSecond: 1 } });
    submit('0');
    submit('1');
    await settle();
    provider.withdraw('job-0');
    provider.withdraw('job-1');
    expect(outcomes).toEqual([{ type: 'submitted', jobId: 'j1' }, expect.objectContaining({ type: 'refused' })]);
    expect(sent('jobs.submit')).toHaveLength(1);
  });

  it('of a provider that cannot be opened is refused', async () => {
    const world = blockWorld();
    const broken: Provider = {
      ...fakeProvider(),
      open() {
        throw new Error('no such host');
      },
    };
    const provider = actorOf(world, broken);
    const outcomes: Submitted[] = [];
    provider.submit(specOf('0', 'job-0'), (outcome) => outcomes.push(outcome));
    expect(outcomes).toEqual([{ type: 'refused', message: 'it could not be opened: no such host' }]);
    const found: Found[] = [];
    provider.find(['a'], (answer) => found.push(answer));
    await world.settle();
    expect(found).toEqual([{ type: 'failed', message: 'it could not be opened: no such host' }]);
    await provider.close();
  });

  it('that comes about after it was refused for sure is cancelled', async () => {
    const { batch, submit, outcomes, pass, sent, noted } = openProvider();
    batch.fault('submit', 'held');
    submit('0');
    await pass(30_000);
    expect(outcomes).toEqual([{ type: 'refused', message: 'no answer within 10000 ms' }]);
    batch.answerHeld();
    await pass(10);
    expect(noted('job.orphaned')).toEqual([{ jobName: 'job-0', jobId: 'j1' }]);
    expect(sent('jobs.cancel')).toHaveLength(1);
    batch.expectNothingElse();
  });
});

describe('a watched job', () => {
  const watch = ({ provider }: OpenedProvider, jobId: string): JobStatus[] => {
    const seen: JobStatus[] = [];
    provider.watch(jobId, (status) => seen.push(status));
    return seen;
  };

  it('is polled as often as the provider says, with all others in one request', async () => {
    const opened = openProvider({ traits: { ...polled, batch: 2 }, tells: false });
    const { submit, settle, pass, sent, provider } = opened;
    for (const n of ['0', '1', '2']) submit(n);
    await settle();
    const seen = ['j1', 'j2', 'j3'].map((jobId) => watch(opened, jobId));
    await pass(4900);
    expect(sent('jobs.status')).toEqual([]);
    await pass(200);
    expect(sent('jobs.status')).toMatchObject([{ jobIds: ['j1', 'j2'] }, { jobIds: ['j3'] }]);
    expect(seen).toEqual([1, 2, 3].map(() => [{ type: 'known', phase: 'pending' }]));
    for (const jobId of ['j1', 'j2', 'j3']) provider.unwatch(jobId);
    await pass(20_000);
    expect(sent('jobs.status')).toHaveLength(2);
  });

  it('of a provider that tells by itself is asked for once, since it may have told before', async () => {
    const opened = openProvider();
    opened.submit('0');
    await opened.settle();
    opened.batch.end('j1');
    const seen = watch(opened, 'j1');
    await opened.pass(60_000);
    expect(opened.sent('jobs.status')).toHaveLength(1);
    expect(seen).toMatchObject([{ type: 'gone' }]);
  });

  it.each(['failed', 'silent', 'empty'] as const)('is not known when the answer is %s', async (fault) => {
    const opened = openProvider({ traits: polled });
    opened.submit('0');
    await opened.settle();
    const seen = watch(opened, 'j1');
    opened.batch.fault('status', fault);
    await opened.pass(16_000);
    expect(seen[0]).toMatchObject({ type: 'unknown' });
  });

  it('is asked for at once when somebody checks, or cancels it', async () => {
    const opened = openProvider({ traits: polled, tells: false });
    const { submit, settle, provider, sent } = opened;
    submit('0');
    submit('1');
    await settle();
    const seen = watch(opened, 'j1');
    provider.check('j1');
    provider.check('j2');
    provider.check('j1');
    await settle();
    expect(sent('jobs.status')).toMatchObject([{ jobIds: ['j1', 'j2'] }]);
    provider.cancel('j1');
    provider.cancel('j2');
    await settle();
    expect(sent('jobs.cancel')).toMatchObject([{ jobIds: ['j1', 'j2'] }]);
    expect(seen).toMatchObject([{ type: 'known' }, { type: 'gone' }]);
  });
});

it('searches go out together, and each is answered with its own names', async () => {
  const { batch, submit, settle, provider, sent } = openProvider();
  submit('0');
  submit('1');
  await settle();
  const found: Found[] = [];
  provider.find(['job-0', 'nobody'], (answer) => found.push(answer));
  provider.find(['job-1'], (answer) => found.push(answer));
  provider.find([], (answer) => found.push(answer));
  await settle();
  expect(found).toEqual([{ 'job-0': 'j1' }, { 'job-1': 'j2' }, {}].map((jobs) => ({ type: 'found', jobs })));
  expect(sent('jobs.find')).toHaveLength(1);
  batch.fault('find', 'failed');
  provider.find(['job-0'], (answer) => found.push(answer));
  await settle();
  expect(found.at(-1)).toEqual({ type: 'failed', message: 'the batch system is not there' });
});

describe('a provider in trouble', () => {
  /** Five searches that fail. */
  async function broken(options: FakeProviderOptions = {}): Promise<OpenedProvider> {
    const opened = openProvider(options);
    opened.batch.fault('find', 'failed', 5);
    for (let i = 0; i < 5; i++) {
      opened.provider.find(['x'], () => {});
      await opened.settle();
    }
    expect(opened.provider.view()).toMatchObject({ state: 'open', failures: 5, why: 'the batch system is not there' });
    return opened;
  }

  it('gets no submissions and no polls until it had time to cool down', async () => {
    const { provider, submit, sent, pass, outcomes } = await broken();
    submit('0');
    provider.check('j7');
    await pass(900);
    expect([...sent('jobs.submit'), ...sent('jobs.status')]).toEqual([]);
    await pass(200);
    expect(outcomes).toHaveLength(1);
    expect(provider.view().state).toBe('closed');
  });

  it('is sent one request to see whether it is well again', async () => {
    const { batch, provider, submit, sent, pass, outcomes } = await broken({ traits: { pollMs: 100_000 } });
    batch.fault('submit', 'held');
    for (const n of ['0', '1', '2']) submit(n);
    await pass(1100);
    expect(provider.view().state).toBe('halfOpen');
    await pass(5000);
    expect(sent('jobs.submit')).toHaveLength(1);
    batch.answerHeld();
    await pass(10);
    expect(outcomes).toHaveLength(3);
  });

  it('is always asked to cancel and to find, and is tried again when it answers', async () => {
    const { provider, sent, settle } = await broken();
    provider.cancel('j1');
    await settle();
    expect(sent('jobs.cancel')).toHaveLength(1);
    expect(provider.view().state).toBe('halfOpen');
  });
});

it('nothing is left of a provider that was closed', async () => {
  const { batch, submit, provider, system, clock, settle, outcomes } = openProvider({ traits: polled });
  batch.fault('submit', 'held');
  submit('0');
  provider.watch('j1', () => {});
  await settle();
  await provider.close();
  await provider.close();
  batch.answerHeld();
  submit('1');
  await settle();
  expect(outcomes).toEqual([]);
  expect(batch.isOpen).toBe(false);
  expect([...system.live]).toEqual(['root']);
  expect((clock as unknown as { timeouts: Map<unknown, unknown> }).timeouts.size).toBe(0);
});
