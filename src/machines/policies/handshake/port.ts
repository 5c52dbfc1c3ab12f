/** Handshake policies: may this manager work for this driver? Asked when it registers. */
import type { PolicyOf } from '../port.ts';

/** What one side of a link is made of. */
export interface Build {
  /** Of the wire protocol. */
  readonly protocol: number;
  /** Of troupe. */
  readonly version: string;
  /** Of the program that runs, by content. */
  readonly bundleHash: string;
  /** For example `20.11.1`. */
  readonly node: string;
  /** For example `linux-x64`. */
  readonly platform: string;
}

export interface HandshakeSnapshot {
  readonly driver: Build;
  readonly manager: Build;
  readonly host: string;
}

export interface HandshakeDecision {
  readonly admit: boolean;
  /** Shown to whoever reads the log of the block. */
  readonly why?: string;
}

export type HandshakePolicy = PolicyOf<'handshake', HandshakeSnapshot, HandshakeDecision>;
