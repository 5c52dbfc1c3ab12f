/** What every provider does, wherever its jobs run: `describe('local', () => conformsToProvider(() => ({ … })))`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { JobSpec, JobStatus, Provider } from '../../src/providers/port.ts';
import { jobSpec, providerBench, type ProviderBench } from '../support/provider-bench.ts';

/** What is tested: made anew for each test. */
export interface ProviderSubject {
  /** Makes another of the same kind, that sees the same jobs: what a driver has that comes after a dead one. */
  make(): Provider;
  /** A command that runs until it is ended. */
  readonly endless: readonly string[];
  /** A command that succeeds by itself. */
  readonly succeeds: readonly string[];
  /** A command that fails by itself; `undefined` where nobody tells how a job has ended. */
  readonly fails?: { readonly argv: readonly string[]; readonly exitCode: number; readonly stderr: string };
  /** Jobs of these names of which something is left on the system; asked once they have ended. */
  left?(names: readonly string[]): Promise<readonly string[]>;
}

/** @param beforeClose - Called before what a test has opened is closed. */
export function conformsToProvider(subject: () => ProviderSubject): void {
  let dir: string;
  let it1: ProviderSubject;
  let benches: ProviderBench[];
  let submitted: { readonly jobId: string; readonly name: string }[];
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'troupe-jobs-'));
    it1 = subject();
    benches = [];
    submitted = [];
  });
  afterEach(async () => {
    const last = open();
    await last.cancel(...submitted.map(({ jobId }) => jobId));
    for (const { jobId } of submitted) await last.ended(jobId);
    await Promise.all(benches.map((each) => each.close()));
    expect((await it1.left?.(submitted.map(({ name }) => name))) ?? []).toEqual([]);
    rmSync(dir, { recursive: true, force: true });
  });

  function open(options?: Parameters<typeof providerBench>[1]): ProviderBench {
    const one = providerBench(it1.make(), options);
    benches.push(one);
    return one;
  }
  const spec = (over?: Partial<JobSpec>): JobSpec => jobSpec(dir, { argv: it1.endless, ...over });
  async function submit(on: ProviderBench, job = spec()): Promise<string> {
    const jobId = await on.submit(job);
    submitted.push({ jobId, name: job.name });
    return jobId;
  }
  const endOf = (status: JobStatus | undefined): unknown => (status?.type === 'gone' ? status.evidence : status);

  describe('what it says of itself', () => {
    it('is plain data: a kind, options that can be written down, traits', () => {
      const { kind, options, traits } = it1.make();
      expect(kind).toMatch(/^[a-zA-Z][\w-]*$/);
      expect(JSON.parse(JSON.stringify(options))).toEqual(options);
      expect(traits.pollMs).toBeGreaterThanOrEqual(0);
      expect(traits.batch).toBeGreaterThanOrEqual(1);
    });

    it('includes the text of a submission, of which nothing comes', async () => {
      const job = spec();
      const text = it1.make().render(job);
      expect(text).toContain(job.name);
      for (const word of job.argv) expect(text).toContain(word);
      expect(await open().find(job.name)).toEqual({});
    });
  });

  describe('submitting', () => {
    it('gives each job an id of its own', async () => {
      const on = open();
      const ids = [await submit(on), await submit(on), await submit(on)];
      expect(new Set(ids).size).toBe(3);
    });

    it('answers each request once, under its id, however many there are', async () => {
      const on = open();
      const job = spec();
      const requests = [
        on.send({ type: 'jobs.submit', job }),
        on.send({ type: 'jobs.find', names: ['no-such-job'] }),
        on.send({ type: 'jobs.status', jobIds: [] }),
        on.send({ type: 'jobs.cancel', jobIds: [] }),
      ];
      const jobId = (await on.find(job.name))[job.name] as string;
      submitted.push({ jobId, name: job.name });
      await on.cancel(jobId);
      await on.ended(jobId);
      expect(requests.map((id) => on.answersTo(id).map(({ type }) => type))).toEqual([
        ['jobs.submitted'],
        ['jobs.found'],
        ['jobs.known'],
        ['jobs.cancelled'],
      ]);
    });
  });

  describe('status', () => {
    it('is known of a job that has not ended', async () => {
      const on = open();
      expect(await on.status(await submit(on))).toMatchObject({ type: 'known' });
    });

    it('answers for many at once, each by its id', async () => {
      const on = open();
      const ids = [await submit(on), await submit(on)];
      await on.cancel(ids[0] as string);
      await on.ended(ids[0] as string);
      const answer = await on.ask({ type: 'jobs.status', jobIds: ids });
      expect(answer).toMatchObject({
        type: 'jobs.known',
        jobs: { [ids[0] as string]: { type: 'gone' }, [ids[1] as string]: { type: 'known' } },
      });
    });

    it('of a job that never was is nothing that runs, and no success', async () => {
      const on = open();
      for (const jobId of ['0', 'no such job', '99999999:1', '__proto__', '']) {
        const status = await on.status(jobId);
        expect(status?.type).not.toBe('known');
        if (status?.type === 'gone') expect(status.evidence.end).toBe('unknown');
      }
    });

    it('never changes again once a job has ended', async () => {
      const on = open();
      const jobId = await submit(on);
      await on.cancel(jobId);
      await on.ended(jobId);
      const first = await on.status(jobId);
      await on.cancel(jobId);
      expect(await on.status(jobId)).toEqual(first);
      await submit(on);
      expect(await on.status(jobId)).toEqual(first);
    });
  });

  describe('the end of a job', () => {
    it('is completed when its command succeeds', async () => {
      const on = open();
      const jobId = await submit(on, spec({ argv: it1.succeeds }));
      expect(await on.ended(jobId)).toMatchObject({ end: 'completed' });
      expect(endOf(await on.status(jobId))).toMatchObject({ end: 'completed' });
    });

    it('is failed when its command fails, with the code and the end of what it wrote', async () => {
      if (it1.fails === undefined) return;
      const on = open();
      const { argv, exitCode, stderr } = it1.fails;
      const evidence = await on.ended(await submit(on, spec({ argv })));
      expect(evidence).toMatchObject({ end: 'failed', exitCode });
      expect(evidence.stderr).toContain(stderr);
    });

    it('is told unasked, where nobody is to poll', async () => {
      if (it1.make().traits.pollMs > 0) return;
      const on = open();
      expect(await on.changed(await submit(on, spec({ argv: it1.succeeds })))).toMatchObject({ type: 'gone' });
    });
  });

  describe('cancelling', () => {
    it('ends jobs as cancelled, many at once, and no other', async () => {
      const on = open();
      const [one, two, other] = [await submit(on), await submit(on), await submit(on)];
      await on.cancel(one, two);
      expect(await on.ended(one)).toMatchObject({ end: 'cancelled' });
      expect(await on.ended(two)).toMatchObject({ end: 'cancelled' });
      expect(await on.status(other)).toMatchObject({ type: 'known' });
    });

    it('is taken on again and again, and for what has ended or never was', async () => {
      const on = open();
      const jobId = await submit(on);
      await Promise.all([on.cancel(jobId), on.cancel(jobId, jobId)]);
      expect(await on.ended(jobId)).toMatchObject({ end: 'cancelled' });
      await on.cancel(jobId);
      await on.cancel('99999999:1', 'no such job');
    });

    it('does not make a cancelled job of one that succeeded', async () => {
      const on = open();
      const jobId = await submit(on, spec({ argv: it1.succeeds }));
      await on.ended(jobId);
      await on.cancel(jobId);
      expect(endOf(await on.status(jobId))).toMatchObject({ end: 'completed' });
    });
  });

  describe('finding', () => {
    it('gives the ids of jobs by their names, and leaves out names without a job', async () => {
      const on = open();
      const jobs = [spec(), spec()];
      const ids = [await submit(on, jobs[0]), await submit(on, jobs[1])];
      expect(await on.find(...jobs.map(({ name }) => name), 'no-such-job')).toEqual({
        [jobs[0]?.name as string]: ids[0],
        [jobs[1]?.name as string]: ids[1],
      });
    });

    it('finds a job whose submission was never answered, and there is one of it', async () => {
      const on = open({ drop: (fact) => fact.type === 'jobs.submitted' });
      const job = spec();
      on.send({ type: 'jobs.submit', job });
      const jobId = (await on.find(job.name))[job.name] as string; // asked while it may still be under way
      expect(jobId).toEqual(expect.any(String));
      submitted.push({ jobId, name: job.name });
      expect(await on.status(jobId)).toMatchObject({ type: 'known' });
      await on.cancel(jobId);
      await on.ended(jobId);
      expect((await it1.left?.([job.name])) ?? []).toEqual([]);
    });
  });

  describe('closing', () => {
    it('leaves jobs alone: a later driver finds them, and can end them', async () => {
      const before = open();
      const job = spec();
      const jobId = await submit(before, job);
      await before.close();
      const after = open({ runId: 'r2' });
      expect(await after.status(jobId)).toMatchObject({ type: 'known' });
      expect(await after.find(job.name)).toEqual({ [job.name]: jobId });
      await after.cancel(jobId);
      expect(await after.ended(jobId)).toMatchObject({ end: expect.stringMatching(/^(cancelled|unknown)$/) });
    });

    it('is the last that is heard of it', async () => {
      const on = open();
      const jobId = await submit(on);
      await on.close();
      const { length } = on.facts;
      const after = open();
      await after.cancel(jobId);
      await after.ended(jobId);
      on.send({ type: 'jobs.status', jobIds: [jobId] });
      await nextTurn();
      expect(on.facts.length).toBe(length);
    });

    it('answers what is open, or never will; and can be done twice', async () => {
      const on = open();
      const request = on.send({ type: 'jobs.status', jobIds: ['no such job'] });
      await on.close();
      await on.close();
      expect(on.answersTo(request).length).toBeLessThanOrEqual(1);
    });

    it('leaves nothing that keeps the process alive, and no listener', async () => {
      const before = process.getActiveResourcesInfo();
      const listeners = process.eventNames().map((name) => [name, process.listenerCount(name)]);
      const on = open();
      const [running, ended] = [await submit(on), await submit(on)];
      await on.cancel(ended);
      await on.ended(ended);
      await on.status(running);
      await on.close();
      await nextTurn();
      expect(beyond(process.getActiveResourcesInfo(), before)).toEqual([]);
      expect(process.eventNames().map((name) => [name, process.listenerCount(name)])).toEqual(listeners);
    });
  });
}

/** What is in `after` more often than in `before`. */
function beyond(after: readonly string[], before: readonly string[]): readonly string[] {
  const rest = [...before];
  return after.filter((one) => {
    // the test runner's own come and go; a provider's are on the clock it was given, which its own tests look at
    if (one === 'Timeout' || one === 'Immediate') return false;
    const at = rest.indexOf(one);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}
