/** Scaling policies: how many blocks out, which blocks in. Asked whenever demand or a block has changed. */
import type { BlockLimits, BlockView } from '../../model/blocks.ts';
import type { Capacity } from '../../model/resources.ts';
import type { PolicyOf } from '../port.ts';

/** What a scaling policy is shown. */
export interface ScalingSnapshot {
  /** Label of the executor. */
  readonly executor: string;
  readonly nowMs: number;
  /** True until blocks have been asked for once. */
  readonly isFirst: boolean;
  /** Tries that wait for a manager, and tries that a manager has. */
  readonly queued: number;
  readonly running: number;
  /** What both ask for, summed up: a task of two cores counts twice. */
  readonly demand: Capacity;
  /** What one block offers: measured of blocks that were ready, else computed from the configuration. */
  readonly perBlock: { readonly slots: number; readonly capacity: Capacity };
  /** Wanted slots per wanted try, from 0 to 1: 1 asks for a slot for each. */
  readonly parallelism: number;
  readonly limits: BlockLimits;
  /** Blocks that have not ended, oldest first; what was decided a moment ago is among them, as `requested`. */
  readonly blocks: readonly BlockView[];
  /** Longest time from the request of a block to its first manager, of the last ten; absent before the first. */
  readonly startupMs?: number;
  /** Blocks in a row that have ended without a manager; 0 after one that had some. */
  readonly failedInRow: number;
  /** When the last block that failed has ended. */
  readonly failedMs?: number;
  /** What the policy's last answer said to remember. */
  readonly memory: unknown;
}

export interface ScalingDecision {
  /** Blocks to ask for. */
  readonly out: number;
  /** Ids of blocks to give back: they are drained, or cancelled when no manager has registered. */
  readonly in: readonly string[];
  /** Ask again after so long, though nothing has changed. Absent: when something changes. */
  readonly againMs?: number;
  /** Plain data, at most 10 kB, given back the next time. */
  readonly memory?: unknown;
  readonly why?: string;
}

export type ScalingPolicy = PolicyOf<'scaling', ScalingSnapshot, ScalingDecision>;

/** Longest wait before a policy is asked again: 24 hours. */
export const MAX_AGAIN_MS = 86_400_000;
