/** The handshake policy `protocolOnly`: whoever speaks the same language. */
import { describe, expect, it } from 'vitest';

import { protocolOnly } from '../../../../src/machines/policies/handshake/protocol-only.ts';
import { conformsToHandshakePolicy } from '../../../conformance/policy.ts';
import { handshakeOf } from '../../../support/block-policies.ts';

describe('protocolOnly', () => {
  conformsToHandshakePolicy(() => protocolOnly());

  it('admits any version on any Node', () => {
    expect(protocolOnly().decide(handshakeOf({ version: '9.9.9', node: '99.0.0', bundleHash: 'beef' }))).toEqual({ admit: true });
  });

  it('refuses another protocol', () => {
    expect(protocolOnly().decide(handshakeOf({ protocol: 2 }))).toMatchObject({ admit: false });
  });
});
