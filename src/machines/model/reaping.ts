/** What was done about the blocks that a dead driver had left. Plain, serialisable data. */
export type ReapOutcome =
  /** It was there, was cancelled, and is gone. */
  | 'cancelled'
  /** It had ended by itself. */
  | 'wasGone'
  /** There is no job of its name: it was never submitted, or the provider has forgotten it. */
  | 'notFound'
  | 'failed';

export interface ReapedBlock {
  readonly label: string;
  readonly blockId: string;
  readonly jobName: string;
  readonly jobId?: string;
  readonly outcome: ReapOutcome;
  readonly message?: string;
}

export interface ReapReport {
  readonly dir: string;
  /** Why nothing was done: the driver may still live. */
  readonly refused?: string;
  /** Paths of the ledgers that were found. */
  readonly ledgers: readonly string[];
  readonly blocks: readonly ReapedBlock[];
  /** What could not be read or written, in words. */
  readonly problems: readonly string[];
}
