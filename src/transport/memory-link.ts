/** One link of the memory transport: two lanes of frames, one each way, and all that may befall them. */
import { openLink, type OpenLink, type Wire } from './link.ts';
import type { Limits } from './port.ts';

/** How long an end that closes waits for the other to answer. */
const closeTimeoutMs = 2000;

/** Runs something in a later turn, after what was scheduled before for the same time. */
export type Schedule = (run: () => void, delayMs: number) => void;

/** A frame that leaves. */
export interface MemoryFrame {
  readonly link: MemoryLink;
  readonly from: 'listener' | 'peer';
  readonly bytes: Uint8Array;
}

/**
 * What befalls a frame. What is behind it on its lane waits for it: frames of one link stay in order. `cut` loses it and
 * all that is under way, `cutAfter` what is behind it.
 */
export type Fault = 'deliver' | 'duplicate' | 'cut' | 'cutAfter' | { readonly delayMs: number };

/** Both ends of a link, for who plays the network. */
export interface MemoryLink {
  readonly peerId: string;
  /** Where the listener listens. */
  readonly address: string;
  readonly isOpen: boolean;
  /** Nothing arrives at either end from now on; the link stays open. */
  freeze(): void;
  /** What has not arrived arrives now. */
  thaw(): void;
  /** Loses what is under way, and closes the link at both ends. */
  cut(reason?: string): void;
}

export interface MemoryLinkOptions {
  readonly peerId: string;
  readonly address: string;
  /** Of each end. */
  readonly limits: { readonly listener: Limits; readonly peer: Limits };
  readonly schedule: Schedule;
  readonly faults: (frame: MemoryFrame) => Fault;
  /** An end knows that it is over. */
  gone(end: 'listener' | 'peer'): void;
}

export interface MemoryEnds {
  readonly link: MemoryLink;
  readonly listener: OpenLink;
  readonly peer: OpenLink;
}

export function memoryLink({ peerId, address, limits, schedule, faults, gone: told }: MemoryLinkOptions): MemoryEnds {
  let isFrozen = false;
  const lanes = { listener: lane(schedule), peer: lane(schedule) };
  const open = new Set<'listener' | 'peer'>(['listener', 'peer']);

  function gone(end: 'listener' | 'peer', reason: string): void {
    if (!open.delete(end)) return;
    ends[end].gone(reason);
    told(end);
  }
  function cut(reason = 'the connection was lost'): void {
    for (const each of Object.values(lanes)) each.clear();
    for (const end of open) schedule(() => gone(end, reason), 0);
  }
  function wireOf(own: 'listener' | 'peer'): Wire {
    const other = own === 'listener' ? 'peer' : 'listener';
    const terminate = (): void => {
      lanes[own].clear();
      lanes[own].push({ size: 0, delayMs: 0, run: () => gone(other, 'the connection was lost') });
      schedule(() => gone(own, 'it was closed here'), 0);
    };
    return {
      send(bytes, sent) {
        const fault = faults({ link, from: own, bytes });
        if (fault === 'cut') return cut();
        const item = {
          size: bytes.length,
          delayMs: typeof fault === 'object' ? fault.delayMs : 0,
          run: () => {
            if (bytes.length > limits[other].frameBytes) ends[other].fault(`${bytes.length} bytes, of ${limits[other].frameBytes} at most`);
            else ends[other].received(bytes);
            sent();
          },
        };
        lanes[own].push(item);
        if (fault === 'duplicate') lanes[own].push(item);
        if (fault === 'cutAfter') lanes[own].push({ size: 0, delayMs: 0, run: () => cut() });
      },
      get queuedBytes() {
        return lanes[own].bytes;
      },
      close(_code, reason) {
        const why = reason === '' ? 'it was closed' : reason;
        const answer = (): void => lanes[other].push({ size: 0, delayMs: 0, run: () => gone(own, why) });
        lanes[own].push({
          size: 0,
          delayMs: 0,
          run: () => {
            answer();
            gone(other, why);
          },
        });
        if (isFrozen) schedule(() => open.has(own) && isFrozen && terminate(), closeTimeoutMs);
      },
      terminate,
    };
  }

  const link: MemoryLink = {
    peerId,
    address,
    get isOpen() {
      return open.size === 2;
    },
    freeze() {
      isFrozen = true;
      for (const each of Object.values(lanes)) each.freeze();
    },
    thaw() {
      isFrozen = false;
      for (const each of Object.values(lanes)) each.thaw();
    },
    cut,
  };
  const later = (run: () => void): void => schedule(run, 0);
  const ends = {
    listener: openLink({ peer: `${peerId} in memory`, limits: limits.listener, wire: wireOf('listener'), schedule: later }),
    peer: openLink({ peer: `driver at ${address}`, limits: limits.peer, wire: wireOf('peer'), schedule: later }),
  };
  return { link, ...ends };
}

interface Item {
  readonly size: number;
  /** From when it is the first of its lane. */
  readonly delayMs: number;
  run(): void;
}

interface Lane {
  push(item: Item): void;
  freeze(): void;
  thaw(): void;
  clear(): void;
  readonly bytes: number;
}

/** Runs its items in order, each in a turn of its own. */
function lane(schedule: Schedule): Lane {
  let items: Item[] = [];
  let bytes = 0;
  let isFrozen = false;
  let isMoving = false;
  const start = (): void => {
    const [next] = items;
    if (next === undefined || isMoving || isFrozen) return;
    isMoving = true;
    schedule(move, next.delayMs);
  };
  const move = (): void => {
    isMoving = false;
    if (isFrozen) return;
    const item = items.shift();
    if (item === undefined) return;
    bytes -= item.size;
    start();
    item.run();
  };
  return {
    push(item) {
      items.push(item);
      bytes += item.size;
      start();
    },
    freeze() {
      isFrozen = true;
    },
    thaw() {
      isFrozen = false;
      start();
    },
    clear() {
      items = [];
      bytes = 0;
    },
    get bytes() {
      return bytes;
    },
  };
}
