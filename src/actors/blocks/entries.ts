/** What a set knows of one block beside its machine: who has connected, what runs there, and so what one block offers. */
import type { BlockView } from '../../machines/model/blocks.ts';
import type { Capacity } from '../../machines/model/resources.ts';
import type { Block } from './block.ts';

/** What a manager has said when it registered. */
export interface Registration {
  readonly workers: number;
  readonly capacity: Capacity;
  readonly remainingMs?: number;
}

/** What the interchange knows of a block's managers together. */
export interface BlockLoad {
  readonly managers: number;
  readonly workers: number;
  readonly tries: number;
  readonly idleSinceMs?: number;
}

export interface Entry {
  readonly block: Block;
  load: BlockLoad;
  /** By manager: a block of several nodes has several. */
  readonly managers: Map<string, Registration>;
  /** Why the workers of a manager do not come up. */
  readonly broken: Map<string, string>;
  readyMs: number | undefined;
  deadlineMs: number | undefined;
}

export const entryOf = (block: Block): Entry => ({
  block,
  load: { managers: 0, workers: 0, tries: 0 },
  managers: new Map(),
  broken: new Map(),
  readyMs: undefined,
  deadlineMs: undefined,
});

export function viewOf({ block, load, readyMs, deadlineMs }: Entry): BlockView {
  const { blockId, jobName, requestedMs, now } = block;
  const { state, sinceMs, jobId, end, why } = now;
  return {
    blockId,
    state,
    sinceMs,
    requestedMs,
    jobName,
    ...(readyMs === undefined ? undefined : { readyMs }),
    ...(jobId === undefined ? undefined : { jobId }),
    ...(end === undefined ? undefined : { end, endedMs: sinceMs }),
    ...(why === undefined ? undefined : { why }),
    managers: load.managers,
    workers: load.workers,
    tries: load.tries,
    ...(load.idleSinceMs === undefined ? undefined : { idleSinceMs: load.idleSinceMs }),
    ...(deadlineMs === undefined ? undefined : { deadlineMs }),
  };
}

/** One of its managers has, or had, workers. */
export const cameUp = ({ managers, broken }: Entry): boolean => [...managers.keys()].some((managerId) => !broken.has(managerId));

export const isSameLoad = (a: BlockLoad, b: BlockLoad): boolean =>
  a.managers === b.managers && a.workers === b.workers && a.tries === b.tries && a.idleSinceMs === b.idleSinceMs;

/** What a block of so many nodes offers, after those of its managers that have registered; `undefined` when they offer no worker. */
export function offerOf(
  managers: readonly Registration[],
  nodes: number,
): { readonly slots: number; readonly capacity: Capacity } | undefined {
  const share = nodes / managers.length;
  const sum = (of: (manager: Registration) => number): number => managers.reduce((total, manager) => total + of(manager), 0) * share;
  const slots = Math.round(sum(({ workers }) => workers));
  if (slots === 0) return undefined; // a mistake of one node: the estimate is better
  const units = ['cores', 'memoryBytes', 'gpus'] as const;
  const capacity = Object.fromEntries(
    units
      .filter((unit) => managers.some((manager) => unit in manager.capacity))
      .map((unit) => [unit, sum((manager) => manager.capacity[unit] ?? 0)]),
  );
  return { slots, capacity };
}
