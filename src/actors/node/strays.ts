/**
 * Finds what a worker started in its last moments. A worker tells its manager of the process groups of its commands,
 * but one that is killed right after it has started a command may not come to that. The command has the environment of
 * its worker, and with it the worker's mark.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** The variable that marks what a worker starts. */
export const MARK = 'TROUPE_WORKER_ID';

/** Older ones were told of, or were meant to stay. */
const RECENT_MS = 5000;
/** Times in `/proc/<pid>/stat`: `USER_HZ`, the same on all of Linux that Node runs on. */
const TICKS_A_SECOND = 100;

/** Process groups in which something with this mark was started of late. None where there is no `/proc`. */
export function strayGroups(mark: string): readonly number[] {
  if (process.platform !== 'linux') return [];
  const wanted = `${MARK}=${mark}`;
  const upMs = Number(textOf('/proc/uptime').split(' ')[0]) * 1000;
  const groups = readdirSync('/proc').flatMap((entry) => {
    if (!/^\d/.test(entry)) return [];
    const stat = textOf(`/proc/${entry}/stat`); // pid (name) state ppid pgrp … and the start as field 22
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const startedMs = (Number(fields[19]) / TICKS_A_SECOND) * 1000;
    if (upMs - startedMs > RECENT_MS) return [];
    return textOf(`/proc/${entry}/environ`).split('\0').includes(wanted) ? [Number(fields[2])] : [];
  });
  return [...new Set(groups)].filter((group) => group > 1);
}

/** Nothing when it is gone, or another's. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
