/** Small parts of a pool: sums over managers and nodes, addresses. Pure. */
import type { Capacity } from '../../machines/model/resources.ts';
import type { BlockLoad } from './entries.ts';
import type { Manager } from './managers.ts';

/** The managers of one block, summed up. Idle: since the last of them has nothing to do. */
export function loadOf(all: readonly Manager[]): BlockLoad {
  const tries = all.reduce((sum, { holder }) => sum + holder.items.size, 0);
  const workers = all.reduce((sum, manager) => sum + manager.workers, 0);
  const since = all.map(({ idleSinceMs }) => idleSinceMs ?? Number.NaN);
  const idleSinceMs = Math.max(...since);
  return { managers: all.length, workers, tries, ...(tries === 0 && Number.isFinite(idleSinceMs) ? { idleSinceMs } : undefined) };
}

/** So many times as much. */
export const scaled = (capacity: Capacity, by: number): Capacity =>
  Object.fromEntries(Object.entries(capacity).map(([unit, amount]) => [unit, amount * by]));

/** An address that has a port keeps it. */
export const withPort = (address: string, port: number): string =>
  /:\d+$/.test(address) && !/^[^[]*:.*:/.test(address) ? address : `${address}:${port}`;
