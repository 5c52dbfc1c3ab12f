/** Gives queued work to managers: which may take it, which of them does, and what is asked back from one that is busy. */
import { SerializationError } from '../../machines/model/errors.ts';
import { messageOf } from '../../machines/model/failures.ts';
import { byOrder, type Head, type Shape, type WorkQueue } from '../../machines/model/work-queue.ts';
import type { Asker } from '../../machines/policies/firewall.ts';
import type { SelectionCandidate, SelectionDecision, SelectionSnapshot } from '../../machines/policies/selection/port.ts';
import type { Timers } from '../timers.ts';
import { fits, hasRoom, none, type Item, type Leases } from './leases.ts';
import { acknowledge, isOpen, type Manager } from './managers.ts';

export interface DispatchHost {
  readonly queue: WorkQueue<Item>;
  readonly leases: Leases;
  readonly timers: Timers;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly askSelection: Asker<SelectionSnapshot, SelectionDecision>;
  readonly managers: () => ReadonlyMap<string, Manager>;
  /** Work in a grant, at most; bytes of one piece of work, at most. */
  readonly batch: number;
  readonly maxWorkBytes: number;
  changed(manager: Manager): void;
  /** It cannot be sent, ever. */
  refuse(item: Item, error: SerializationError): void;
  sent(item: Item, to: Manager): void;
}

export interface Dispatcher {
  /** One pass over the queue. */
  pass(): void;
  /** Nothing waits in the queue: what waits at a busy manager may go to one with nothing to do. */
  balance(): void;
}

type Grants = Map<Manager, { readonly leases: number[]; readonly works: Uint8Array[] }>;

/** Work that waits at a busy manager this long is asked back when another has nothing to do. */
const RECALL_AFTER_MS = 25;

