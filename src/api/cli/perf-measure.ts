/**
 * Measures what troupe itself costs, with tasks that do nothing: how many a second, how long one takes there and
 * back, how fast a chain moves, what a waiting one weighs. Everything passes through the whole of troupe.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { ExecutorPlugin } from '../../actors/executors/port.ts';
import type { Future } from '../future.ts';
import { Troupe } from '../troupe.ts';
import { link, noop } from './perf-tasks.ts';

export interface PerfSettings {
  readonly executor: ExecutorPlugin;
  /** Independent tasks; with `chain` the length of the only chain. */
  readonly tasks: number;
  /** Measures nothing but one chain of `tasks`. */
  readonly chain: boolean;
  /** Size of the argument of each independent task. */
  readonly argsBytes: number;
  /** Tasks that are run first and not counted. */
  readonly warmup: number;
  readonly log: 'off' | 'summary' | 'full';
  /** Told what is being measured, and how far it is. */
  readonly progress: (what: string, done: number, of: number) => void;
}

export interface PerfResult {
  readonly executor: string;
  /** Tries that run at once. */
  readonly workers: number;
  readonly tasks: number;
  readonly argsBytes: number;
  readonly warmup: number;
  readonly log: PerfSettings['log'];
  /** Independent tasks, all queued at once, from the first call to the last result. */
  readonly tasksPerSecond?: number;
  /** How fast a program can call task functions. */
  readonly callsPerSecond?: number;
  /** One task at a time, from the call to its value. */
  readonly latencyMs?: { readonly p50: number; readonly p95: number; readonly p99: number; readonly samples: number };
  readonly chainTasksPerSecond: number;
  readonly chainTasks: number;
  /** Heap of the driver for a task that waits for another one, with its Future. */
  readonly bytesPerWaitingTask?: number;
  /** Size of the event log, a task. */
  readonly logBytesPerTask?: number;
  readonly node: string;
  readonly cores: number;
}

const SAMPLES = 2000;
const CHAIN = 1000;
const WAITING = 10_000;
const PROGRESS_MS = 2000;

export async function measure(settings: PerfSettings): Promise<PerfResult> {
  const { executor, tasks, chain, argsBytes, warmup, log } = settings;
  const runDir = log === 'off' ? undefined : await mkdtemp(join(tmpdir(), 'troupe-perf-'));
  const troupe = await Troupe.start({
    name: 'perf',
    executors: [executor],
    ambient: false,
    ...(runDir === undefined || log === 'off' ? undefined : { runDir, log }),
  });
  try {
    const stage = stages(troupe, settings);
    await stage('warming up', warmup, () => all(troupe, warmup, argsBytes));
    const chainTasks = chain ? tasks : CHAIN;
    const measured = chain ? undefined : await independent(troupe, settings, stage);
    const chainTasksPerSecond = await stage('chain', chainTasks, () => chained(troupe, chainTasks));
    const { slots = 0 } = troupe.snapshot().executors[0] ?? {};
    const { done } = await troupe.close();
    return {
      executor: executor.label,
      workers: slots,
      tasks,
      argsBytes,
      warmup,
      log,
      ...measured,
      chainTasksPerSecond,
      chainTasks,
      ...(runDir === undefined ? undefined : { logBytesPerTask: Math.round((await sizeOf(runDir)) / done) }),
      node: process.version,
      cores: availableParallelism(),
    };
  } finally {
    await troupe.close({ pending: 'cancel' });
    if (runDir !== undefined) await rm(runDir, { recursive: true, force: true });
  }
}

type Stage = <T>(what: string, of: number, run: () => Promise<T>) => Promise<T>;

/** Tells from time to time how far a stage is, when it takes long. */
function stages(troupe: Troupe, { progress }: PerfSettings): Stage {
  return async (what, of, run) => {
    const before = troupe.snapshot().tasks.done;
    const timer = setInterval(() => progress(what, troupe.snapshot().tasks.done - before, of), PROGRESS_MS);
    try {
      return await run();
    } finally {
      clearInterval(timer);
    }
  };
}

async function independent(
  troupe: Troupe,
  { tasks, argsBytes }: PerfSettings,
  stage: Stage,
): Promise<Pick<PerfResult, 'tasksPerSecond' | 'callsPerSecond' | 'latencyMs' | 'bytesPerWaitingTask'>> {
  const waiting = Math.min(WAITING, tasks);
  const bytesPerWaitingTask = await stage('heap', waiting, () => heapOf(troupe, waiting));
  const { tasksPerSecond, callsPerSecond } = await stage('throughput', tasks, () => all(troupe, tasks, argsBytes));
  const samples = Math.min(SAMPLES, tasks);
  const latencyMs = await stage('round trip', samples, () => roundTrips(troupe, samples, argsBytes));
  return { tasksPerSecond, callsPerSecond, latencyMs, bytesPerWaitingTask };
}

const perSecond = (count: number, ms: number): number => Math.round((1000 * count) / ms);

async function all(
  troupe: Troupe,
  count: number,
  argsBytes: number,
): Promise<{ readonly tasksPerSecond: number; readonly callsPerSecond: number }> {
  const args: [] | [Uint8Array] = argsBytes === 0 ? [] : [new Uint8Array(argsBytes)];
  const futures: Future<void>[] = [];
  const startMs = performance.now();
  for (let i = 0; i < count; i++) futures.push(troupe.run(noop, ...args));
  const calledMs = performance.now();
  for (const future of futures) await future;
  return { tasksPerSecond: perSecond(count, performance.now() - startMs), callsPerSecond: perSecond(count, calledMs - startMs) };
}

async function roundTrips(troupe: Troupe, samples: number, argsBytes: number): Promise<NonNullable<PerfResult['latencyMs']>> {
  const args: [] | [Uint8Array] = argsBytes === 0 ? [] : [new Uint8Array(argsBytes)];
  const times: number[] = [];
  for (let i = 0; i < samples; i++) {
    const startMs = performance.now();
    await troupe.run(noop, ...args);
    times.push(performance.now() - startMs);
  }
  times.sort((a, b) => a - b);
  const quantile = (q: number): number => Number((times[Math.min(samples - 1, Math.floor(q * samples))] ?? 0).toFixed(4));
  return { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), samples };
}

async function chained(troupe: Troupe, length: number): Promise<number> {
  const startMs = performance.now();
  let last = troupe.run(link, 0);
  for (let i = 1; i < length; i++) last = troupe.run(link, last);
  if ((await last) !== length) throw new Error('a chain has lost a link');
  return perSecond(length, performance.now() - startMs);
}

/** Tasks wait for one that waits for a promise of ours. */
async function heapOf(troupe: Troupe, count: number): Promise<number> {
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const first = troupe.run(noop, gate);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const futures = Array.from({ length: count }, () => troupe.run(noop, first));
  collectGarbage();
  const bytes = (process.memoryUsage().heapUsed - before) / count;
  open();
  for (const future of futures) await future;
  return Math.round(bytes);
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries.filter((entry) => entry.isFile()).map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
