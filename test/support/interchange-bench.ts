/**
 * The interchange and the managers of an executor, without blocks, provider and transport: links are plain objects that
 * a test speaks through, time is a clock that the test moves. Managers here say what the test has them say.
 */
import { expect } from 'vitest';
import { createMachine, SimulatedClock } from 'xstate';

import { interchange, type Interchange, type InterchangeHost } from '../../src/actors/blocks/interchange.ts';
import { managers, type Manager, type Managers } from '../../src/actors/blocks/managers.ts';
import type { Work } from '../../src/actors/blocks/work.ts';
import { actorSystem, spaceOf, type ActorSystem } from '../../src/actors/spawn.ts';
import { timers, type Timers } from '../../src/actors/timers.ts';
import type { BlockEnd, ManagerState } from '../../src/machines/model/blocks.ts';
import type { FailureKind } from '../../src/machines/model/failures.ts';
import type { Resources } from '../../src/machines/model/resources.ts';
import type { Place } from '../../src/machines/model/story.ts';
import { handshakeKind, orderingKind, selectionKind } from '../../src/machines/policies/block-kinds.ts';
import { asker } from '../../src/machines/policies/firewall.ts';
import type { Build } from '../../src/machines/policies/handshake/port.ts';
import type { Link, LinkHandlers } from '../../src/transport/port.ts';
import type { Message, MessageOf, Upward } from '../../src/transport/protocol.ts';

export const thisBuild: Build = { protocol: 1, version: '0.1.0', bundleHash: 'f00d', node: '20.19.0', platform: 'linux-x64' };

/** What was told of a piece of work. */
export interface Told {
  readonly type: 'sent' | 'started' | 'ended' | 'failed' | 'stopped' | 'progress' | 'output';
  readonly key: string;
  readonly kind?: FailureKind;
  readonly error?: Error;
  readonly bytes?: Uint8Array;
  readonly place?: Omit<Place, 'worker'> & { readonly worker?: string };
}

export interface Note {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

type Numberless<M> = M extends unknown ? Omit<M, 'seq'> : never;

/** A manager as the test plays it. */
export interface PlayedManager {
  readonly managerId: string;
  readonly blockId: string;
  /** What it was sent and the test has not taken, oldest first. */
  readonly inbox: readonly Message[];
  /** Takes all messages of a type. */
  take<T extends Message['t']>(t: T): readonly MessageOf<T>[];
  /** Takes all grants: their leases, in order. */
  leases(): readonly number[];
  /** Leases that it was granted, by the key of the work that they are for. */
  readonly byKey: ReadonlyMap<string, number>;
  /** A frame. Reliable messages get their numbers here. */
  say(...messages: readonly Numberless<Upward>[]): void;
  /** A frame as it is. */
  frame(...messages: readonly Message[]): void;
  /** A frame that has left, and arrives when it is called, whatever became of the link. */
  onItsWay(...messages: readonly Numberless<Upward>[]): () => void;
  /** `seq` of the last reliable message. */
  readonly seq: number;
  /** The link closes; what is said meanwhile is not heard. */
  drop(reason?: string): void;
  /** Its link takes more again. */
  drained(): void;
  /** A new link, and the first words on it. */
  comeBack(holds: readonly number[], more?: Partial<MessageOf<'register'>>): void;
  /** Why the driver has closed its link; `undefined` while it is open. */
  readonly closedWith: string | undefined;
  readonly state: ManagerState | 'gone';
}

export interface BenchOptions {
  readonly silentAfterMs?: number;
  readonly lostAfterMs?: number;
  readonly maxWorkBytes?: number;
  readonly batch?: number;
  readonly policies?: { readonly ordering?: InterchangeHost['askOrdering']; readonly selection?: InterchangeHost['askSelection'] };
}

export interface InterchangeBench {
  readonly clock: SimulatedClock;
  readonly exchange: Interchange;
  readonly crew: Managers;
  readonly system: ActorSystem;
  readonly timers: Timers;
  readonly told: readonly Told[];
  readonly notes: readonly Note[];
  /** Blocks that a manager may be of, and those that are held. */
  readonly blocks: Set<string>;
  readonly heldBlocks: Set<string>;
  readonly doubted: readonly string[];
  /** Managers whose workers do not come up, and why. */
  readonly broken: readonly string[];
  /** Events to actors that had ended. */
  readonly deadLetters: readonly string[];
  readonly gone: readonly { readonly managerId: string; readonly state: string; readonly end: BlockEnd | undefined }[];
  submit(key: string, more?: Partial<Work>): void;
  submitAll(keys: readonly string[], more?: Partial<Work>): void;
  /** Connects a manager: four workers, a credit of four, eight cores. */
  manager(managerId: string, more?: Partial<MessageOf<'register'>> & { readonly secretOf?: string }): PlayedManager;
  entry(managerId: string): Manager;
  /** What became of a piece of work: the ends it was told of. */
  endsOf(key: string): readonly Told[];
  /** Everything that waits for the end of the turn has run. */
  rest(): Promise<void>;
  stop(key: string, graceMs?: number): boolean;
}

const ends: readonly string[] = ['ended', 'failed', 'stopped'];
const reliable: readonly string[] = ['ended', 'lost', 'returned'];
/** Work is its key, so that a grant says what it is for. */
const encode = (key: string): Uint8Array => new TextEncoder().encode(key);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes).split('|')[0] as string;

