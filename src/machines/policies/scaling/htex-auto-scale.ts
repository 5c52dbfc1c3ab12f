/**
 * Parsl's strategy `htex_auto_scale`: as `simple`, and where there are more slots than tasks (case 4b) blocks that have
 * idled for long go back while others work. Source: Parsl, `jobs/strategy.py` and `high_throughput/executor.py`.
 *
 *   4b  S > A, B > min   at most min(⌊⌊S − A·p⌋/s⌋, B − min) blocks in: those without a task for longer than maxIdleMs
 *
 * A block that no manager has registered of has idled for ever there, so that a slow queue makes it ask for a block and
 * give it back, over and over (Parsl#3696). That is kept, as the name is: `autoScale` does not do it. When the formula
 * gives 0, Parsl takes that for no limit; here it is none.
 */
import { checkAmount } from '../options.ts';
import { MAX_AGAIN_MS, type ScalingDecision, type ScalingPolicy, type ScalingSnapshot } from './port.ts';
import { generalStrategy, idleMsOf, longestIdle, type Load } from './simple.ts';

export interface HtexAutoScaleOptions {
  /** How long a block is idle, or the executor has nothing to do, before blocks are given back. @defaultValue 120_000 */
  readonly maxIdleMs?: number;
}

/** @throws ConfigError */
export function htexAutoScale(options: HtexAutoScaleOptions = {}): ScalingPolicy {
  const { maxIdleMs = 120_000 } = options;
  checkAmount('scaling.htexAutoScale: maxIdleMs', maxIdleMs, 0, MAX_AGAIN_MS);
  return Object.freeze({
    kind: 'scaling',
    name: `htexAutoScale(${maxIdleMs} ms)`,
    decide: (snapshot) => generalStrategy(snapshot, maxIdleMs, (load) => scaleIn(snapshot, maxIdleMs, load)),
  } satisfies ScalingPolicy);
}

function scaleIn(snapshot: ScalingSnapshot, maxIdleMs: number, { tasks, blocks, slots, perBlock }: Load): Partial<ScalingDecision> {
  const { limits, parallelism, nowMs, isFirst } = snapshot;
  const excess = Math.min(Math.floor(Math.floor(slots - tasks * parallelism) / perBlock), blocks - limits.min);
  if (excess <= 0 || isFirst) return { why: '4b' };
  const back = longestIdle(snapshot, (idleMs, { tries }) => idleMs > maxIdleMs && tries === 0).slice(0, excess);
  // Parsl asks every five seconds; here, when the next block will have idled for long enough
  const waits = snapshot.blocks.map((block) => maxIdleMs - idleMsOf(block, nowMs) + 1);
  const nextMs = Math.min(...waits.filter((ms, i) => ms > 0 && snapshot.blocks[i]?.tries === 0));
  return {
    in: back,
    why: '4b',
    ...(back.length < excess && nextMs !== Infinity ? { againMs: Math.min(nextMs, MAX_AGAIN_MS) } : undefined),
  };
}
