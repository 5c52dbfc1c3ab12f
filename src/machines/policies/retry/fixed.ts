/** Retries at once, up to `retries` times. With 0, the default of troupe, an error of the task's own is final. */
import { checkAmount } from '../options.ts';
import { infrastructureBackoff } from './exponential.ts';
import type { RetryPolicy } from './port.ts';

/**
 * @param retries - Budget of each task. Failures of the infrastructure have a budget of their own and back off.
 * @throws ConfigError
 */
export function fixed(retries = 0): RetryPolicy {
  checkAmount('retry.fixed: retries', retries, 0);
  return {
    kind: 'retry',
    name: `fixed(${retries})`,
    retries,
    decide: (snapshot) => ({ again: true, afterMs: infrastructureBackoff(snapshot) }),
  };
}
