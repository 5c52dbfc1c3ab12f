/** Admits only a manager that runs the very same program as the driver, on the same major version of Node. */
import { sameNode } from './compatible.ts';
import type { HandshakePolicy } from './port.ts';
import { refusal, sameProtocol, type Match } from './protocol-only.ts';

const sameVersion: Match = { what: 'troupe', of: ({ version }) => version, remedy: 'install the very same version on both' };
const sameBundle: Match = {
  what: 'program',
  of: ({ bundleHash }) => bundleHash,
  remedy: 'it is another build of the same version; give the node the files of the driver',
};
const matches = [sameProtocol, sameVersion, sameBundle, sameNode];

/** One for all: it has no state. */
const policy: HandshakePolicy = Object.freeze({
  kind: 'handshake',
  name: 'strict',
  decide: (snapshot) => refusal(matches, snapshot),
} satisfies HandshakePolicy);

export const strict = (): HandshakePolicy => policy;
