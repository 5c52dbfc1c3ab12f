/**
 * Which work each manager has: the leases. A lease is a number that is given once, for one try on one manager; what is
 * said of a number that is not (or no longer) that manager's is late, and changes nothing. A mutable store; owned by
 * the interchange.
 */
import type { Capacity } from '../../machines/model/resources.ts';
import type { Shape } from '../../machines/model/work-queue.ts';
import type { Work } from './work.ts';

/** Work on its way from the queue to its end. */
export interface Item {
  readonly work: Work;
  readonly shape: Shape;
  readonly rank: number;
  /** 0 while it is queued. */
  lease: number;
  /** Manager that has it. */
  holder: Holder | undefined;
  grantedMs: number;
  /** Worker that runs it, as far as that is known. */
  worker: string | undefined;
  /** It is to stop; said again when a link comes back. */
  stop: { readonly reason: Uint8Array; readonly graceMs: number } | undefined;
  /** Asked back, in case it has not started. */
  isRecalled: boolean;
  /** Managers that were lost while it was about to start: after some, it is taken for the cause. */
  doubts: number;
}

/** The leases of one manager, and what they take. */
export interface Holder {
  readonly managerId: string;
  readonly items: Map<number, Item>;
  /** Sum of the demands of its items. */
  readonly taken: { cores: number; memoryBytes: number; gpus: number };
  /** Items that ask for more than one core: while there is one, nothing is sent ahead. */
  large: number;
}

export const holder = (managerId: string): Holder => ({
  managerId,
  items: new Map(),
  taken: { cores: 0, memoryBytes: 0, gpus: 0 },
  large: 0,
});

export interface Leases {
  grant(item: Item, to: Holder, nowMs: number): number;
  /** The item with this lease, if the manager has it. */
  of(by: Holder, lease: number): Item | undefined;
  /** Takes the item from whoever has it. */
  release(item: Item): void;
  readonly size: number;
}

export function leases(): Leases {
  let last = 0;
  let size = 0;
  return {
    grant(item, to, nowMs) {
      item.lease = ++last;
      item.holder = to;
      item.grantedMs = nowMs;
      item.worker = undefined;
      item.isRecalled = false;
      to.items.set(last, item);
      take(to, item, 1);
      size++;
      return last;
    },
    of: (by, lease) => by.items.get(lease),
    release(item) {
      const { holder: from } = item;
      if (from === undefined || !from.items.delete(item.lease)) return;
      take(from, item, -1);
      item.lease = 0;
      item.holder = undefined;
      size--;
    },
    get size() {
      return size;
    },
  };
}

function take(to: Holder, { shape }: Item, sign: 1 | -1): void {
  const { demand, isUnit } = shape;
  to.taken.cores += sign * (demand.cores ?? 0);
  to.taken.memoryBytes += sign * (demand.memoryBytes ?? 0);
  to.taken.gpus += sign * (demand.gpus ?? 0);
  if (!isUnit) to.large += sign;
  if (to.items.size === 0) Object.assign(to.taken, none); // exactly, whatever fractions there were
}

/** Nothing is taken. */
export const none = { cores: 0, memoryBytes: 0, gpus: 0 } as const;

/** Whether a manager may be given work of a shape now: a free worker and its share, or room to send ahead. */
export function hasRoom(
  { items, taken, large }: Holder,
  shape: Shape,
  { workers, credit, capacity }: { readonly workers: number; readonly credit: number; readonly capacity: Capacity },
): boolean {
  if (items.size >= credit) return false;
  if (items.size >= workers) return shape.isUnit && large === 0; // sent ahead
  if (shape.isUnit && large === 0) return true; // workers are never more than there are cores for
  return fits(shape.demand, capacity, taken);
}

/** Whether a demand fits beside what is taken. */
export const fits = (demand: Capacity, capacity: Capacity, taken: Holder['taken']): boolean =>
  (demand.cores ?? 0) + taken.cores <= (capacity.cores ?? 0) + ROUNDING &&
  (demand.memoryBytes ?? 0) + taken.memoryBytes <= (capacity.memoryBytes ?? 0) &&
  (demand.gpus ?? 0) + taken.gpus <= (capacity.gpus ?? 0);

/** Of sums of fractions of cores. */
const ROUNDING = 1e-9;