export function workOf(key: string, more: Partial<Work> = {}): Work {
  const resources: Resources = {};
  return {
    key,
    taskId: key.split('/')[0] as string,
    tryIndex: Number(key.split('/')[1] ?? 0),
    name: 'simulate',
    priority: 0,
    resources,
    timeRequestMs: undefined,
    encode: () => encode(key),
    ...more,
  };
}

export function interchangeBench(options: BenchOptions = {}): InterchangeBench {
  const { silentAfterMs = 20_000, lostAfterMs = 30_000, maxWorkBytes = 1000, batch = 64 } = options;
  const clock = new SimulatedClock();
  const wheel = timers(clock);
  const told: Told[] = [];
  const notes: Note[] = [];
  const doubted: string[] = [];
  const deadLetters: string[] = [];
  const broken: string[] = [];
  const gone: { managerId: string; state: string; end: BlockEnd | undefined }[] = [];
  const blocks = new Set(['1', '2', '3']);
  const heldBlocks = new Set<string>();
  const quiet = (): void => {};
  const system = actorSystem({
    onStep: quiet,
    onDeadLetter: ({ actorId, event }) => deadLetters.push(`${actorId}: ${event.type}`),
    onError(actorId, error) {
      throw new Error(`${actorId} has failed`, { cause: error });
    },
  });
  const root = system.spawn(createMachine({ id: 'bench' }), { id: 'bench', input: undefined as never });
  const space = spaceOf(system, root);
  const note = (type: string, data: Readonly<Record<string, unknown>>): void => void notes.push({ type, data });
  const watch = {
    nowMs: () => 0,
    onSlow: quiet,
    onFault: (fault: object) => note('policy.faulted', { ...fault }),
  };

  const exchange: Interchange = interchange({
    label: 'hpc',
    space,
    timers: wheel,
    nowMs: () => clock.now(),
    random: () => 0.5,
    askOrdering: options.policies?.ordering ?? asker(orderingKind, orderingKind.fallback, watch),
    askSelection: options.policies?.selection ?? asker(selectionKind, selectionKind.fallback, watch),
    managers: () => crew.live,
    jobIdOf: (blockId) => `job-${blockId}`,
    batch,
    maxWorkBytes,
    sink: {
      sent: ({ key }, place) => told.push({ type: 'sent', key, place }),
      started: ({ key }, place) => told.push({ type: 'started', key, place }),
      ended: ({ key }, bytes, place) => told.push({ type: 'ended', key, bytes, place }),
      failed: ({ key }, kind, error, place) => told.push({ type: 'failed', key, kind, error, ...(place && { place }) }),
      stopped: ({ key }) => told.push({ type: 'stopped', key }),
      progress: ({ key }, bytes) => told.push({ type: 'progress', key, bytes }),
      output: ({ key }) => told.push({ type: 'output', key }),
    },
    broken: ({ managerId }, why) => broken.push(`${managerId}: ${why}`),
    changed: quiet,
    note,
  });
  const crew: Managers = managers({
    space,
    timers: wheel,
    nowMs: () => clock.now(),
    build: thisBuild,
    heartbeatMs: 5000,
    silentAfterMs,
    lostAfterMs,
    askHandshake: asker(handshakeKind, handshakeKind.fallback, watch),
    admit: ({ blockId }) => blocks.has(blockId),
    isHeld: (blockId) => heldBlocks.has(blockId),
    reconcile: exchange.reconcile,
    heard: exchange.heard,
    changed: exchange.gained,
    gone(manager, how) {
      gone.push({ managerId: manager.managerId, state: how.state, end: how.end });
      exchange.release(manager, how);
    },
    doubted: ({ managerId }) => doubted.push(managerId),
    note,
  });
  exchange.open();

  function play(managerId: string, { secretOf, ...more }: Partial<MessageOf<'register'>> & { readonly secretOf?: string }): PlayedManager {
    const blockId = more.blockId ?? '1';
    const byKey = new Map<string, number>();
    let inbox: Message[] = [];
    let seq = 0;
    let handlers: LinkHandlers | undefined;
    let closedWith: string | undefined;
    let latest: Message | undefined;

    function connect(first: MessageOf<'register'>): void {
      let isOpen = true;
      latest = first;
      closedWith = undefined;
      const close = (reason: string): void => {
        if (!isOpen) return;
        isOpen = false;
        queueMicrotask(() => own.closed(reason));
        if (latest !== first) return; // a newer link is there
        closedWith = reason;
        handlers = undefined;
      };
      const link: Link = {
        peer: `block ${blockId}`,
        send(message) {
          if (!isOpen) return;
          inbox.push(message);
          if (message.t === 'grant') for (const [i, lease] of message.leases.entries()) byKey.set(decode(message.works[i] as Uint8Array), lease);
        },
        queuedBytes: 0,
        close: (reason = '') => close(reason),
        terminate: () => close('terminated'),
      };
      const own = crew.onLink(link, secretOf ?? blockId);
      if (isOpen) handlers = own;
      cut = (reason) => {
        if (!isOpen) return;
        isOpen = false;
        handlers = undefined;
        own.closed(reason);
      };
      handlers?.messages([first]);
    }
    let cut = (_reason: string): void => {};
    const numbered = (messages: readonly Numberless<Upward>[]): readonly Message[] =>
      messages.map((message) => (reliable.includes(message.t) ? { ...message, seq: ++seq } : message) as Message);

    const registration = (holds: readonly number[], extra: Partial<MessageOf<'register'>>): MessageOf<'register'> => ({
      t: 'register',
      managerId,
      blockId,
      build: thisBuild,
      host: 'n1',
      pid: 4711,
      workers: 4,
      capacity: { cores: 8, memoryBytes: 8e9 },
      credit: 4,
      holds,
      sent: seq,
      ...more,
      ...extra,
    });
    connect(registration([], {}));

    return {
      managerId,
      blockId,
      get inbox() {
        return inbox;
      },
      take<T extends Message['t']>(t: T) {
        const taken = inbox.filter((message): message is MessageOf<T> => message.t === t);
        inbox = inbox.filter((message) => message.t !== t);
        return taken;
      },
      leases() {
        return this.take('grant').flatMap(({ leases }) => leases);
      },
      byKey,
      say: (...messages) => handlers?.messages(numbered(messages)),
      onItsWay(...messages) {
        const [to, frame] = [handlers, numbered(messages)];
        return () => to?.messages(frame);
      },
      frame(...messages) {
        handlers?.messages(messages);
      },
      get seq() {
        return seq;
      },
      drop: (reason = 'ECONNRESET') => cut(reason),
      drained: () => handlers?.drained(),
      comeBack: (holds, extra = {}) => connect(registration(holds, extra)),
      get closedWith() {
        return closedWith;
      },
      get state() {
        return crew.live.get(managerId)?.actor.getSnapshot().value ?? 'gone';
      },
    };
  }

  const bench: InterchangeBench = {
    clock,
    exchange,
    crew,
    system,
    timers: wheel,
    told,
    notes,
    blocks,
    heldBlocks,
    doubted,
    deadLetters,
    broken,
    gone,
    submit: (key, more) => exchange.submit(workOf(key, more)),
    submitAll(keys, more) {
      for (const key of keys) bench.submit(key, more);
    },
    manager: (managerId, more = {}) => play(managerId, more),
    entry(managerId) {
      const found = crew.live.get(managerId);
      if (found === undefined) throw new Error(`there is no manager ${managerId}`);
      return found;
    },
    endsOf: (key) => told.filter((each) => each.key === key && ends.includes(each.type)),
    rest: () => new Promise((resolve) => setImmediate(resolve)),
    stop: (key, graceMs = 1000) => exchange.stop(key, new Uint8Array(), graceMs),
  };
  return bench;
}

/** Outcome bytes of a result. */
export const doneBytes = Uint8Array.of(0, 42);

/** That the interchange and everything around it has nothing left. */
export function expectNothingLeft({ exchange, crew, clock, timers: wheel }: InterchangeBench): void {
  expect([exchange.queued, exchange.granted, exchange.running]).toEqual([0, 0, 0]);
  expect(exchange.demand).toEqual({ cores: 0, memoryBytes: 0, gpus: 0 });
  for (const { holder } of crew.live.values())
    expect(holder).toMatchObject({ large: 0, taken: { cores: 0, memoryBytes: 0, gpus: 0 } });
  crew.close('the test is over');
  exchange.close();
  clock.increment(25); // of what was about to be asked back
  expect(wheel.size).toBe(0);
}
