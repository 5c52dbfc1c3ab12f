/**
 * Admits a manager that speaks the same protocol, of the same minor version of troupe (`0.1.x`), on the same major
 * version of Node: what may differ then is what semantic versions let differ. The default.
 */
import type { HandshakePolicy } from './port.ts';
import { refusal, sameProtocol, type Match } from './protocol-only.ts';

/** `v20.11.1` → `20`, `0.1.3-rc.1` → `0.1`; what is no version is compared as it is. */
const leading = (version: string, parts: number): string => {
  const numbers = /^v?(\d+(?:\.\d+)*)/.exec(version)?.[1]?.split('.');
  return numbers === undefined ? version : numbers.slice(0, parts).join('.');
};

export const sameNode: Match = {
  what: 'Node',
  of: ({ node }) => leading(node, 1),
  remedy: 'values may be encoded differently; start both with the same major version',
};
const sameMinor: Match = {
  what: 'troupe',
  of: ({ version }) => leading(version, 2),
  remedy: 'install the same minor version on both',
};
const matches = [sameProtocol, sameMinor, sameNode];

/** One for all: the firewall knows it as the default, which it need not watch. */
const policy: HandshakePolicy = Object.freeze({
  kind: 'handshake',
  name: 'compatible',
  decide: (snapshot) => refusal(matches, snapshot),
} satisfies HandshakePolicy);

export const compatible = (): HandshakePolicy => policy;
