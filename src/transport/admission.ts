/** Who may come in: the rules of listening, and of secrets, that all transports share. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { ConfigError } from '../machines/model/errors.ts';
import { isLoopback } from './addresses.ts';
import type { ListenOptions } from './port.ts';

/** Options of a transport that may listen where others can hear it. */
export interface PlaintextOptions {
  /**
   * Listen on other addresses than loopback without TLS too: for networks that only trusted machines are on.
   * @defaultValue false
   */
  readonly allowPlaintext?: boolean;
}

/** @throws ConfigError for an address that others reach, without what keeps them out. */
export function checkListen({ host, secretOf, certificate }: ListenOptions, { allowPlaintext = false }: PlaintextOptions): void {
  const refuse = (why: string): never => {
    throw new ConfigError(`address: ${host} can be reached from other machines, and ${why}`, { field: 'address', value: host });
  };
  if (typeof secretOf !== 'function') {
    if (isLoopback(host)) throw new ConfigError('secretOf has to be a function', { field: 'secretOf', value: secretOf });
    refuse('there is no secret that would keep them out');
  }
  if (!isLoopback(host) && certificate === undefined && !allowPlaintext)
    refuse('without a certificate everything can be read on the way: give one, or set allowPlaintext');
}

/** Takes as long for a peer that nobody knows as for a wrong secret. */
export function isAdmitted(secretOf: (peerId: string) => string | undefined, peerId: string, secret: string): boolean {
  let expected: string | undefined;
  try {
    expected = secretOf(peerId);
  } catch {
    expected = undefined;
  }
  const isSame = timingSafeEqual(digest(secret), digest(expected ?? ''));
  // An empty secret is none.
  return isSame && typeof expected === 'string' && expected !== '';
}

function digest(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest();
}

export interface Credentials {
  readonly peerId: string;
  readonly secret: string;
}

/** Value of the header `Authorization`. */
export function formatCredentials({ peerId, secret }: Credentials): string {
  return `Troupe ${encode(peerId)}.${encode(secret)}`;
}

/** `undefined` for anything that {@link formatCredentials} does not write. */
export function readCredentials(header: string | undefined): Credentials | undefined {
  const found = /^Troupe ([^\s.]+)\.([^\s.]+)$/.exec(header ?? '');
  try {
    return found === null ? undefined : { peerId: decodeURIComponent(found[1] ?? ''), secret: decodeURIComponent(found[2] ?? '') };
  } catch {
    return undefined;
  }
}

/** Without dots, and only what a header may have. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll('.', '%2E');
}

/** Tells of the first refusal, then once a second at most, with the number of those between: a scan is no flood of records. */
export function limitRefusals(onRefused: (why: string) => void, nowMs: () => number): (why: string) => void {
  let untold = 0;
  let nextMs = Number.NEGATIVE_INFINITY;
  return (why) => {
    const now = nowMs();
    if (now < nextMs) {
      untold++;
      return;
    }
    nextMs = now + 1000;
    onRefused(untold === 0 ? why : `${why} (and ${untold} more that were not told of)`);
    untold = 0;
  };
}
