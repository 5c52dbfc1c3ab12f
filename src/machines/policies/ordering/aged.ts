/**
 * What waits rises, so that nothing starves: a try that was queued a second earlier ranks `perSecond` higher. All ranks
 * rise by the same with time, so one number, given when the try is queued, says it for good:
 *
 *   rank = priority − nowMs / 1000 × perSecond
 */
import { checkAmount } from '../options.ts';
import type { OrderingPolicy } from './port.ts';

export interface AgedOptions {
  /**
   * What a second of waiting is worth in units of priority, 0 to 1000. With 0.1, a try that has waited ten seconds
   * goes before a new one of the next higher priority.
   * @defaultValue 0.01
   */
  readonly perSecond?: number;
}

/**
 * Most that a second can be worth. A number has 53 bits: with today's dates (1.8e9 s) ranks are told apart to 2e-7 ×
 * `perSecond`, which is 0.2 µs of waiting; priorities of up to 1e9 do not make it worse.
 */
const MAX_PER_SECOND = 1000;

/** @throws ConfigError */
export function aged(options: AgedOptions = {}): OrderingPolicy {
  const { perSecond = 0.01 } = options;
  checkAmount('ordering.aged: perSecond', perSecond, 0, MAX_PER_SECOND);
  return Object.freeze({
    kind: 'ordering',
    name: `aged(${perSecond}/s)`,
    decide: ({ priority, nowMs }) => ({ rank: priority - (nowMs / 1000) * perSecond }),
  } satisfies OrderingPolicy);
}
