/**
 * The managers of an executor: takes on who registers, binds each to its machine, keeps links and what each has been
 * heard to say, and tells managers that are slow to answer from those that are gone.
 */
import type { Actor } from 'xstate';

import type { BlockEnd, ManagerState, ManagerView } from '../../machines/model/blocks.ts';
import type { Capacity } from '../../machines/model/resources.ts';
import { managerMachine, type ManagerMachine } from '../../machines/manager.ts';
import type { Answer } from '../../machines/policies/firewall.ts';
import type { Build, HandshakeDecision, HandshakeSnapshot } from '../../machines/policies/handshake/port.ts';
import type { Link, LinkHandlers } from '../../transport/port.ts';
import type { Message, MessageOf } from '../../transport/protocol.ts';
import { inSpace } from '../spawn.ts';
import type { ActorSpace } from '../executors/port.ts';
import type { Timers } from '../timers.ts';
import { holder, type Holder } from './leases.ts';

/** One manager, with everything the driver keeps of it. */
export interface Manager {
  readonly managerId: string;
  readonly blockId: string;
  readonly host: string;
  readonly pid: number;
  readonly build: Build;
  readonly actor: Actor<ManagerMachine>;
  readonly holder: Holder;
  readonly registeredMs: number;
  readonly deadlineMs: number | undefined;
  link: Link | undefined;
  /** The link has taken all it can for now. */
  isClogged: boolean;
  workers: number;
  capacity: Capacity;
  credit: number;
  heardMs: number;
  /** `seq` of the last reliable message that has arrived, and of the last that it was told of. */
  received: number;
  acknowledged: number;
  idleSinceMs: number | undefined;
}

export interface ManagersHost {
  readonly space: ActorSpace;
  readonly timers: Timers;
  readonly nowMs: () => number;
  readonly build: Build;
  readonly heartbeatMs: number;
  /** Silence of a manager after which it is suspect, and how long a suspect one has to come back. */
  readonly silentAfterMs: number;
  readonly lostAfterMs: number;
  readonly askHandshake: (snapshot: HandshakeSnapshot) => Answer<HandshakeDecision>;
  /** False when there is no such live block. */
  admit(manager: Manager): boolean;
  /** True for a block whose managers get nothing for now. */
  isHeld(blockId: string): boolean;
  /** The first words on a new link of a manager that is known: what it holds. Returns what it is to drop. */
  reconcile(manager: Manager, holds: ReadonlySet<number>): readonly number[];
  /** Messages about leases. */
  heard(manager: Manager, messages: readonly Message[]): void;
  /** It can take more, or less, than before. */
  changed(manager: Manager): void;
  /** It is lost or drained: its leases are to be released. */
  gone(manager: Manager, how: { readonly state: 'lost' | 'drained'; readonly why: string; readonly end: BlockEnd | undefined }): void;
  /** Its link has closed: has its job ended? */
  doubted(manager: Manager): void;
  note(type: string, data: Readonly<Record<string, unknown>>): void;
}

export interface Managers {
  /** In the order in which they registered; those that are not gone. */
  readonly live: ReadonlyMap<string, Manager>;
  /** A peer of this block has shown its secret. */
  onLink(link: Link, blockId: string): LinkHandlers;
  ofBlock(blockId: string): readonly Manager[];
  hold(manager: Manager): void;
  unhold(manager: Manager): void;
  drain(manager: Manager, why: string): void;
  /** Its block has ended, and it with it. */
  end(manager: Manager, end: BlockEnd, why: string): void;
  /** Tells all to leave at once, and forgets them. */
  close(why: string): void;
}

const stateOf = ({ actor }: Manager): ManagerState => actor.getSnapshot().value;
/** May be given tries now. */
export const isOpen = (manager: Manager): boolean => stateOf(manager) === 'ready' && manager.link !== undefined && !manager.isClogged;

export function managerView(manager: Manager): ManagerView {
  const { managerId, blockId, host, pid, registeredMs, heardMs, workers, capacity, credit, idleSinceMs, deadlineMs, build } = manager;
  return {
    managerId,
    blockId,
    state: stateOf(manager),
    host,
    pid,
    registeredMs,
    heardMs,
    workers,
    capacity,
    tries: manager.holder.items.size,
    credit,
    version: build.version,
    node: build.node,
    ...(idleSinceMs === undefined ? undefined : { idleSinceMs }),
    ...(deadlineMs === undefined ? undefined : { deadlineMs }),
  };
}

/** Tells it that what it has sent has arrived. */
export function acknowledge(manager: Manager): void {
  if (manager.received === manager.acknowledged || manager.link === undefined) return;
  manager.acknowledged = manager.received;
  manager.link.send({ t: 'ack', seq: manager.received });
}

