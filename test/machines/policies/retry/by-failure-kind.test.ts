/** The retry policy `byFailureKind`: a policy a kind, each with its own budget. */
import { describe, expect, it } from 'vitest';

import { budgets, type FailureKind } from '../../../../src/machines/model/failures.ts';
import { byFailureKind } from '../../../../src/machines/policies/retry/by-failure-kind.ts';
import { exponential } from '../../../../src/machines/policies/retry/exponential.ts';
import { fixed } from '../../../../src/machines/policies/retry/fixed.ts';
import { conformsToRetryPolicy } from '../../../conformance/policy.ts';
import { failure } from '../../../support/machines.ts';
import { failed } from '../../../support/policies.ts';

const after = (policy: ReturnType<typeof byFailureKind>, ...kinds: readonly FailureKind[]): boolean =>
  policy.decide(failed({ failures: kinds.map((kind) => failure(kind)) })).again;

describe('byFailureKind', () => {
  conformsToRetryPolicy(() => byFailureKind({ app: fixed(2), oom: exponential() }));
  conformsToRetryPolicy(() => byFailureKind({}, fixed(1)));

  it('asks the policy of the kind, and the other one for kinds without', () => {
    const policy = byFailureKind({ oom: exponential({ jitter: 0, initialMs: 40 }) }, fixed(1));
    expect(policy.decide(failed({ failure: failure('oom') }))).toEqual({ again: true, afterMs: 40 });
    expect(policy.decide(failed({ failure: failure('app') }))).toEqual({ again: true, afterMs: 0 });
    expect(policy.name).toBe('byFailureKind(oom)');
  });

  it('counts the failures of each policy apart', () => {
    const policy = byFailureKind({ app: fixed(1), oom: fixed(2) });
    expect(after(policy, 'app')).toBe(true);
    expect(after(policy, 'app', 'oom', 'oom')).toBe(true);
    expect(after(policy, 'app', 'oom', 'app')).toBe(false);
    expect(after(policy, 'oom', 'oom', 'oom')).toBe(false);
  });

  it('has the largest of their budgets, so that the task’s is never the one that is short', () => {
    expect(byFailureKind({ app: fixed(1), oom: fixed(4) }).retries).toBe(4);
    expect(byFailureKind({}).retries).toBe(0);
  });

  it('leaves failures of the infrastructure to their own budget, unless their kind is named', () => {
    const policy = byFailureKind({ app: fixed(3), preempted: fixed(1) });
    for (const kind of (Object.keys(budgets) as FailureKind[]).filter(
      (each) => budgets[each] === 'infrastructure' && each !== 'preempted',
    )) {
      expect(after(policy, kind, kind, kind, kind)).toBe(true);
    }
    expect(after(policy, 'preempted')).toBe(true);
    expect(after(policy, 'preempted', 'preempted')).toBe(false);
    expect(after(policy, 'timeLimit')).toBe(false);
  });

  it('says which policy is used up', () => {
    expect(byFailureKind({ app: fixed(0) }).decide(failed())).toEqual({ again: false, why: 'fixed(0) is used up for app' });
  });

  it('refuses kinds that there are not, and what is no policy', () => {
    expect(() => byFailureKind({ apps: fixed(1) } as never)).toThrow(
      /^retry\.byFailureKind: apps is not a kind of failure; there are app, /,
    );
    expect(() => byFailureKind({ app: 3 } as never)).toThrow(
      "retry.byFailureKind: app is not a retry policy: { kind: 'retry', name, decide(snapshot) }",
    );
    expect(() => byFailureKind({}, { kind: 'routing' } as never)).toThrow('retry.byFailureKind: otherwise is not a retry policy');
  });
});
