/** Another policy for each kind of failure. */
import { ConfigError } from '../../model/errors.ts';
import { budgets, type FailureKind } from '../../model/failures.ts';
import { checkPolicy } from '../options.ts';
import { fixed } from './fixed.ts';
import type { RetryPolicy } from './port.ts';

/**
 * @param policies - Failure kind → policy; kinds that are not named go to `otherwise`.
 * @defaultValue otherwise: `fixed(0)`
 * @throws ConfigError
 */
export function byFailureKind(
  policies: Readonly<Partial<Record<FailureKind, RetryPolicy>>>,
  otherwise: RetryPolicy = fixed(0),
): RetryPolicy {
  for (const [kind, policy] of Object.entries(policies)) {
    const field = `retry.byFailureKind: ${kind}`;
    if (!Object.hasOwn(budgets, kind))
      throw new ConfigError(`${field} is not a kind of failure; there are ${Object.keys(budgets).join(', ')}`, { field, value: kind });
    if (policy !== undefined) checkPolicy(field, 'retry', policy);
  }
  checkPolicy('retry.byFailureKind: otherwise', 'retry', otherwise);
  const policyOf = (kind: FailureKind): RetryPolicy => policies[kind] ?? otherwise;
  /** The budget of the infrastructure is the machine's, and stands unless the kind has a policy of its own here. */
  const isCounted = (kind: FailureKind): boolean => policies[kind] !== undefined || budgets[kind] === 'user';
  return {
    kind: 'retry',
    name: `byFailureKind(${Object.keys(policies).join(', ')})`,
    // each kind has the budget of its own policy: the task's is the largest, and a smaller one is kept below
    retries: Math.max(...[...Object.values(policies), otherwise].map((policy: RetryPolicy | undefined) => policy?.retries ?? 0)),
    decide(snapshot) {
      const { failure, failures } = snapshot;
      const policy = policyOf(failure.kind);
      const spent = failures.filter(({ kind }) => isCounted(kind) && policyOf(kind) === policy).length;
      if (isCounted(failure.kind) && policy.retries !== undefined && spent > policy.retries) {
        return { again: false, why: `${policy.name} is used up for ${failure.kind}` };
      }
      return policy.decide(snapshot);
    },
  };
}
