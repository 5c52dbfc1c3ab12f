/**
 * Which cores a worker is bound to. Source: Parsl, `process_worker_pool.py`, `cpu_affinity`: the same modes, and the
 * same variables for what runs OpenMP within.
 */
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * - `none`: the system moves workers as it likes.
 * - `block`: the first cores to the first worker, and so on; `blockReverse` from the last worker on.
 * - `alternating`: core by core to one worker after another.
 * - a list: the cores of each worker; workers beyond its end are not bound.
 */
export type Affinity = 'none' | 'block' | 'blockReverse' | 'alternating' | { readonly list: readonly (readonly number[])[] };

/** Cores of the worker in a slot; `undefined` when it is not bound. */
export function coresOf(affinity: Affinity, slot: number, workers: number, cores: readonly number[]): readonly number[] | undefined {
  const found = typeof affinity === 'string' ? modes[affinity](slot, workers, cores) : affinity.list[slot];
  return found === undefined || found.length === 0 ? undefined : found;
}

type Mode = (slot: number, workers: number, cores: readonly number[]) => readonly number[];
const modes: Readonly<Record<Extract<Affinity, string>, Mode>> = {
  none: () => [],
  block(slot, workers, cores) {
    const each = Math.floor(cores.length / workers);
    return cores.slice(slot * each, (slot + 1) * each);
  },
  blockReverse: (slot, workers, cores) => modes.block(workers - 1 - slot, workers, cores),
  alternating: (slot, workers, cores) => cores.filter((_, i) => i % workers === slot),
};

/** For OpenMP, GNU's and Intel's. */
export const openMp = (cores: readonly number[]): Readonly<Record<string, string>> => ({
  OMP_NUM_THREADS: String(cores.length),
  GOMP_CPU_AFFINITY: cores.join(' '),
  KMP_AFFINITY: `explicit,proclist=[${cores.join(',')}]`,
});

/** Numbers of the cores that this process may run on. */
export function coresHere(count: number): readonly number[] {
  const all = Array.from({ length: count }, (_, i) => i);
  if (process.platform !== 'linux') return all;
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return list === undefined ? all : parseList(list).slice(0, count);
  } catch {
    return all;
  }
}

/** `0-3,8` → 0, 1, 2, 3, 8 */
export const parseList = (list: string): readonly number[] =>
  list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });

/** Words before a command that bind it to cores; none where there is no `taskset`. */
export function binding(cores: readonly number[] | undefined, path: string = process.env['PATH'] ?? ''): readonly string[] {
  if (cores === undefined || process.platform !== 'linux') return [];
  const taskset = path
    .split(delimiter)
    .map((folder) => join(folder, 'taskset'))
    .find(isProgram);
  return taskset === undefined ? [] : [taskset, '-c', cores.join(',')];
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
