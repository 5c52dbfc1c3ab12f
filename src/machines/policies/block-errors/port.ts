/** Policies on blocks that fail: when do they make an executor bad? Asked when a block has ended. */
import type { BlockEnd, BlockLimits } from '../../model/blocks.ts';
import type { PolicyOf } from '../port.ts';

/** A block that has ended. */
export interface EndedBlock {
  readonly blockId: string;
  readonly end: BlockEnd;
  readonly endedMs: number;
  /** A manager of it had registered, and its workers came up. */
  readonly hadManager: boolean;
}

export interface BlockErrorsSnapshot {
  readonly executor: string;
  readonly nowMs: number;
  readonly limits: BlockLimits;
  /** In the order of their ids, at most the last 1,000. */
  readonly ended: readonly EndedBlock[];
  /** Blocks that have not ended; blocks ever asked for. */
  readonly live: number;
  readonly total: number;
  /** Id of the youngest block that has not ended. */
  readonly youngestLive: string | undefined;
}

export interface BlockErrorsDecision {
  /** True: the executor turns bad, and every task it has fails. */
  readonly bad: boolean;
  readonly why?: string;
}

export type BlockErrorsPolicy = PolicyOf<'blockErrors', BlockErrorsSnapshot, BlockErrorsDecision>;
