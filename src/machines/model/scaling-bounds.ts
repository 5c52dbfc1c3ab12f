/** The hard limits on scaling: they hold outside of every policy, whatever it answers. */
import type { BlockLimits, BlockView } from './blocks.ts';

export interface ScalingBounds {
  readonly limits: BlockLimits;
  /** Nothing has been decided yet: as many as are asked for at the start are. */
  readonly isFirst: boolean;
  /** Blocks that are kept from below. */
  readonly floor: number;
  /** False while blocks fail one after another: the next comes later. */
  readonly canReplace: boolean;
  /** All that have not ended: each counts against the maximum. */
  readonly live: readonly BlockView[];
  /** Given back already, though some still run. */
  isLeaving(blockId: string): boolean;
}

export interface Scaled {
  readonly out: number;
  readonly in: readonly string[];
}

/** Brings an answer within the limits. */
export function bounded(answer: Scaled, { limits, isFirst, floor, canReplace, live, isLeaving }: ScalingBounds): Scaled {
  const staying = live.filter(({ blockId }) => !isLeaving(blockId));
  const known = new Set(staying.map(({ blockId }) => blockId));
  const back = [...new Set(answer.in)].filter((id) => known.has(id)).slice(0, Math.max(0, staying.length - floor));
  const left = staying.length - back.length;
  const least = isFirst ? Math.max(limits.init, floor) : canReplace ? floor : 0;
  return { out: room(Math.max(wholeOf(answer.out), least - left), limits, live.length), in: back };
}

/** As many of `wanted` as the maximum leaves room for. */
export const room = (wanted: number, { max }: BlockLimits, live: number): number => Math.max(0, Math.min(wholeOf(wanted), max - live));

/** NaN is none. */
const wholeOf = (n: number): number => Math.floor(n) || 0;

/**
 * The blocks that are missed least, first: those that do not run yet, the youngest first, since they have waited
 * least; then those that are idle longest, then those with the fewest tries. Compare Parsl, `HTEX.scale_in`.
 */
export function leastMissed(blocks: readonly BlockView[]): readonly BlockView[] {
  const rank = ({ state }: BlockView): number => ranks.indexOf(state);
  return blocks.toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      (isUp(a) ? (a.idleSinceMs ?? Number.POSITIVE_INFINITY) - (b.idleSinceMs ?? Number.POSITIVE_INFINITY) || a.tries - b.tries : 0) ||
      b.requestedMs - a.requestedMs,
  );
}
const ranks: readonly BlockView['state'][] = ['requested', 'submitting', 'held', 'pending', 'starting', 'ready'];
const isUp = ({ state }: BlockView): boolean => state === 'ready';
