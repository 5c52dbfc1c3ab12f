/** The policy `ignore` on blocks that fail: they may. */
import { describe, expect, it } from 'vitest';

import { ignore } from '../../../../src/machines/policies/block-errors/ignore.ts';
import { conformsToBlockErrorsPolicy } from '../../../conformance/policy.ts';
import { endedSo } from '../../../support/block-policies.ts';

describe('ignore', () => {
  conformsToBlockErrorsPolicy(() => ignore());

  it('never turns an executor bad', () => {
    expect(ignore().decide(endedSo(Array.from({ length: 1000 }, () => 'failed')))).toEqual({ bad: false });
  });
});
