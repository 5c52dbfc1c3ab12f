/**
 * Binds the interchange to its queue and its leases: gives work to managers, takes their reports, and settles what a
 * manager that is gone has left. Everything a manager says is about leases; a lease that is not its own is late.
 */
import type { Actor } from 'xstate';

import type { BlockEnd } from '../../machines/model/blocks.ts';
import type { Capacity } from '../../machines/model/resources.ts';
import { shapes, workQueue } from '../../machines/model/work-queue.ts';
import { compiled } from '../../machines/compiled.ts';
import { interchangeMachine, type InterchangeMachine } from '../../machines/interchange.ts';
import type { Asker } from '../../machines/policies/firewall.ts';
import type { OrderingDecision, OrderingSnapshot } from '../../machines/policies/ordering/port.ts';
import type { SelectionDecision, SelectionSnapshot } from '../../machines/policies/selection/port.ts';
import type { Message } from '../../transport/protocol.ts';
import type { ActorSpace } from '../executors/port.ts';
import { inSpace } from '../spawn.ts';
import { freeId } from './set-parts.ts';
import type { Timers } from '../timers.ts';
import { dispatch } from './dispatch.ts';
import { leases, none, type Item } from './leases.ts';
import { acknowledge, isOpen, type Manager } from './managers.ts';
import { upwardReports } from './upward.ts';
import { whyNot } from './why-waiting.ts';
import type { Work, WorkSink } from './work.ts';

export interface InterchangeHost {
  readonly label: string;
  readonly space: ActorSpace;
  readonly timers: Timers;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly askOrdering: Asker<OrderingSnapshot, OrderingDecision>;
  readonly askSelection: Asker<SelectionSnapshot, SelectionDecision>;
  /** Those that are not gone, in the order in which they registered. */
  readonly managers: () => ReadonlyMap<string, Manager>;
  readonly jobIdOf: (blockId: string) => string | undefined;
  /** Work in a grant, at most; bytes of one piece of work, at most. */
  readonly batch: number;
  readonly maxWorkBytes: number;
  readonly sink: WorkSink;
  /** The workers of this manager do not come up, and it leaves. */
  broken(manager: Manager, why: string): void;
  /** What is queued and granted has changed, or what this manager has. */
  changed(manager?: Manager): void;
  note(type: string, data: Readonly<Record<string, unknown>>): void;
}

export interface Interchange {
  readonly actor: Actor<InterchangeMachine>;
  open(): void;
  submit(work: Work): void;
  /** Takes it out of the queue, or has it stopped where it is. False when it has ended. */
  stop(key: string, reason: Uint8Array, graceMs: number): boolean;
  /** Stops everything that has not ended: nobody answers for it any more. */
  stopAll(): void;
  /** Forgets everything that has not ended, without a word to the sink: somebody else has settled it. */
  abandonAll(): void;
  why(key: string): string | undefined;
  heard(manager: Manager, messages: readonly Message[]): void;
  reconcile(manager: Manager, holds: ReadonlySet<number>): readonly number[];
  /** The manager may take more. */
  gained(): void;
  /** Its leases: what ran has failed, unless it left in peace; the rest is queued again. */
  release(manager: Manager, how: { readonly why: string; readonly end: BlockEnd | undefined }): void;
  readonly queued: number;
  readonly granted: number;
  readonly running: number;
  /** What everything that has not ended asks for, summed up. */
  readonly demand: Capacity;
  close(): void;
}

