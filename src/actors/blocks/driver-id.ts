/** Which process a driver is, and whether it still lives. A pid alone may be somebody else's by now. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

import type { DriverId } from './ledger-records.ts';

export function driverId(): DriverId {
  const startTime = startTimeOf(process.pid);
  return { pid: process.pid, host: hostname(), ...(startTime === undefined ? undefined : { startTime }) };
}

/** Why the jobs of a driver may still be wanted; `undefined` when it is dead for sure. */
export function whyAlive({ pid, startTime, host }: DriverId): string | undefined {
  if (host !== hostname()) return `its driver, process ${pid}, ran on ${host}, and may still: it cannot be seen from ${hostname()}`;
  if (!isRunning(pid)) return undefined;
  const now = startTimeOf(pid);
  if (startTime !== undefined && now !== undefined && now !== startTime) return undefined; // another process has its pid
  return `its driver, process ${pid}, still runs`;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** In ticks since the machine was started, where the system says so. Source: proc(5), field 22 of `stat`. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name before it may hold anything
    return fields[19];
  } catch {
    return undefined;
  }
}
