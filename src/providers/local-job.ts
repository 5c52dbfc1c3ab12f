/** One job of {@link file://./local.ts}: its status, its walltime, its end. Each step is taken once; an end never changes. */
import { open } from 'node:fs/promises';

import { tailOf } from '../machines/model/command.ts';
import type { Exit, Leader } from './leader.ts';
import type { JobEnd, JobSpec, JobStatus } from './port.ts';
import { processesOf, signalGroup, signalProcess } from './processes.ts';
import type { Waits } from './waits.ts';

/** Why we end it. */
type Ending = Extract<JobEnd['end'], 'cancelled' | 'timeout'>;

export interface LocalJob {
  readonly jobId: string;
  readonly name: string;
  readonly status: JobStatus;
  /** SIGTERM now, SIGKILL after the grace. The first word counts. */
  end(as: Ending): void;
  /** Resolves when nothing that was to end is left; one that runs is left alone, and not waited for. */
  release(): Promise<void>;
}

export interface LocalJobSettings {
  readonly timers: Waits;
  readonly termGraceMs: number;
  changed(jobId: string, status: JobStatus): void;
}

/** How much is kept of what a job has written. */
const TAIL_BYTES = 2048;
/** A process that SIGKILL does not end is stuck in the kernel (a dead file server): do not hang with it. */
const UNKILLABLE_MS = 1000;

/** @param spec - Of a job that was started here. */
export function jobOf(leader: Leader, settings: LocalJobSettings, spec?: JobSpec): LocalJob {
  const { timers, termGraceMs } = settings;
  const jobId = `${leader.pid}:${leader.started}`;
  let status: JobStatus = { type: 'known', phase: 'running' };
  let ending: Ending | undefined;
  let hasExited = false;
  let isReleased = false;

  async function untilOver(): Promise<void> {
    const exit = await leader.exited;
    if (isReleased && ending === undefined) return; // it went on by itself
    hasExited = true;
    status = { type: 'gone', evidence: await endOf(exit, ending, spec) };
    settings.changed(jobId, status);
    await clear(leader, settings);
  }
  const over = untilOver();

  async function kill(): Promise<void> {
    if (!(await timers.over(termGraceMs, leader.exited))) return;
    signalGroup(leader, 'SIGKILL');
    for (const stray of await leftOf(leader)) signalProcess(stray, 'SIGKILL');
  }

  function end(as: Ending): void {
    if (hasExited || ending !== undefined) return;
    ending = as;
    signalGroup(leader, 'SIGTERM');
    void kill();
  }

  if (spec?.walltimeMs !== undefined) void timers.over(spec.walltimeMs, leader.exited).then((isLate) => isLate && end('timeout'));

  return {
    jobId,
    name: leader.name,
    get status() {
      return status;
    },
    end,
    async release() {
      isReleased = true;
      leader.release();
      if (hasExited) await over;
      else if (ending !== undefined) await timers.over(termGraceMs + UNKILLABLE_MS, over);
    },
  };
}

/** What a job has left behind: the rest of its group, and what has left the group. */
const leftOf = (leader: Leader): ReturnType<typeof processesOf> => processesOf({ jobs: new Set([leader.name]), leader });

/** Ends what a job has left behind. */
async function clear(leader: Leader, { timers, termGraceMs }: LocalJobSettings): Promise<void> {
  for (let waitedMs = 0, pauseMs = 10; ; waitedMs += pauseMs, pauseMs = Math.min(2 * pauseMs, 200)) {
    const left = await leftOf(leader);
    const isOver = waitedMs >= termGraceMs;
    if (waitedMs === 0 || isOver) for (const each of left) signalProcess(each, isOver ? 'SIGKILL' : 'SIGTERM');
    if (left.length === 0 || isOver) return;
    await timers.over(pauseMs);
  }
}

async function endOf(exit: Exit | undefined, ending: Ending | undefined, spec: JobSpec | undefined): Promise<JobEnd> {
  const [stdout, stderr] = await Promise.all([spec?.stdout, spec?.stderr].map(tailOfFile));
  return {
    ...howItEnded(exit, ending, spec),
    ...(exit?.code === null || exit === undefined ? undefined : { exitCode: exit.code }),
    ...(exit?.signal === null || exit === undefined ? undefined : { signal: exit.signal }),
    ...(stdout === '' || stdout === undefined ? undefined : { stdout }),
    ...(stderr === '' || stderr === undefined ? undefined : { stderr }),
  };
}

/** Signals with which people and shutdowns end processes. Others are accidents. */
const politeSignals: ReadonlySet<unknown> = new Set(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']);

function howItEnded(exit: Exit | undefined, ending: Ending | undefined, spec: JobSpec | undefined): Pick<JobEnd, 'end' | 'message'> {
  if (ending === 'timeout') return { end: ending, message: `its walltime of ${(spec?.walltimeMs ?? 0) / 1000} s was over` };
  if (ending !== undefined) return { end: ending, message: 'cancelled by troupe' };
  if (exit === undefined) return { end: 'unknown', message: 'its process has ended; how is known only to the process that started it' };
  if (exit.code === 0) return { end: 'completed' };
  if (exit.code !== null) return { end: 'failed', message: `it exited with ${exit.code}` };
  return { end: politeSignals.has(exit.signal) ? 'cancelled' : 'failed', message: `it was ended by ${exit.signal}` };
}

async function tailOfFile(path: string | undefined): Promise<string> {
  if (path === undefined) return '';
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const length = Math.min(size, TAIL_BYTES);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      // A character that was cut is left out.
      return tailOf(buffer.toString('utf8', 0, bytesRead).replace(/^\uFFFD+/, ''), TAIL_BYTES);
    } finally {
      await file.close();
    }
  } catch {
    return ''; // removed, or no file
  }
}
