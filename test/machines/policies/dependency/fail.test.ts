/** The dependency policy `fail`: no value, no try. */
import { describe, expect, it } from 'vitest';

import { fail } from '../../../../src/machines/policies/dependency/fail.ts';
import { conformsToDependencyPolicy } from '../../../conformance/policy.ts';
import { missing } from '../../../support/policies.ts';

describe('fail', () => {
  conformsToDependencyPolicy(() => fail());

  it('does not run a task whose input failed', () => {
    expect(fail().decide(missing)).toEqual({ run: false });
  });
});
