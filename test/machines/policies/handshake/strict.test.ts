/** The handshake policy `strict`: the very same program. */
import { describe, expect, it } from 'vitest';

import { strict } from '../../../../src/machines/policies/handshake/strict.ts';
import { conformsToHandshakePolicy } from '../../../conformance/policy.ts';
import { handshakeOf } from '../../../support/block-policies.ts';

describe('strict', () => {
  conformsToHandshakePolicy(() => strict());

  it.each([
    ['the same', {}],
    ['another minor version of Node', { node: '20.20.2' }],
  ])('admits %s', (_, manager) => {
    expect(strict().decide(handshakeOf(manager))).toEqual({ admit: true });
  });

  it.each([
    [{ protocol: 2 }, 'wire protocol 2'],
    [{ version: '0.1.4' }, 'troupe 0.1.4, the driver has 0.1.3: install the very same version on both'],
    [
      { bundleHash: 'beef' },
      'program beef, the driver has f00d: it is another build of the same version; give the node the files of the driver',
    ],
    [{ node: '22.0.0' }, 'Node 22'],
  ])('refuses %o and says what to do', (manager, why) => {
    const answer = strict().decide(handshakeOf(manager));
    expect(answer.admit).toBe(false);
    expect(answer.why).toContain(why);
  });
});
