/**
 * A transport within one process, for tests and simulations: frames are encoded, decoded and checked as on a network,
 * and arrive in later turns, in order. Secrets, certificates and refusals work as with WebSockets. What befalls frames
 * and links is up to whoever plays the network.
 */
import { formatAddress, isLoopback, parseAddress } from './addresses.ts';
import { checkListen, isAdmitted } from './admission.ts';
import { memoryLink, type Fault, type MemoryEnds, type MemoryFrame, type MemoryLink, type Schedule } from './memory-link.ts';
import { LinkError, type ConnectOptions, type Link, type ListenOptions, type Transport } from './port.ts';

/** Options of {@link memory}. */
export interface MemoryOptions {
  /**
   * Runs something in a later turn, after what was scheduled before for the same time.
   * @defaultValue `setImmediate`, and `setTimeout` for a delay
   */
  readonly schedule?: Schedule;
  /** Asked for each frame as it leaves. @defaultValue delivers all */
  readonly faults?: (frame: MemoryFrame) => Fault;
  /** Asked for each new link. @defaultValue all are reached */
  readonly reaches?: (asked: { readonly address: string; readonly peerId: string }) => boolean;
}

/** A network in memory. */
export interface MemoryTransport extends Transport {
  /** Those that are not over for the peer, oldest first. */
  readonly links: readonly MemoryLink[];
}

interface Listening {
  readonly options: ListenOptions;
  readonly address: string;
  /** Those that are not over for the listener. */
  readonly links: Set<MemoryEnds>;
  /** The last of them is over. */
  isOver(): void;
}

/** Connects within this process. Each call is a network of its own. */
export function memory(options: MemoryOptions = {}): MemoryTransport {
  const { schedule = scheduleReal, faults = () => 'deliver' as const, reaches = () => true } = options;
  const listening = new Map<string, Listening>();
  const open = new Set<MemoryEnds>();
  let lastPort = 40_000;

  function find(address: string): Listening | undefined {
    const parsed = parseAddress(address);
    if (parsed === undefined) return undefined;
    const hosts = [parsed.host, '0.0.0.0', '::'];
    return hosts.map((host) => listening.get(keyOf(host, parsed.port))).find((each) => each !== undefined);
  }

  function admit({ address, peerId, secret, fingerprint, limits, handlers }: ConnectOptions): Link {
    const to = find(address);
    if (to === undefined || !reaches({ address, peerId })) throw new LinkError(`${address}: nobody answers`);
    if (fingerprint !== to.options.certificate?.fingerprint) throw new LinkError(`${address}: not the certificate that was expected`);
    if (!isAdmitted(to.options.secretOf, peerId, secret)) {
      to.options.onRefused('a wrong secret, or an unknown peer');
      throw new LinkError(`${address}: refused with 401`, { isRefused: true });
    }
    const ends = memoryLink({
      peerId,
      address: to.address,
      limits: { listener: to.options.limits, peer: limits },
      schedule,
      faults,
      gone(end) {
        if (end === 'peer') {
          open.delete(ends);
        } else {
          to.links.delete(ends);
          if (to.links.size === 0) to.isOver();
        }
      },
    });
    open.add(ends);
    to.links.add(ends);
    ends.peer.attach(handlers);
    ends.listener.attach(to.options.onLink(ends.listener, peerId));
    return ends.peer;
  }

  return {
    kind: 'memory',
    get links() {
      return [...open].map(({ link }) => link);
    },
    async listen(asked) {
      checkListen(asked, { allowPlaintext: true });
      let { port } = asked;
      while (port === 0 || (asked.port === 0 && listening.has(keyOf(asked.host, port)))) port = ++lastPort;
      const key = keyOf(asked.host, port);
      if (listening.has(key)) throw new Error(`listen EADDRINUSE: address already in use ${asked.host}:${port}`);
      let isOver = (): void => undefined;
      const own: Listening = {
        options: asked,
        address: formatAddress({ host: asked.host, port }),
        links: new Set(),
        isOver: () => isOver(),
      };
      listening.set(key, own);
      return {
        port,
        async close() {
          if (listening.get(key) === own) listening.delete(key);
          if (own.links.size === 0) return;
          const over = new Promise<void>((resolve) => (isOver = resolve));
          for (const { listener } of own.links) listener.close('the listener was closed');
          await over;
        },
      };
    },
    async connect(asked) {
      return await new Promise<Link>((resolve, reject) =>
        schedule(() => {
          try {
            resolve(admit(asked));
          } catch (error) {
            reject(error instanceof Error ? error : new LinkError(String(error)));
          }
        }, 0),
      );
    },
  };
}

/** All names of loopback are one host. */
function keyOf(host: string, port: number): string {
  return `${isLoopback(host) ? 'localhost' : host} ${port}`;
}

function scheduleReal(run: () => void, delayMs: number): void {
  if (delayMs > 0) setTimeout(run, delayMs);
  else setImmediate(run);
}
