import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { SimulatedClock } from 'xstate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ConfigError } from '../../src/machines/model/errors.ts';
import { local, type LocalOptions } from '../../src/providers/local.ts';
import type { JobSpec } from '../../src/providers/port.ts';
import { JOB_NAME, processAt, processesOf } from '../../src/providers/processes.ts';
import { conformsToProvider } from '../conformance/provider.ts';
import { jobSpec, providerBench, type ProviderBench } from '../support/provider-bench.ts';
import { members } from '../support/shell.ts';

const left = async (names: readonly string[]): Promise<readonly string[]> =>
  (await processesOf({ jobs: new Set(names) })).map(({ job = '' }) => job);

describe('local', () => {
  conformsToProvider(() => ({
    make: () => local({ termGraceMs: 5000 }),
    endless: ['sleep', '1000'],
    succeeds: ['true'],
    fails: { argv: ['bash', '-c', 'echo no luck >&2; exit 7'], exitCode: 7, stderr: 'no luck' },
    left,
  }));
});

describe('local: what is special', () => {
  let dir: string;
  let benches: ProviderBench[];
  let names: string[];
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'troupe-local-'));
    benches = [];
    names = [];
  });
  afterEach(async () => {
    for (const { pid } of await processesOf({ jobs: new Set(names) })) process.kill(pid, 'SIGKILL');
    await Promise.all(benches.map((each) => each.close()));
    rmSync(dir, { recursive: true, force: true });
  });

  function open(options: LocalOptions = {}): ProviderBench {
    const one = providerBench(local(options), { runId: 'r7' });
    benches.push(one);
    return one;
  }
  function spec(over: Partial<JobSpec> = {}): JobSpec {
    const job = jobSpec(dir, over);
    names.push(job.name);
    return job;
  }
  const bash = (script: string, over?: Partial<JobSpec>): JobSpec => spec({ argv: ['bash', '-c', script], ...over });
  const read = (path: string): string => readFileSync(path, 'utf8');
  const pidOf = (jobId: string): number => Number(jobId.split(':')[0]);
  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await nextTurn();
  }
  const said = (job: JobSpec, text: string): Promise<void> => until(() => existsSync(job.stdout) && read(job.stdout).includes(text));
  /** Lets simulated time pass until something is settled. */
  async function during<T>(clock: SimulatedClock, settles: Promise<T>): Promise<T> {
    const passing = setInterval(() => clock.increment(10), 1);
    return settles.finally(() => clearInterval(passing));
  }

  describe('a job', () => {
    it('has an id of pid and start, leads a group and a session of its own, and knows who it is', async () => {
      const on = open({ env: { FROM: 'local', OVER: 'local' } });
      const job = bash('echo $TROUPE_JOB_NAME $TROUPE_BLOCK_ID $TROUPE_RUN_ID $FROM $OVER; ps -o pid=,pgid=,sid= -p $$; pwd; sleep 1000', {
        env: { OVER: 'job' },
      });
      const jobId = await on.submit(job);
      await said(job, dir);
      const pid = pidOf(jobId);
      const [who, ids = '', where] = read(job.stdout).split('\n');
      expect(who).toBe(`${job.name} b1 r7 local job`);
      expect(ids.trim().split(/\s+/)).toEqual([pid, pid, pid].map(String));
      expect(where).toBe(dir);
      expect(jobId).toBe(`${pid}:${processAt(pid)?.started}`);
    });

    it('writes to its files, which are made with their folders', async () => {
      const on = open();
      const job = bash('echo out; echo err >&2', { stdout: join(dir, 'new/a/out'), stderr: join(dir, 'new/b/err') });
      expect(await on.ended(await on.submit(job))).toEqual({ end: 'completed', exitCode: 0, stdout: 'out\n', stderr: 'err\n' });
      expect([read(job.stdout), read(job.stderr)]).toEqual(['out\n', 'err\n']);
    });

    it('may have one file for both streams', async () => {
      const on = open();
      const path = join(dir, 'both');
      await on.ended(await on.submit(bash('echo one; echo two >&2; echo three', { stdout: path, stderr: path })));
      expect(read(path)).toBe('one\ntwo\nthree\n');
    });

    it('keeps the last 2 kB of what it wrote, in whole characters', async () => {
      const on = open();
      const { stderr = '' } = await on.ended(await on.submit(bash(`for i in {1..2000}; do printf '%s' ü >&2; done; echo . >&2; exit 1`)));
      expect(Buffer.byteLength(stderr)).toBeLessThanOrEqual(2048);
      expect(stderr).toMatch(/^ü{1000,}\.\n$/);
    });

    it.each([
      ['exit 3', { end: 'failed', exitCode: 3 }],
      ['kill -KILL $$', { end: 'failed', signal: 'SIGKILL' }],
      ['kill -SEGV $$', { end: 'failed', signal: 'SIGSEGV' }],
      ['kill -TERM $$', { end: 'cancelled', signal: 'SIGTERM' }],
      ['kill -INT $$', { end: 'cancelled', signal: 'SIGINT' }],
    ])('that does `%s` by itself has ended as %o', async (script, evidence) => {
      const on = open();
      expect(await on.ended(await on.submit(bash(script)))).toMatchObject(evidence);
    });
  });

  describe('a submission', () => {
    it.each([
      ['of several nodes', { nodes: 2 }, /one node/],
      ['of a program that is not there', { argv: ['/no/such/program'] }, /no program '\/no\/such\/program'/],
      ['of what is no program', { argv: ['/etc/passwd'] }, /may not be executed/],
      ['in a folder that is not there', { workDir: '/no/such/folder' }, /no folder \/no\/such\/folder/],
      ['with files where none can be', { stdout: '/dev/null/out' }, /\/dev\/null/],
      ['with a word that no process can be given', { argv: ['echo', 'a\0b'] }, /null bytes/],
    ])('%s is refused, with the reason', async (_, over, reason) => {
      const on = open();
      const job = spec(over);
      const fact = await on.ask({ type: 'jobs.submit', job });
      expect(fact).toMatchObject({ type: 'jobs.refused', message: expect.stringMatching(reason) });
      expect(await on.find(job.name)).toEqual({});
    });

    it('is shown by render, with what local() adds, and could be run as a script', async () => {
      const job = spec({ argv: ['printf', '%s', `a b'"$HOME`], env: { B: '2' } });
      const text = local({ env: { A: '1' } }).render({ ...job, walltimeMs: 90_000 });
      expect(text).toContain('at most 90 s');
      const { status, stderr } = spawnSync('bash', ['-c', text]);
      expect([status, String(stderr)]).toEqual([0, '']);
      expect(read(job.stdout)).toBe(`a b'"$HOME`);
    });
  });

  describe('walltime', () => {
    it('ends a job as timeout, by SIGTERM to its group', async () => {
      const clock = new SimulatedClock();
      const on = open({ clock, termGraceMs: 5000 });
      const job = bash(`trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.01; done`, { walltimeMs: 60_000 });
      const jobId = await on.submit(job);
      await said(job, 'ready');
      clock.increment(59_999);
      expect(await on.status(jobId)).toMatchObject({ type: 'known', phase: 'running' });
      clock.increment(1);
      expect(await on.ended(jobId)).toMatchObject({ end: 'timeout', message: expect.stringContaining('60 s'), stdout: 'ready\nsaved\n' });
    });

    it('kills what does not go, after the grace', async () => {
      const clock = new SimulatedClock();
      const on = open({ clock, termGraceMs: 5000 });
      const job = bash(`trap 'echo no' TERM; echo ready; while :; do sleep 0.01; done`, { walltimeMs: 60_000 });
      const jobId = await on.submit(job);
      await said(job, 'ready');
      clock.increment(60_000);
      await said(job, 'no');
      clock.increment(4999);
      expect(await on.status(jobId)).toMatchObject({ type: 'known' });
      clock.increment(1);
      expect(await on.ended(jobId)).toMatchObject({ end: 'timeout', signal: 'SIGKILL' });
    });

    it('longer than a timer can be does not end it at once', async () => {
      const clock = new SimulatedClock();
      const on = open({ clock });
      const jobId = await on.submit(spec({ walltimeMs: 2 ** 31 + 5 }));
      clock.increment(2 ** 31 - 1); // as far as one timer goes
      clock.increment(5);
      expect(await on.status(jobId)).toMatchObject({ type: 'known' });
      clock.increment(1);
      expect(await on.ended(jobId)).toMatchObject({ end: 'timeout' });
    });
  });

  describe('what belongs to a job', () => {
    it('is its whole group', async () => {
      const on = open();
      const job = bash('sleep 1000 & (sleep 1000; :) & echo ready; wait');
      const jobId = await on.submit(job);
      await said(job, 'ready');
      await on.cancel(jobId);
      await on.ended(jobId);
      await on.close();
      expect(members(pidOf(jobId))).toEqual([]);
    });

    it('is also what it started in groups of their own, once it has ended, however it did', async () => {
      const on = open({ termGraceMs: 0 });
      const job = bash(`for i in 1 2; do setsid bash -c 'trap "" TERM; echo ready; sleep 1000; :' & done; wait`);
      const jobId = await on.submit(job);
      await until(() => (existsSync(job.stdout) ? read(job.stdout).match(/ready/g)?.length : 0) === 2);
      process.kill(pidOf(jobId), 'SIGKILL');
      expect(await on.ended(jobId)).toMatchObject({ end: 'failed', signal: 'SIGKILL' });
      await on.close();
      expect(await left([job.name])).toEqual([]);
    });

    it('has a grace of its own', async () => {
      const clock = new SimulatedClock();
      const on = open({ clock, termGraceMs: 5000 });
      const job = bash(`setsid bash -c 'trap "echo asked" TERM; echo ready; while :; do sleep 0.01; done' & wait`);
      const jobId = await on.submit(job);
      await said(job, 'ready');
      process.kill(pidOf(jobId), 'SIGKILL');
      await on.ended(jobId);
      await said(job, 'asked');
      expect(await left([job.name])).not.toEqual([]);
      await during(clock, on.close());
      await expect.poll(() => left([job.name])).toEqual([]); // the simulated clock does not wait for the system
    });
  });

  describe('jobs of an earlier driver', () => {
    async function orphan(script = 'echo ready; exec sleep 1000'): Promise<{ readonly job: JobSpec; readonly jobId: string }> {
      const before = open();
      const job = bash(script);
      const jobId = await before.submit(job);
      await said(job, 'ready');
      await before.close();
      return { job, jobId };
    }

    it('are looked at: running, then gone, and nobody knows how', async () => {
      const { jobId } = await orphan();
      const on = open();
      expect(await on.status(jobId)).toEqual({ type: 'known', phase: 'running' });
      process.kill(pidOf(jobId), 'SIGKILL');
      expect(await on.changed(jobId)).toMatchObject({ type: 'gone', evidence: { end: 'unknown' } });
    });

    it('are killed when they do not go', async () => {
      const { job, jobId } = await orphan(`trap 'echo no' TERM; echo ready; while :; do sleep 0.01; done`);
      const clock = new SimulatedClock();
      const on = open({ clock, termGraceMs: 5000 });
      await on.cancel(jobId);
      await said(job, 'no');
      expect(await on.status(jobId)).toMatchObject({ type: 'known' });
      expect(await during(clock, on.changed(jobId))).toMatchObject({ type: 'gone', evidence: { end: 'cancelled' } });
      expect(members(pidOf(jobId))).toEqual([]);
    });

    it('are never mixed up with a process that has the pid of one by now', async () => {
      const { jobId } = await orphan();
      const reused = `${pidOf(jobId)}:1`;
      const on = open();
      expect(await on.status(reused)).toMatchObject({ type: 'gone', evidence: { end: 'unknown' } });
      await on.cancel(reused);
      expect(await on.status(jobId)).toMatchObject({ type: 'known' });
      expect(members(pidOf(jobId))).toHaveLength(1);
    });

    it('are never mixed up with processes that are no jobs', async () => {
      const { [JOB_NAME]: _, ...env } = process.env;
      const other = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore', env });
      const ended = new Promise((settle) => other.once('exit', settle));
      const pid = other.pid as number;
      const jobId = `${pid}:${processAt(pid)?.started}`;
      const on = open();
      expect(await on.status(jobId)).toMatchObject({ type: 'gone' });
      await on.cancel(jobId);
      await on.close();
      expect(members(pid)).toHaveLength(1);
      other.kill('SIGKILL');
      await ended;
    });

    it('are found by the process that was first, though all it started has its name', async () => {
      const { job, jobId } = await orphan('setsid sleep 1000 & setsid sleep 1000 & sleep 1000 & echo ready; wait');
      await until(() => members(pidOf(jobId)).length === 2); // the others have left its group
      expect(await open().find(job.name)).toEqual({ [job.name]: jobId });
    });
  });

  describe('the end of the driver', () => {
    it('is not held up by jobs once it is closed, and does not end them', async () => {
      const source = new URL('../../dist/api/providers.js', import.meta.url);
      const job = spec();
      const program = `
        import { local } from ${JSON.stringify(source.href)};
        const opened = local().open({
          runId: 'r1',
          dir: '.',
          tell: (fact) => { console.log(JSON.stringify(fact)); void opened.close(); },
        });
        opened.send({ type: 'jobs.submit', requestId: 'q1', job: ${JSON.stringify({ ...job, walltimeMs: 3_600_000 })} });`;
      const file = join(dir, 'driver.mjs');
      writeFileSync(file, program);
      const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 20_000 });
      expect([status, stderr]).toEqual([0, '']);
      const { jobId } = JSON.parse(stdout) as { jobId: string };
      const on = open();
      expect(await on.status(jobId)).toMatchObject({ type: 'known' });
      await on.cancel(jobId);
      await on.ended(jobId);
    });
  });

  it.each([
    [{ env: { A: 1 } }, 'env.A'],
    [{ termGraceMs: -1 }, 'termGraceMs'],
    [{ term: 1 }, 'term'],
  ])('refuses %o', (options, field) => {
    expect(() => local(options as never)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG', field }));
    expect(() => local(options as never)).toThrow(ConfigError);
  });

  it('says its options as they were given, without the clock', () => {
    expect(local({ clock: new SimulatedClock() }).options).toEqual({});
    expect(local({ env: { A: '1' }, termGraceMs: 1 }).options).toEqual({ env: { A: '1' }, termGraceMs: 1 });
  });
});