/** Ids of managers that are gone, so that they are known when they come back. */
const REMEMBERED = 1000;

export function managers(host: ManagersHost): Managers {
  const { nowMs, timers, note } = host;
  const { system, parent } = inSpace(host.space);
  const live = new Map<string, Manager>();
  const gone = new Map<string, string>();
  /** Links on which nobody has registered yet. */
  const strangers = new Set<Link>();
  let watchedMs = nowMs();
  let isClosed = false;

  function watch(): void {
    if (isClosed || live.size === 0) {
      timers.cancel('silence');
      return;
    }
    watchedMs = nowMs();
    timers.start('silence', WATCH_SHARE * host.silentAfterMs, look);
  }

  function look(): void {
    const now = nowMs();
    // this process was held up itself: what was sent meanwhile has not been read yet
    const wasBlocked = now - watchedMs > 2 * WATCH_SHARE * host.silentAfterMs;
    for (const manager of live.values()) {
      manager.link?.send({ t: 'heartbeat' }); // it ends when nothing is heard of us for long, whatever it runs
      if (wasBlocked) manager.heardMs = Math.max(manager.heardMs, now - host.silentAfterMs / 2);
      const silentMs = now - manager.heardMs;
      if (manager.link !== undefined && silentMs > host.silentAfterMs && stateOf(manager) !== 'suspect') {
        system.post(manager.actor, { type: 'manager.silent', why: `it has said nothing for ${Math.round(silentMs / 100) / 10} s` });
        host.doubted(manager);
      }
    }
    watch();
  }

  function register(link: Link, blockId: string, said: MessageOf<'register'>): Manager | undefined {
    const { managerId } = said;
    const refuse = (why: string): undefined => {
      note('manager.refused', { managerId, blockId, host: said.host, why });
      link.send({ t: 'refused', why });
      link.close('refused');
      return undefined;
    };
    if (said.blockId !== blockId) return refuse(`it says that it is of block ${said.blockId}, with the secret of block ${blockId}`);
    const past = gone.get(managerId);
    if (past !== undefined) return refuse(`it was given up (${past}), and what it had was given to others`);
    const known = live.get(managerId);
    if (known !== undefined) {
      return known.blockId === blockId ? comeBack(known, link, said) : refuse(`manager ${managerId} is of another block`);
    }
    const { decision, policy } = host.askHandshake({ driver: host.build, manager: said.build, host: said.host });
    if (!decision.admit) return refuse(`${decision.why ?? 'it does not fit'} (policy ${policy})`);
    return takeOn(link, said) ?? refuse(`there is no block ${blockId} any more`);
  }

  function takeOn(link: Link, said: MessageOf<'register'>): Manager | undefined {
    const { managerId, blockId } = said;
    const now = nowMs();
    const actor: Actor<ManagerMachine> = system.spawn(
      managerMachine.provide({
        actions: {
          tellDrain: () => manager.link?.send({ t: 'drain' }),
          startLossTimer: () => startLossTimer(manager, host.lostAfterMs),
          cancelLossTimer: () => timers.cancel(`loss/${managerId}`),
          releaseLeases: ({ context: { why = 'it is gone', end } }, { state }) => release(manager, { state, why, end }),
          announce: ({ context }, { state }) => {
            const { why } = context;
            note('manager.state', { managerId, blockId, host: said.host, state, ...(why === undefined ? undefined : { why }) });
            system.afterStep(() => {
              if (live.has(managerId)) host.changed(manager);
            });
          },
        },
      }),
      { id: `manager/${blockId}/${managerId}`, input: { managerId, blockId, host: said.host, isHeld: host.isHeld(blockId) }, parent },
    );
    const manager: Manager = {
      managerId,
      blockId,
      host: said.host,
      pid: said.pid,
      build: said.build,
      actor,
      holder: holder(managerId),
      registeredMs: now,
      deadlineMs: said.remainingMs === undefined ? undefined : now + said.remainingMs,
      link,
      isClogged: false,
      workers: said.workers,
      capacity: said.capacity,
      credit: said.credit,
      heardMs: now,
      received: said.sent, // of the messages of a life before this one nothing is wanted
      acknowledged: said.sent,
      idleSinceMs: now,
    };
    if (!host.admit(manager)) {
      system.stop(actor);
      return undefined;
    }
    live.set(managerId, manager);
    note('manager.registered', { managerId, blockId, host: said.host, pid: said.pid, workers: said.workers, version: said.build.version });
    link.send({ t: 'welcome', received: said.sent, drop: said.holds, heartbeatMs: host.heartbeatMs });
    system.post(actor, { type: 'manager.admitted' });
    host.changed(manager);
    if (live.size === 1) watch();
    return manager;
  }

  function startLossTimer(manager: Manager, ms: number): void {
    const dueMs = nowMs() + ms;
    timers.start(`loss/${manager.managerId}`, ms, () => {
      // this process was held up itself: it may have come back, which nobody has read yet
      if (nowMs() - dueMs > WATCH_SHARE * host.silentAfterMs) startLossTimer(manager, host.silentAfterMs / 2);
      else system.post(manager.actor, { type: 'timer.fired', timer: 'loss' });
    });
  }

  function comeBack(manager: Manager, link: Link, said: MessageOf<'register'>): Manager {
    if (manager.link !== undefined && manager.link !== link) manager.link.terminate();
    manager.link = link;
    manager.isClogged = false;
    manager.heardMs = nowMs();
    manager.workers = said.workers;
    manager.capacity = said.capacity;
    manager.credit = said.credit;
    const drop = host.reconcile(manager, new Set(said.holds));
    note('manager.returned', { managerId: manager.managerId, blockId: manager.blockId, holds: said.holds.length, drop: drop.length });
    manager.acknowledged = manager.received;
    link.send({ t: 'welcome', received: manager.received, drop, heartbeatMs: host.heartbeatMs });
    system.post(manager.actor, { type: 'link.restored' });
    if (manager.actor.getSnapshot().context.isDraining) link.send({ t: 'drain' });
    host.changed(manager);
    return manager;
  }

  function release(manager: Manager, how: Parameters<ManagersHost['gone']>[1]): void {
    const { managerId } = manager;
    if (!live.delete(managerId)) return;
    gone.set(managerId, how.why);
    if (gone.size > REMEMBERED) gone.delete(gone.keys().next().value as string);
    timers.cancel(`loss/${managerId}`);
    if (how.state === 'lost') manager.link?.close(how.why); // one that leaves closes it itself: else it would make it again
    manager.link = undefined;
    system.afterStep(() => {
      host.gone(manager, how);
      if (live.size === 0) watch();
    });
  }

  function hear(manager: Manager, link: Link, messages: readonly Message[]): void {
    if (manager.link !== link) {
      // of a link that was replaced it is sent again; of a manager that was given up it is late
      if (live.get(manager.managerId) !== manager) host.heard(manager, messages.filter(isOfLeases));
      return;
    }
    manager.heardMs = nowMs();
    if (stateOf(manager) === 'suspect') system.post(manager.actor, { type: 'link.restored' });
    host.heard(manager, messages);
  }

  return {
    live,
    ofBlock: (blockId) => [...live.values()].filter((manager) => manager.blockId === blockId),
    onLink(link, blockId) {
      let manager: Manager | undefined;
      if (isClosed) link.close('the driver is closing');
      else strangers.add(link);
      return {
        messages(messages) {
          if (isClosed) return;
          if (manager === undefined) {
            const [first, ...rest] = messages;
            strangers.delete(link);
            if (first?.t !== 'register') {
              note('link.faulted', { peer: link.peer, what: `it starts with ${first?.t ?? 'nothing'}, not with register` });
              link.close('register comes first');
              return;
            }
            manager = register(link, blockId, first);
            if (manager !== undefined && rest.length > 0) hear(manager, link, rest);
          } else hear(manager, link, messages);
        },
        closed(reason) {
          strangers.delete(link);
          if (manager === undefined || manager.link !== link) return;
          manager.link = undefined;
          system.post(manager.actor, { type: 'link.closed', why: `its link has closed: ${reason}` });
          host.changed(manager);
          if (live.has(manager.managerId)) host.doubted(manager);
        },
        faulted: (what) => note('link.faulted', { peer: link.peer, what }),
        drained() {
          if (manager === undefined) return;
          manager.isClogged = false;
          host.changed(manager);
        },
      };
    },
    hold: ({ actor }) => system.post(actor, { type: 'manager.hold' }),
    unhold: ({ actor }) => system.post(actor, { type: 'manager.unhold' }),
    drain: ({ actor }, why) => system.post(actor, { type: 'manager.drain', why, isOwn: false }),
    end: ({ actor }, end, why) => system.post(actor, { type: 'block.ended', end, why }),
    close(why) {
      isClosed = true;
      timers.cancel('silence');
      for (const link of strangers) link.close(why);
      strangers.clear();
      for (const manager of live.values()) {
        manager.link?.send({ t: 'end', why });
        manager.link?.close(why);
        manager.link = undefined;
        timers.cancel(`loss/${manager.managerId}`);
        system.stop(manager.actor);
      }
      live.clear();
    },
  };
}

const isOfLeases = ({ t }: Message): boolean => t === 'ended' || t === 'lost';

/** How often silence is looked for, as a share of what is allowed. */
const WATCH_SHARE = 0.25;