export function dispatch(host: DispatchHost): Dispatcher {
  const { queue, nowMs } = host;

  /** Grants until nothing is left, or nobody takes the first of any shape. */
  function pass(): void {
    const open = [...host.managers().values()].filter(isOpen);
    const grants: Grants = new Map();
    /** Kept free for work that is too large for what is free now, so that it is not passed by for ever. */
    const reserved = new Set<Manager>();
    const heads = [...queue.heads()];
    for (let head = heads.shift(); head !== undefined; head = heads.shift()) {
      if (!open.some((manager) => manager.holder.items.size < manager.credit && !reserved.has(manager))) break;
      const later = giveShape(head.shape, heads[0], open, reserved, grants);
      if (later === undefined) continue;
      const at = heads.findIndex((other) => byOrder(later, other) < 0);
      heads.splice(at < 0 ? heads.length : at, 0, later);
    }
    for (const [manager, { leases: numbers, works }] of grants) {
      send(manager, numbers, works);
      host.changed(manager);
    }
  }

  /** Those of a shape that go before the next head. Returns the first that goes later, unless nobody takes any more of the shape. */
  function giveShape(
    shape: Shape,
    next: Head<Item> | undefined,
    open: readonly Manager[],
    reserved: Set<Manager>,
    grants: Grants,
  ): Head<Item> | undefined {
    for (let head = queue.peek(shape); head !== undefined; head = queue.peek(shape)) {
      if (next !== undefined && byOrder(next, head) < 0) return head;
      const able = open.filter((manager) => !reserved.has(manager) && livesLong(manager, shape) && hasRoom(manager.holder, shape, manager));
      if (able.length === 0) {
        if (!shape.isUnit) reserve(shape, open, reserved);
        return undefined;
      }
      const item = head.value;
      queue.pop(shape);
      const manager = choose(item, able);
      const work = encoded(item);
      if (work === undefined) continue;
      let grant = grants.get(manager);
      if (grant === undefined) {
        grant = { leases: [], works: [] };
        grants.set(manager, grant);
      }
      grant.leases.push(host.leases.grant(item, manager.holder, nowMs()));
      grant.works.push(work);
      manager.idleSinceMs = undefined;
      host.sent(item, manager);
    }
    return undefined;
  }

  const livesLong = ({ deadlineMs }: Manager, { forMs }: Shape): boolean =>
    forMs === 0 || deadlineMs === undefined || nowMs() + forMs <= deadlineMs;

  /** Of those that could take it if they were free, the one that will be soonest. */
  function reserve(shape: Shape, open: readonly Manager[], reserved: Set<Manager>): void {
    const able = open.filter(
      (manager) => !reserved.has(manager) && livesLong(manager, shape) && fits(shape.demand, manager.capacity, none),
    );
    const [first, ...others] = able;
    if (first !== undefined)
      reserved.add(others.reduce((best, next) => (next.holder.items.size < best.holder.items.size ? next : best), first));
  }

  function choose({ work }: Item, able: readonly Manager[]): Manager {
    const [only] = able;
    if (able.length === 1 && only !== undefined) return only;
    const { taskId, name, tryIndex, resources } = work;
    const { decision } = host.askSelection({
      taskId,
      name,
      tryIndex,
      resources,
      candidates: able.map(candidateOf),
      random: host.random(),
    });
    return able.find(({ managerId }) => managerId === decision.managerId) ?? (able[0] as Manager);
  }

  const candidateOf = ({ managerId, blockId, host: name, workers, holder, credit, deadlineMs }: Manager): SelectionCandidate => ({
    managerId,
    blockId,
    host: name,
    workers,
    tries: holder.items.size,
    credit: credit - holder.items.size,
    ...(deadlineMs === undefined ? undefined : { remainingMs: deadlineMs - nowMs() }),
  });

  /** `undefined`: it cannot be sent, and has failed. */
  function encoded(item: Item): Uint8Array | undefined {
    const { work } = item;
    const { taskId, tryIndex } = work;
    const refuse = (why: string, cause?: unknown): undefined => {
      const details = { taskId, tryIndex, side: 'arguments', path: 'args', ...(cause === undefined ? undefined : { cause }) } as const;
      host.refuse(item, new SerializationError(`${work.name} (${taskId}) was not sent: ${why}`, details));
      return undefined;
    };
    try {
      const bytes = work.encode();
      if (bytes.byteLength <= host.maxWorkBytes) return bytes;
      return refuse(
        `its arguments have ${bytes.byteLength} bytes, and a message may have ${host.maxWorkBytes}; pass a File for large data`,
      );
    } catch (cause) {
      return refuse(messageOf(cause), cause); // of a host: what it throws must not end the pass
    }
  }

  function send(manager: Manager, numbers: readonly number[], works: readonly Uint8Array[]): void {
    const { link } = manager;
    acknowledge(manager);
    for (let at = 0; at < numbers.length; at += host.batch)
      link?.send({ t: 'grant', leases: numbers.slice(at, at + host.batch), works: works.slice(at, at + host.batch) });
  }

  function balance(): void {
    const open = [...host.managers().values()].filter(isOpen);
    const free = open.reduce((sum, { workers, holder }) => sum + Math.max(0, workers - holder.items.size), 0);
    const crowded = free === 0 ? [] : open.filter(({ workers, holder }) => holder.items.size > workers);
    if (crowded.length === 0) return;
    const dueMs = nowMs() - RECALL_AFTER_MS;
    let left = free;
    for (const { holder, workers, link } of crowded) {
      const ahead = [...holder.items.values()].slice(workers).filter((item) => item.worker === undefined && !item.isRecalled);
      const waiting = ahead.filter(({ grantedMs }) => grantedMs <= dueMs).slice(-left);
      if (ahead.length > waiting.length) host.timers.start('recall', RECALL_AFTER_MS, balance);
      if (waiting.length === 0) continue;
      for (const item of waiting) item.isRecalled = true;
      left -= waiting.length;
      link?.send({ t: 'recall', leases: waiting.map(({ lease }) => lease) });
      if (left <= 0) return;
    }
  }

  return { pass, balance };
}
