/** The commands of a pool of blocks. */
import type { BlocksSnapshot } from './blocks.ts';

/** What can be asked of a pool while it runs. */
export interface BlockControl {
  /** Asks for blocks, up to the maximum. Returns their ids. */
  scaleOut(blocks?: number): readonly string[];
  /** Gives blocks back: so many, those with the least to lose first, or these. They finish what they run. */
  scaleIn(what?: number | readonly string[]): readonly string[];
  /** No new tries: for one block, one manager, or without a name for all; and no scaling for all. */
  hold(id?: string): void;
  unhold(id?: string): void;
  /** Finish what runs, take nothing new, and end: a block or a manager. */
  drain(id: string): void;
  /** After too many blocks have failed: forgets them, and goes on. */
  recover(): void;
}

/** A pool of blocks under its label: what it is, and what it can be told. */
export interface BlocksView extends BlockControl {
  /** Everything there is at this moment; plain data. */
  snapshot(): BlocksSnapshot;
}
