/**
 * What connects a driver with its managers. A transport carries frames: batches of messages of the protocol, encoded,
 * checked against their schema on arrival, in order. Frames are lost only with the link.
 */
import type { Message } from './protocol.ts';

/** One open connection. What it tells is told in order, each from a turn of its own. */
export interface Link {
  /** Who is at the other end, for messages: `block 3 at 10.0.0.7:4711`. */
  readonly peer: string;
  /** Queued; leaves with its turn of the event loop, or as soon as a batch is full. Dropped once the link is closed. */
  send(message: Message): void;
  /** Bytes that were sent and that the system has not taken yet. */
  readonly queuedBytes: number;
  /** Sends what is queued, then closes. `reason` is shown at the other end: at most 120 bytes. */
  close(reason?: string): void;
  /** Closes at once. */
  terminate(): void;
}

export interface LinkHandlers {
  /** The messages of one frame. */
  messages(messages: readonly Message[]): void;
  /** Once, last. */
  closed(reason: string): void;
  /** A frame that was none: random, truncated, too large, unknown. The link is being closed; never throws. */
  faulted(what: string): void;
  /** `queuedBytes` has fallen below a quarter of the limit again. */
  drained(): void;
}

export interface Limits {
  /** Longest frame that is taken. @defaultValue 256 MiB */
  readonly frameBytes: number;
  /** Messages in a frame, at most. @defaultValue 64 */
  readonly batch: number;
}

export const defaultLimits: Limits = { frameBytes: 256 * 1024 ** 2, batch: 64 };

/** Certificate and key of a run, PEM. `fingerprint` is the SHA-256 of the certificate, as Node prints it. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly fingerprint: string;
}

export interface ListenOptions {
  /** Address to listen on. @defaultValue 127.0.0.1 */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /**
   * The secret of a peer by the id it names, before there is a socket; `undefined` for unknown peers. A listener on any
   * address but loopback needs it.
   */
  secretOf(peerId: string): string | undefined;
  readonly certificate: Certificate | undefined;
  readonly limits: Limits;
  /** A peer that has shown its secret. Handlers of the link are returned. */
  onLink(link: Link, peerId: string): LinkHandlers;
  /** Somebody was refused: a wrong secret, an unknown peer, no WebSocket. */
  onRefused(why: string): void;
}

export interface Listener {
  readonly port: number;
  /** Closes the links too. Resolves when the port is free. */
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** `host:port`, IPv6 in brackets. */
  readonly address: string;
  readonly peerId: string;
  readonly secret: string;
  /** Of the driver's certificate: with it, TLS is used and nothing else accepted. */
  readonly fingerprint: string | undefined;
  readonly timeoutMs: number;
  readonly limits: Limits;
  readonly handlers: LinkHandlers;
}

/** A kind of transport. */
export interface Transport {
  /** `websocket`, `memory` */
  readonly kind: string;
  /** @throws ConfigError for an address other than loopback without a secret; Error when the address is taken. */
  listen(options: ListenOptions): Promise<Listener>;
  /** Resolves when the peer has taken us on. @throws LinkError with `isRefused` when it never will. */
  connect(options: ConnectOptions): Promise<Link>;
}

/** No link could be made. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
  /** The other end is there, and says no: trying again is of no use. */
  readonly isRefused: boolean;
  constructor(message: string, { isRefused = false, cause }: { readonly isRefused?: boolean; readonly cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.isRefused = isRefused;
  }
}
