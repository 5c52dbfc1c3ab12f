/**
 * Runs jobs on this machine. A job is a process group of its own, and on Linux also what has left the group and still
 * carries the job's name in its environment: it outlives the driver, and any process of the same user can find it
 * again, look at it and end it.
 */
import { setTimeout as systemTimer } from 'node:timers';
import { z } from 'zod';

import { checked } from '../machines/model/checked.ts';
import { SubmitRefusedError } from '../machines/model/errors.ts';
import { lazy } from '../machines/model/lazy.ts';
import { adoptedLeader, startedLeader } from './leader.ts';
import { jobOf, type LocalJob } from './local-job.ts';
import { processAt, processesOf } from './processes.ts';
import { providerFrom, scriptOf, type ProviderContext, type ProviderFunctions } from './provider-from.ts';
import type { JobSpec, JobStatus, Provider } from './port.ts';
import { waits, type TimerSource } from './waits.ts';

/** Options of {@link local}. */
export interface LocalOptions {
  /** Laid over the environment of this process, for every job. @defaultValue `{}` */
  readonly env?: Readonly<Record<string, string>>;
  /** How long a job that was told to end (SIGTERM) may take before it is killed. @defaultValue 2000 */
  readonly termGraceMs?: number;
  /** For tests; no part of what a registry writes down. @defaultValue the system's */
  readonly clock?: TimerSource;
}

/** What can be written down of {@link LocalOptions}. */
export const localSchema = lazy(() =>
  z
    .strictObject({
      env: z.record(z.string(), z.string()).describe('Laid over the environment of the driver, for every job.'),
      termGraceMs: z
        .number()
        .min(0, 'must be 0 or more')
        .describe('How long a job that was told to end (SIGTERM) may take before it is killed, in milliseconds.'),
    })
    .partial(),
);

/**
 * Blocks on this machine: each job is a process group, of one node.
 *
 * A job ends when its command does: as `completed` with the exit code 0, else as `failed`; what it leaves behind is
 * ended then. Its id is its pid and its start, `4711:93840`.
 *
 * @throws ConfigError
 * @example
 * const executor = blocks({ provider: local(), block: { max: 4 } });
 */
export function local(options: LocalOptions = {}): Provider {
  const { clock = systemClock, ...data } = options;
  checked(localSchema(), data, 'local');
  const { env = {}, termGraceMs = 2000 } = data;
  return providerFrom({
    kind: 'local',
    options: JSON.parse(JSON.stringify(data)) as Readonly<Record<string, unknown>>,
    // It hears of every end by itself.
    traits: { pollMs: 0, batch: 1000, isLocal: true },
    render: (job) => scriptOf({ ...job, env: { ...env, ...job.env } }),
    open: (context) => opened({ env, termGraceMs, clock }, context),
  });
}

const systemClock: TimerSource = { setTimeout: (fn, ms) => systemTimer(fn, ms), clearTimeout: (id) => clearTimeout(id) };

function opened(
  {
    env,
    termGraceMs,
    clock,
  }: { readonly env: Readonly<Record<string, string>>; readonly termGraceMs: number; readonly clock: TimerSource },
  { runId, signal }: ProviderContext,
): ProviderFunctions {
  /** By id: those that were started here, and those of an earlier driver that were asked for. */
  const jobs = new Map<string, LocalJob>();
  const submitting = new Set<Promise<unknown>>();
  const timers = waits(clock);
  let tell: (jobId: string, status: JobStatus) => void = () => undefined;
  const settings = { timers, termGraceMs, changed: (jobId: string, status: JobStatus) => tell(jobId, status) };

  async function submit(spec: JobSpec): Promise<string> {
    if (spec.nodes !== 1) throw new SubmitRefusedError(`local() has one node, this machine; the job asks for ${spec.nodes}`);
    const own = { ...env, ...spec.env, TROUPE_RUN_ID: runId, TROUPE_BLOCK_ID: spec.blockId };
    const job = jobOf(await startedLeader(spec, own, signal), settings, spec);
    jobs.set(job.jobId, job);
    return job.jobId;
  }

  /** `undefined` when there is no such process, or none that belongs to a job. */
  function known(jobId: string): LocalJob | undefined {
    const [, pid, started] = /^(\d+):(\d+)$/.exec(jobId) ?? [];
    const view = jobs.has(jobId) || pid === undefined ? undefined : processAt(Number(pid));
    if (view?.job !== undefined && view.started === started) jobs.set(jobId, jobOf(adoptedLeader(view, timers), settings));
    return jobs.get(jobId);
  }

  return {
    async submit(spec) {
      const started = submit(spec);
      submitting.add(started);
      return started.finally(() => submitting.delete(started));
    },
    status: (jobIds) => Object.fromEntries(jobIds.map((jobId) => [jobId, known(jobId)?.status ?? absent(jobId)])),
    cancel(jobIds) {
      for (const jobId of jobIds) known(jobId)?.end('cancelled');
    },
    async find(names) {
      await Promise.allSettled(submitting);
      const found = new Map<string, string>();
      // What a job has started has its name, too, and may lead a group: the job is the one that was there first.
      const leaders = (await processesOf({ jobs: new Set(names) }))
        .filter(({ pid, group }) => pid === group)
        .toSorted((a, b) => Number(a.started) - Number(b.started) || a.pid - b.pid);
      for (const { job, pid, started } of leaders) if (job !== undefined && !found.has(job)) found.set(job, `${pid}:${started}`);
      for (const { name, jobId } of jobs.values()) if (names.includes(name)) found.set(name, jobId);
      return Object.fromEntries(found);
    },
    watch(teller) {
      tell = teller;
      return () => {
        tell = () => undefined;
      };
    },
    async close() {
      await Promise.allSettled(submitting);
      // What is being ended is ended; the rest goes on.
      await Promise.all([...jobs.values()].map((job) => job.release()));
      timers.close();
    },
  };
}

const absent = (jobId: string): JobStatus =>
  /^\d+:\d+$/.test(jobId)
    ? {
        type: 'gone',
        evidence: { end: 'unknown', message: 'there is no such process; how it has ended is known only to the process that started it' },
      }
    : { type: 'unknown', message: `'${jobId}' is no id of a job of local()` };
