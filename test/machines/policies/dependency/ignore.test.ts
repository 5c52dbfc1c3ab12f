/** The dependency policy `ignore`: runs all the same. */
import { describe, expect, it } from 'vitest';

import { ignore } from '../../../../src/machines/policies/dependency/ignore.ts';
import { conformsToDependencyPolicy } from '../../../conformance/policy.ts';
import { missing } from '../../../support/policies.ts';

describe('ignore', () => {
  conformsToDependencyPolicy(() => ignore());

  it('runs a task without the inputs that failed', () => {
    expect(ignore().decide(missing)).toEqual({ run: true });
  });
});
