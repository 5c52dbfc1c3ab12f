/** Retries at once, up to `retries` times. With 0, the default of troupe, an error of the task's own is final. */
import type { RetryPolicy } from './port.ts';
import { infrastructureBackoff } from './exponential.ts';

/** @param retries - Budget of each task. Failures of the infrastructure have a budget of their own and back off. */
export function fixed(retries = 0): RetryPolicy {
  return { kind: 'retry', name: `fixed(${retries})`, retries, decide: (snapshot) => ({ again: true, afterMs: infrastructureBackoff(snapshot) }) };
}
