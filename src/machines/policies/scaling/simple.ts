/**
 * Parsl's strategy `simple`: blocks for what there is to do, all of the spare ones back when there has been nothing at
 * all for a while. Source: Parsl, `jobs/strategy.py`, `_general_strategy`; the numbers of its cases are in the answers.
 *
 *   A tasks, B blocks that run or pend, s slots a block, S = B·s, p parallelism
 *   1a  A = 0, B ≤ min   nothing
 *   1b  A = 0, B > min   after maxIdleMs without a task: B − min blocks in, those that have idled longest first
 *   2a  S/A < p, B ≥ max nothing
 *   2b  S/A < p          min(⌈⌈A·p − S⌉/s⌉, max − B) blocks out
 *   4a  S = 0            (p = 0) one block out, if B < max
 *   4b  S > A            nothing here; see `htex-auto-scale.ts`
 *   3   otherwise        nothing
 *
 * Blocks that are held, draining or cancelling are not in B, as in Parsl: the executor's own maximum counts them.
 */
import type { BlockState, BlockView } from '../../model/blocks.ts';
import { checkAmount } from '../options.ts';
import { MAX_AGAIN_MS, type ScalingDecision, type ScalingPolicy, type ScalingSnapshot } from './port.ts';

export interface SimpleOptions {
  /** How long there must have been nothing to do before blocks are given back. @defaultValue 120_000 */
  readonly maxIdleMs?: number;
}

/** @throws ConfigError */
export function simple(options: SimpleOptions = {}): ScalingPolicy {
  const { maxIdleMs = 120_000 } = options;
  checkAmount('scaling.simple: maxIdleMs', maxIdleMs, 0, MAX_AGAIN_MS);
  return Object.freeze({
    kind: 'scaling',
    name: `simple(${maxIdleMs} ms)`,
    decide: (snapshot) => generalStrategy(snapshot, maxIdleMs, () => ({ why: '4b' })),
  } satisfies ScalingPolicy);
}

/** The sums of Parsl's cases. */
export interface Load {
  readonly tasks: number;
  readonly blocks: number;
  readonly slots: number;
  readonly perBlock: number;
}

/** Parsl's PENDING and RUNNING; its HELD is neither, and what is given back is SCALED_IN at once. */
const active: ReadonlySet<BlockState> = new Set(['requested', 'submitting', 'pending', 'starting', 'ready']);

/** @param moreSlotsThanTasks - Case 4b, which is all that the two strategies differ in. */
export function generalStrategy(
  snapshot: ScalingSnapshot,
  maxIdleMs: number,
  moreSlotsThanTasks: (load: Load) => Partial<ScalingDecision>,
): ScalingDecision {
  const { isFirst, limits, nowMs, queued, running, parallelism } = snapshot;
  const room = Math.max(0, limits.max - snapshot.blocks.length);
  const first = isFirst ? Math.min(limits.init, room) : 0;
  const blocks = snapshot.blocks.filter(({ state }) => active.has(state)).length + first;
  const perBlock = snapshot.perBlock.slots;
  const tasks = queued + running;
  const slots = blocks * perBlock;
  /** Never above the maximum, held blocks included: the executor would not do it either. */
  const out = (more: number, why: string): ScalingDecision => ({ out: first + Math.min(more, room - first), in: [], why });

  if (tasks === 0) {
    const idleSinceMs = idleClock(snapshot.memory);
    if (blocks <= limits.min) return { ...out(0, '1a'), ...(idleSinceMs === undefined ? undefined : { memory: { idleSinceMs } }) };
    const sinceMs = idleSinceMs ?? nowMs;
    const memory = { idleSinceMs: sinceMs };
    const leftMs = maxIdleMs - (nowMs - sinceMs);
    if (leftMs > 0 || first > 0) return { ...out(0, '1b'), memory, againMs: Math.min(Math.max(0, leftMs), MAX_AGAIN_MS) };
    return { out: 0, in: longestIdle(snapshot).slice(0, blocks - limits.min), memory, why: '1b' };
  }
  if (slots / tasks < parallelism || slots === 0) {
    if (perBlock < 1) return out(0, 'a block has no slot'); // Parsl divides by zero, every five seconds
    const isParallel = slots / tasks < parallelism;
    if (blocks >= limits.max) return out(0, isParallel ? '2a' : '4a');
    if (!isParallel) return out(1, '4a');
    return out(Math.min(Math.ceil(Math.ceil(tasks * parallelism - slots) / perBlock), limits.max - blocks), '2b');
  }
  if (slots <= tasks) return out(0, '3');
  return { ...out(0, '4b'), ...moreSlotsThanTasks({ tasks, blocks, slots, perBlock }) };
}

/** Since when the executor as a whole has had nothing to do; other policies' memories are not ours to trust. */
function idleClock(memory: unknown): number | undefined {
  const sinceMs = typeof memory === 'object' && memory !== null && 'idleSinceMs' in memory ? memory.idleSinceMs : undefined;
  return typeof sinceMs === 'number' ? sinceMs : undefined;
}

/** How long a block has idled: for ever when no manager has registered, or none is left. Source: Parsl, `executor.py`, `scale_in`. */
export const idleMsOf = ({ idleSinceMs, tries }: BlockView, nowMs: number): number =>
  tries > 0 ? 0 : idleSinceMs === undefined ? Infinity : nowMs - idleSinceMs;

/** Ids of what Parsl would give back: longest idle first, then the one with fewer tries; held blocks are among them. */
export function longestIdle(
  { blocks, nowMs }: ScalingSnapshot,
  isEnough: (idleMs: number, block: BlockView) => boolean = () => true,
): string[] {
  return blocks
    .filter(({ state }) => state !== 'draining' && state !== 'cancelling')
    .map((block) => ({ block, idleMs: idleMsOf(block, nowMs) }))
    .filter(({ block, idleMs }) => isEnough(idleMs, block))
    .toSorted((a, b) => (a.idleMs === b.idleMs ? a.block.tries - b.block.tries : b.idleMs - a.idleMs))
    .map(({ block }) => block.blockId);
}
