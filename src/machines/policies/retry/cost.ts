/**
 * A failure costs what a function says: 1 is a whole retry, 0.5 half of one, 0 nothing, a negative number gives
 * some back; retried while the sum is within the task's `retries`. Source: Parsl, `retry_handler`.
 */
import { ConfigError } from '../../model/errors.ts';
import { checkAmount } from '../options.ts';
import { infrastructureBackoff } from './exponential.ts';
import type { RetryPolicy, RetrySnapshot } from './port.ts';

/**
 * @param priceOf - Pure; any finite number.
 * @param retries - Budget of each task that states none itself.
 * @throws ConfigError
 */
export function cost(priceOf: (snapshot: RetrySnapshot) => number, retries = 1): RetryPolicy {
  if (typeof priceOf !== 'function')
    throw new ConfigError('retry.cost: the first argument is not a function of the snapshot', {
      field: 'retry.cost: priceOf',
      value: priceOf,
    });
  checkAmount('retry.cost: retries', retries, 0);
  return {
    kind: 'retry',
    name: `cost(${priceOf.name || 'priceOf'}, ${retries})`,
    retries,
    decide: (snapshot) => ({ again: true, cost: priceOf(snapshot), afterMs: infrastructureBackoff(snapshot) }),
  };
}