export function interchange(host: InterchangeHost): Interchange {
  const { sink, nowMs, note } = host;
  const { system, parent } = inSpace(host.space);
  const queue = workQueue<Item>();
  const granted = leases();
  const items = new Map<string, Item>();
  const shapeOf = shapes();
  const demand = { cores: 0, memoryBytes: 0, gpus: 0 };
  let running = 0;
  const unacknowledged = new Set<Manager>();
  let isPassDue = false;
  /** Something was queued in the middle of a pass, which may have its shape behind it. */
  let hasMissed = false;
  let isClosed = false;

  const state = (): string => String(actor.getSnapshot().value);

  const actor: Actor<InterchangeMachine> = system.spawn(
    compiled(
      interchangeMachine.provide({
        actions: {
          dispatch: () => {
            if (isPassDue) return;
            isPassDue = true;
            queueMicrotask(pass); // with what else is submitted in this turn
          },
          balance: () => dispatcher.balance(),
          giveBack: () => {
            isClosed = true;
          },
        },
      }),
    ),
    { id: freeId(system, `interchange/${host.label}`), input: { label: host.label }, parent },
  );

  const upward = upwardReports({
    space: host.space,
    leases: granted,
    sink,
    nowMs,
    jobIdOf: host.jobIdOf,
    end,
    giveBack,
    broken: host.broken,
    started: () => {
      running++;
    },
    note,
  });

  const dispatcher = dispatch({
    ...host,
    queue,
    leases: granted,
    refuse(item, error) {
      end(item);
      sink.failed(item.work, 'serialization', error, undefined);
    },
    sent: (item, manager) => sink.sent(item.work, upward.placeOf(manager)),
  });

  function pass(): void {
    isPassDue = false;
    if (isClosed) return;
    hasMissed = false;
    dispatcher.pass();
    system.post(actor, { type: 'work.dispatched', queued: queue.size, granted: granted.size });
    if (hasMissed && queue.size > 0) system.post(actor, { type: 'work.queued' });
    host.changed();
  }

  function heard(manager: Manager, messages: readonly Message[]): void {
    for (const message of messages) {
      if ('seq' in message && message.t !== 'ack') {
        if (message.seq <= manager.received) {
          manager.acknowledged = 0; // sent again after a reconnect, and known: it has not heard that
          continue;
        }
        manager.received = message.seq;
      }
      upward.hear(manager, message);
    }
    if (manager.received > manager.acknowledged) acknowledgeSoon(manager);
    if (manager.holder.items.size === 0) manager.idleSinceMs ??= nowMs();
    gained();
    host.changed(manager);
  }

  /** With what is sent to it anyway, or a little later: a frame of its own for each would be half of all frames. */
  function acknowledgeSoon(manager: Manager): void {
    if (unacknowledged.size === 0) host.timers.start('ack', ACK_MS, acknowledgeAll);
    unacknowledged.add(manager);
  }

  function acknowledgeAll(): void {
    for (const manager of unacknowledged) acknowledge(manager);
    unacknowledged.clear();
  }

  function gained(): void {
    const now = state();
    if (now === 'starved' || (now === 'idle' && granted.size > 0)) system.post(actor, { type: 'credit.gained' });
  }

  function account(item: Item, sign: 1 | -1): void {
    const { demand: asked } = item.shape;
    demand.cores += sign * (asked.cores ?? 0);
    demand.memoryBytes += sign * (asked.memoryBytes ?? 0);
    demand.gpus += sign * (asked.gpus ?? 0);
    if (items.size === 0) Object.assign(demand, none);
  }

  function letGo(item: Item): void {
    if (item.worker !== undefined) running--;
    granted.release(item);
    item.worker = undefined;
  }

  function end(item: Item): void {
    letGo(item);
    items.delete(item.work.key);
    account(item, -1);
  }

  function withdraw(item: Item): void {
    queue.remove(item.work.key);
    const manager = item.holder && host.managers().get(item.holder.managerId);
    manager?.link?.send({ t: 'stop', lease: item.lease, reason: new Uint8Array(), graceMs: 0 });
    end(item);
  }

  /** It has not started: nobody is to blame, and it waits again, in its place by rank. */
  function giveBack(item: Item): void {
    letGo(item);
    if (item.stop !== undefined) {
      end(item);
      sink.stopped(item.work);
      return;
    }
    enqueue(item);
  }

  function enqueue(item: Item): void {
    queue.push(item.work.key, item.rank, item.shape, item);
    const now = state();
    hasMissed = true;
    if (now === 'idle' || now === 'starting' || (now === 'starved' && hasCredit())) system.post(actor, { type: 'work.queued' });
  }

  const hasCredit = (): boolean => {
    for (const manager of host.managers().values()) if (manager.holder.items.size < manager.credit && isOpen(manager)) return true;
    return false;
  };

  return {
    actor,
    open: () => system.post(actor, { type: 'interchange.opened' }),
    submit(work) {
      if (isClosed) return sink.stopped(work);
      const { taskId, name, tryIndex, priority, resources, timeRequestMs = 0 } = work;
      const { decision } = host.askOrdering({ taskId, name, tryIndex, priority, resources, nowMs: nowMs() });
      const item: Item = {
        work,
        shape: shapeOf(resources, timeRequestMs),
        rank: decision.rank,
        lease: 0,
        holder: undefined,
        grantedMs: 0,
        worker: undefined,
        stop: undefined,
        isRecalled: false,
        doubts: 0,
      };
      items.set(work.key, item);
      account(item, 1);
      enqueue(item);
      if (state() === 'starved') host.changed(); // no pass will say so
    },
    stop(key, reason, graceMs) {
      const item = items.get(key);
      if (item === undefined) return false;
      if (queue.remove(key) !== undefined) {
        end(item);
        sink.stopped(item.work);
        if (!item.shape.isUnit) gained(); // a manager may have been kept free for it
        host.changed();
        return true;
      }
      item.stop = { reason, graceMs };
      const manager = item.holder && host.managers().get(item.holder.managerId);
      manager?.link?.send({ t: 'stop', lease: item.lease, reason, graceMs });
      return true;
    },
    stopAll() {
      for (const item of Array.from(items.values())) {
        withdraw(item);
        sink.stopped(item.work);
      }
    },
    abandonAll() {
      for (const item of Array.from(items.values())) withdraw(item);
    },
    why(key) {
      const ahead = queue.ahead(key);
      const item = items.get(key);
      if (ahead === undefined || item === undefined) {
        return item?.holder === undefined || item.worker !== undefined
          ? undefined
          : `manager ${item.holder.managerId} has it, and all its ${host.managers().get(item.holder.managerId)?.workers ?? 0} workers are busy`;
      }
      const open = [...host.managers().values()];
      const because = open.length === 0 ? 'no manager has registered yet' : whyNot(item.shape, open);
      return ahead === 0 ? because : `${ahead} ${ahead === 1 ? 'try is' : 'tries are'} ahead of it; ${because}`;
    },
    heard,
    reconcile(manager, holds) {
      const { holder } = manager;
      const drop = [...holds].filter((lease) => !holder.items.has(lease));
      for (const item of Array.from(holder.items.values())) {
        if (!holds.has(item.lease)) {
          if (item.worker === undefined) giveBack(item); // the grant was lost with the link
          else upward.lose(item, manager, { why: 'it came back without it', end: undefined });
        } else if (item.stop !== undefined) manager.link?.send({ t: 'stop', lease: item.lease, ...item.stop });
      }
      return drop;
    },
    gained,
    release(manager, how) {
      for (const [i, item] of Array.from(manager.holder.items.values()).entries()) {
        // the first ones may have begun a moment ago: what is always among them when a manager dies is suspect as well
        if (item.worker === undefined && i < manager.workers) item.doubts++;
        if (item.worker === undefined && item.doubts < MOST_DOUBTS) giveBack(item);
        else upward.lose(item, manager, how);
      }
    },
    get queued() {
      return queue.size;
    },
    get granted() {
      return granted.size;
    },
    get running() {
      return running;
    },
    demand,
    close: () => system.post(actor, { type: 'interchange.close' }),
  };
}

/** Longest wait for something to send an acknowledgement with. */
const ACK_MS = 20;
/** Managers that may be lost while a try is about to start, before it counts as begun. */
const MOST_DOUBTS = 3;
