/**
 * A failure costs what a function says: 1 is a whole retry, 0.5 half of one, 0 nothing, a negative number gives
 * some back; retried while the sum is within the task's `retries`. Source: Parsl, `retry_handler`.
 */
import type { RetryPolicy, RetrySnapshot } from './port.ts';
import { infrastructureBackoff } from './exponential.ts';

/**
 * @param priceOf - Pure; any finite number.
 * @param retries - Budget of each task that states none itself.
 */
export function cost(priceOf: (snapshot: RetrySnapshot) => number, retries = 1): RetryPolicy {
  return {
    kind: 'retry',
    name: `cost(${priceOf.name || 'priceOf'}, ${retries})`,
    retries,
    decide: (snapshot) => ({ again: true, cost: priceOf(snapshot), afterMs: infrastructureBackoff(snapshot) }),
  };
}
