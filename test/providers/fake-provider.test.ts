import { describe, expect, it } from 'vitest';

import { conformsToProvider } from '../conformance/provider.ts';
import { fakeProvider } from '../support/fake-provider.ts';
import { jobSpec, providerBench } from '../support/provider-bench.ts';

describe('the fake of other tests', () => {
  conformsToProvider(() => {
    const provider = fakeProvider({
      phase: 'running',
      becomes({ argv: [program] }) {
        if (program === 'true') return { end: 'completed', exitCode: 0 };
        return program === 'false' ? { end: 'failed', exitCode: 1, stderr: 'no luck' } : undefined;
      },
    });
    return {
      make: () => provider,
      endless: ['sleep', '1000'],
      succeeds: ['true'],
      fails: { argv: ['false'], exitCode: 1, stderr: 'no luck' },
    };
  });

  it('lets the test say what becomes of a job, and says what is left', async () => {
    const provider = fakeProvider();
    const on = providerBench(provider);
    const jobId = await on.submit(jobSpec('/'));
    expect(provider.take().jobId).toBe(jobId);
    expect(() => provider.expectNothingElse()).toThrow(jobId);
    for (const phase of ['held', 'pending', 'running'] as const) {
      ({ held: provider.hold, pending: provider.requeue, running: provider.run })[phase](jobId);
      expect(await on.status(jobId)).toEqual({ type: 'known', phase });
    }
    provider.end(jobId, { end: 'preempted' });
    expect(await on.ended(jobId)).toEqual({ end: 'preempted' });
    expect(() => provider.run(jobId)).toThrow('has ended');
    provider.expectNothingElse();
    await on.close();
    expect(provider.isOpen).toBe(false);
  });

  it('lets requests go wrong in every way', async () => {
    const provider = fakeProvider();
    const on = providerBench(provider);
    const job = jobSpec('/');
    provider.fault('submit', 'refused');
    expect(await on.ask({ type: 'jobs.submit', job })).toMatchObject({ type: 'jobs.refused' });
    provider.fault('submit', 'failed');
    expect(await on.ask({ type: 'jobs.submit', job })).toMatchObject({ type: 'jobs.failed' });
    expect(await on.find(job.name)).toEqual({});
    provider.fault('submit', 'failedLate');
    expect(await on.ask({ type: 'jobs.submit', job })).toMatchObject({ type: 'jobs.failed' });
    expect(await on.find(job.name)).toEqual({ [job.name]: 'j1' });
    provider.fault('find', 'empty');
    expect(await on.find(job.name)).toEqual({});
    for (const fault of ['silent', 'lost', 'held', 'misaddressed'] as const) {
      provider.fault('status', fault);
      const request = on.send({ type: 'jobs.status', jobIds: ['j1'] });
      await on.status('j1');
      expect(on.answersTo(request)).toEqual([]);
    }
    expect(() => provider.expectNothingElse()).toThrow('j1');
    provider.end('j1');
    expect(() => provider.expectNothingElse()).toThrow('held: jobs.status');
    provider.answerHeld();
    provider.fault('status', 'twice');
    const twice = on.send({ type: 'jobs.status', jobIds: ['j1'] });
    await on.status('j1');
    expect(on.answersTo(twice)).toHaveLength(2);
    provider.fault('cancel', 'lost');
    expect(() => provider.expectNothingElse()).toThrow('cancel lost');
    await on.close();
  });
});
