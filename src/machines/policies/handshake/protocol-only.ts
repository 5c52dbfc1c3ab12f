/** Admits whoever speaks the same protocol. */
import type { Build, HandshakeDecision, HandshakePolicy, HandshakeSnapshot } from './port.ts';

/** A part of a build that must be the same on both sides. */
export interface Match {
  /** As in "it runs …". */
  readonly what: string;
  readonly of: (build: Build) => string | number;
  /** What to do about it. */
  readonly remedy: string;
}

/** Refuses for the first part that differs, in words. */
export function refusal(matches: readonly Match[], { driver, manager, host }: HandshakeSnapshot): HandshakeDecision {
  const wrong = matches.find(({ of }) => of(driver) !== of(manager));
  if (wrong === undefined) return { admit: true };
  const { what, of, remedy } = wrong;
  return { admit: false, why: `the manager on ${host} has ${what} ${of(manager)}, the driver has ${of(driver)}: ${remedy}` };
}

export const sameProtocol: Match = {
  what: 'wire protocol',
  of: ({ protocol }) => protocol,
  remedy: 'install the same version of troupe on both',
};

/** One for all: it has no state. */
const policy: HandshakePolicy = Object.freeze({
  kind: 'handshake',
  name: 'protocolOnly',
  decide: (snapshot) => refusal([sameProtocol], snapshot),
} satisfies HandshakePolicy);

export const protocolOnly = (): HandshakePolicy => policy;
