/** How much to compute, from which seed, and in which shares. */
export interface Plan {
  readonly seed: number;
  /** Bootstrap replicates of the whole record, for each block length. */
  readonly replicates: number;
  /** Surrogate records for each block length. */
  readonly surrogates: number;
  /** Bootstrap replicates of each surrogate record. */
  readonly draws: number;
  /** Bootstrap replicates of each decade. */
  readonly slopes: number;
}

export const FULL: Omit<Plan, 'seed'> = { replicates: 4000, surrogates: 160, draws: 199, slopes: 500 };
export const QUICK: Omit<Plan, 'seed'> = { replicates: 1000, surrogates: 40, draws: 99, slopes: 200 };

/** A part of many equal pieces of work: `count` of them, from number `first`. Its numbers seed its random stream. */
export interface Share {
  readonly first: number;
  readonly count: number;
}

/** Cuts `total` pieces into tasks of at most `count`: large enough to be worth a message, small enough to balance. */
export function shares(total: number, count: number): Share[] {
  return Array.from({ length: Math.ceil(total / count) }, (_, i) => ({ first: i * count, count: Math.min(count, total - i * count) }));
}
