/** The dependency policy `substitute`: a value stands for what failed. */
import { describe, expect, it } from 'vitest';

import { substitute } from '../../../../src/machines/policies/dependency/substitute.ts';
import { conformsToDependencyPolicy } from '../../../conformance/policy.ts';
import { missing } from '../../../support/policies.ts';

describe('substitute', () => {
  conformsToDependencyPolicy(() => substitute({ energy: 0 }));

  it.each([[0], [undefined], [null], [{ energy: 0 }]])('runs a task with %o in place of each input that failed', (value) => {
    expect(substitute(value).decide(missing)).toEqual({ run: true, value });
  });

  it('refuses a promise: it may fail as well', () => {
    expect(() => substitute(Promise.resolve(1))).toThrow('dependency.substitute: the value is a promise; await it first');
  });
});
