/** Ends of links for tests: handlers that remember what they were told, and let a test wait for it. */
import {
  defaultLimits,
  type Certificate,
  type Limits,
  type Link,
  type LinkHandlers,
  type Listener,
  type Transport,
} from '../../src/transport/port.ts';
import type { Message, MessageOf } from '../../src/transport/protocol.ts';

export interface RecordedEnd extends LinkHandlers {
  /** One entry a frame. */
  readonly frames: readonly (readonly Message[])[];
  readonly received: readonly Message[];
  readonly faults: readonly string[];
  /** Reasons: one at most, says the port. */
  readonly closes: readonly string[];
  readonly drains: number;
  /** Resolves when it holds, at once or after something has been told. */
  until(holds: () => boolean): Promise<void>;
}

export function recordedEnd(): RecordedEnd {
  const frames: (readonly Message[])[] = [];
  const faults: string[] = [];
  const closes: string[] = [];
  let drains = 0;
  const waiting = new Set<() => void>();
  const told = (): void => waiting.forEach((check) => check());
  return {
    frames,
    faults,
    closes,
    get received() {
      return frames.flat();
    },
    get drains() {
      return drains;
    },
    messages(messages) {
      frames.push(messages);
      told();
    },
    closed(reason) {
      closes.push(reason);
      told();
    },
    faulted(what) {
      faults.push(what);
      told();
    },
    drained() {
      drains++;
      told();
    },
    until: (holds) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!holds()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}

export interface LinkedPair {
  readonly listener: Listener;
  readonly address: string;
  /** The manager's link, and what came to the manager. */
  readonly up: Link;
  readonly manager: RecordedEnd;
  /** The driver's link, and what came to the driver. */
  readonly down: Link;
  readonly driver: RecordedEnd;
  close(): Promise<void>;
}

export interface PairOptions {
  readonly limits?: Partial<Limits>;
  readonly managerLimits?: Partial<Limits>;
  readonly certificate?: Certificate;
}

/** One listener and one link to it. */
export async function linkedPair(transport: Transport, options: PairOptions = {}): Promise<LinkedPair> {
  const driver = recordedEnd();
  const manager = recordedEnd();
  let down: Link | undefined;
  const listener = await transport.listen({
    host: '127.0.0.1',
    port: 0,
    secretOf: (peerId) => `secret of ${peerId}`,
    certificate: options.certificate,
    limits: { ...defaultLimits, ...options.limits },
    onLink(link) {
      down = link;
      return driver;
    },
    onRefused: () => undefined,
  });
  const address = `127.0.0.1:${listener.port}`;
  const up = await transport.connect({
    address,
    peerId: 'block 1',
    secret: 'secret of block 1',
    fingerprint: options.certificate?.fingerprint,
    timeoutMs: 10_000,
    limits: { ...defaultLimits, ...options.limits, ...options.managerLimits },
    handlers: manager,
  });
  if (down === undefined) throw new Error('the listener was not told of the link');
  return {
    listener,
    address,
    up,
    manager,
    down,
    driver,
    async close() {
      up.terminate();
      await listener.close();
      await manager.until(() => manager.closes.length > 0);
    },
  };
}

export const progress = (lease: number, value = new Uint8Array(0)): MessageOf<'progress'> => ({ t: 'progress', lease, value });
