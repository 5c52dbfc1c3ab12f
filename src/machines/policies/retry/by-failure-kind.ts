/** Another policy for each kind of failure. */
import type { FailureKind } from '../../model/failures.ts';
import { fixed } from './fixed.ts';
import type { RetryPolicy } from './port.ts';

/**
 * @param policies - Failure kind → policy; kinds that are not named go to `otherwise`.
 * @defaultValue otherwise: `fixed(0)`
 */
export function byFailureKind(policies: Readonly<Partial<Record<FailureKind, RetryPolicy>>>, otherwise: RetryPolicy = fixed(0)): RetryPolicy {
  const all = [...Object.values(policies), otherwise];
  return {
    kind: 'retry',
    name: `byFailureKind(${Object.keys(policies).join(', ')})`,
    // each kind has the budget of its own policy: the task's is the largest, and a smaller one is kept below
    retries: Math.max(...all.map((policy) => policy.retries ?? 0)),
    decide(snapshot) {
      const { failure, failures } = snapshot;
      const policy = policies[failure.kind] ?? otherwise;
      const spent = failures.filter(({ kind }) => (policies[kind] ?? otherwise) === policy).length;
      if (policy.retries !== undefined && spent > policy.retries) return { again: false, why: `${policy.name} is used up for ${failure.kind}` };
      return policy.decide(snapshot);
    },
  };
}
