/** The handshake policy `compatible`: what semantic versions let differ may differ. */
import { describe, expect, it } from 'vitest';

import { handshakeKind } from '../../../../src/machines/policies/block-kinds.ts';
import { compatible } from '../../../../src/machines/policies/handshake/compatible.ts';
import { conformsToHandshakePolicy } from '../../../conformance/policy.ts';
import { handshakeOf } from '../../../support/block-policies.ts';

describe('compatible', () => {
  conformsToHandshakePolicy(() => compatible());

  it.each([
    ['the same', {}],
    ['another patch version', { version: '0.1.9' }],
    ['a candidate of the same minor version', { version: '0.1.4-rc.1' }],
    ['another program', { bundleHash: 'beef' }],
    ['another minor version of Node, with a v', { node: 'v20.20.2' }],
    ['another platform', { platform: 'linux-arm64' }],
  ])('admits %s', (_, manager) => {
    expect(compatible().decide(handshakeOf(manager))).toEqual({ admit: true });
  });

  it.each([
    [{ protocol: 2 }, 'the manager on n1 has wire protocol 2, the driver has 1: install the same version of troupe on both'],
    [{ version: '0.2.3' }, 'the manager on n1 has troupe 0.2, the driver has 0.1: install the same minor version on both'],
    [
      { node: '22.4.0' },
      'the manager on n1 has Node 22, the driver has 20: values may be encoded differently; start both with the same major version',
    ],
    [{ version: 'none' }, 'the manager on n1 has troupe none, the driver has 0.1: install the same minor version on both'],
  ])('refuses %o and says what to do', (manager, why) => {
    expect(compatible().decide(handshakeOf(manager))).toEqual({ admit: false, why });
  });

  it('is one for all, which the firewall need not watch', () => {
    expect(compatible()).toBe(handshakeKind.fallback);
    expect(Object.isFrozen(compatible())).toBe(true);
  });
});
