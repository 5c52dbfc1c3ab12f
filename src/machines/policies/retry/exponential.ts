/** Retries after a wait that doubles each time, with jitter. Source: "full jitter" after Brooker, AWS Architecture Blog, 2015, kept above half. */
import { budgets } from '../../model/failures.ts';
import { checkAmount } from '../options.ts';
import { MAX_BACKOFF_MS, type RetryPolicy, type RetrySnapshot } from './port.ts';

export interface ExponentialOptions {
  /** Budget of each task. @defaultValue 3 */
  readonly retries?: number;
  /** Wait before the first retry. @defaultValue 1000 */
  readonly initialMs?: number;
  /** Longest wait, at most 24 hours. @defaultValue 60_000 */
  readonly maxMs?: number;
  /** Growth per retry. @defaultValue 2 */
  readonly factor?: number;
  /** Share of each wait that is random, 0 to 1. @defaultValue 0.5 */
  readonly jitter?: number;
}

/** @throws ConfigError */
export function exponential(options: ExponentialOptions = {}): RetryPolicy {
  const { retries = 3, initialMs = 1000, maxMs = 60_000, factor = 2, jitter = 0.5 } = options;
  checkAmount('retry.exponential: retries', retries, 0);
  checkAmount('retry.exponential: initialMs', initialMs, 0, MAX_BACKOFF_MS);
  checkAmount('retry.exponential: maxMs', maxMs, 0, MAX_BACKOFF_MS);
  checkAmount('retry.exponential: factor', factor, 0);
  checkAmount('retry.exponential: jitter', jitter, 0, 1);
  return {
    kind: 'retry',
    name: `exponential(${retries}, ${initialMs} ms)`,
    retries,
    decide: ({ tryIndex, random }) => ({ again: true, afterMs: waitMs(tryIndex, random, { initialMs, maxMs, factor, jitter }) }),
  };
}

type Growth = Required<Omit<ExponentialOptions, 'retries'>>;
const waitMs = (tryIndex: number, random: number, { initialMs, maxMs, factor, jitter }: Growth): number =>
  initialMs === 0 ? 0 : Math.round(Math.min(maxMs, initialMs * factor ** tryIndex) * (1 - jitter + jitter * random)); // 0 × ∞ is no wait

/** What policies without a wait of their own do about lost workers and the like: 200 ms doubling to 30 s; else 0. */
export const infrastructureBackoff = ({ failure, tryIndex, random }: RetrySnapshot): number =>
  budgets[failure.kind] === 'infrastructure' ? waitMs(tryIndex, random, { initialMs: 200, maxMs: 30_000, factor: 2, jitter: 0.5 }) : 0;
