/**
 * As many blocks as there is work for, and no flapping. The default.
 *
 *   share  = parallelism × tries that are not on blocks that leave / tries
 *   wanted = the largest of ⌈tries × share / slots of a block⌉ and, for each resource, ⌈demand × share / a block's⌉;
 *            at least 1 when there is a try, 0 when there is none
 *   goal   = wanted, within min…max (at first: from init)
 *
 * Blocks that are asked for, pend or start count as those that run. What is missing is asked for at once; while blocks
 * fail in a row, after 1 s doubling to 60 s. What is too many goes back whole: first blocks that have not come up, when
 * they have been too many for a little while, then blocks that are idle, when they have been idle and too many for as
 * long as a new one takes to start, or longer. Blocks with tries are never given back. Constant demand comes to rest:
 * blocks are asked for only below the goal and given back only above it, and neither changes the goal.
 */
import type { BlockState, BlockView } from '../../model/blocks.ts';
import type { Capacity } from '../../model/resources.ts';
import { checkAmount } from '../options.ts';
import { MAX_AGAIN_MS, type ScalingDecision, type ScalingPolicy, type ScalingSnapshot } from './port.ts';

export interface AutoScaleOptions {
  /** A block goes back when it has been idle and too many for so long, or for as long as blocks take to start. @defaultValue 120_000 */
  readonly idleMs?: number;
  /** Upper limit of that wait, for queues in which blocks take hours to start; not below `idleMs`. @defaultValue none */
  readonly maxIdleMs?: number;
  /** How long there must be too many blocks before some that have not come up are given back. @defaultValue 10_000 */
  readonly surplusMs?: number;
  /** Wait after the first block that failed; doubles with each in a row. @defaultValue 1000 */
  readonly backoffMs?: number;
  /** Longest such wait. @defaultValue 60_000 */
  readonly maxBackoffMs?: number;
}
type Settings = Required<AutoScaleOptions>;

/** @throws ConfigError */
export function autoScale(options?: AutoScaleOptions): ScalingPolicy {
  return options === undefined ? byDefault : made(options);
}

function made(options: AutoScaleOptions): ScalingPolicy {
  const { idleMs = 120_000, maxIdleMs = Number.MAX_VALUE, surplusMs = 10_000, backoffMs = 1000, maxBackoffMs = 60_000 } = options;
  checkAmount('scaling.autoScale: idleMs', idleMs, 0, MAX_AGAIN_MS);
  checkAmount('scaling.autoScale: maxIdleMs', maxIdleMs, idleMs);
  checkAmount('scaling.autoScale: surplusMs', surplusMs, 0, MAX_AGAIN_MS);
  checkAmount('scaling.autoScale: backoffMs', backoffMs, 0, MAX_AGAIN_MS);
  checkAmount('scaling.autoScale: maxBackoffMs', maxBackoffMs, 0, MAX_AGAIN_MS);
  const settings: Settings = { idleMs, maxIdleMs, surplusMs, backoffMs, maxBackoffMs };
  return Object.freeze({
    kind: 'scaling',
    name: `autoScale(${idleMs} ms)`,
    decide: (snapshot) => decide(snapshot, settings),
  } satisfies ScalingPolicy);
}

/** One for all: the firewall knows it as the default, which it need not watch. */
const byDefault = made({});

/** What it remembers. */
interface Memory {
  /** Blocks of the start that have not come up: they were asked for whatever there is to do. */
  readonly init?: readonly string[];
  /** Since when there has been one block too many all the time, since when two, and so on. */
  readonly surplusMs?: readonly number[];
}

function decide(snapshot: ScalingSnapshot, settings: Settings): ScalingDecision {
  const { isFirst, limits, blocks } = snapshot;
  const capacity = blocks.filter(isCapacity);
  const goal = Math.min(limits.max, Math.max(limits.min, isFirst ? limits.init : 0, wantedBlocks(snapshot)));
  const why = `${capacity.length} blocks, ${goal} wanted`;
  const memory: Memory = isFirst ? {} : { init: stillToCome(recall(snapshot.memory).init, snapshot) };
  if (capacity.length > goal) {
    const surplusMs = levels(snapshot, capacity.length - goal);
    const { back, nextMs } = giveBack(snapshot, settings, capacity, surplusMs, memory.init ?? []);
    return {
      out: 0,
      in: back,
      ...(nextMs === Infinity ? undefined : { againMs: Math.min(nextMs, MAX_AGAIN_MS) }),
      memory: { ...memory, surplusMs: surplusMs.slice(back.length) },
      why,
    };
  }
  // those that leave have their place until they have left
  const out = Math.max(0, Math.min(goal - capacity.length, limits.max - blocks.length));
  const againMs = out === 0 ? 0 : backoffLeft(snapshot, settings);
  if (againMs > 0) return { out: 0, in: [], memory, againMs, why: `${why}; ${snapshot.failedInRow} have failed in a row` };
  // once the start is over, blocks that there were before it may be too many: nothing else would tell
  return { out, in: [], memory, ...(isFirst && out === 0 && blocks.length > 0 ? { againMs: 0 } : undefined), why };
}

const leaving: ReadonlySet<BlockState> = new Set(['draining', 'cancelling', 'ended']);
const isCapacity = ({ state }: BlockView): boolean => !leaving.has(state);

const resources: readonly (keyof Capacity)[] = ['cores', 'memoryBytes', 'gpus'];
/** Where 0.1 × 30 is a little more than 3. */
const ceil = (amount: number): number => Math.ceil(amount - 1e-9);

function wantedBlocks({ queued, running, demand, perBlock, parallelism, blocks }: ScalingSnapshot): number {
  const tries = queued + running;
  const staying = tries - blocks.filter((block) => !isCapacity(block)).reduce((sum, block) => sum + block.tries, 0);
  if (staying <= 0) return 0;
  if (perBlock.slots < 1) return 1; // more of them would not help
  const share = (parallelism * staying) / tries;
  const needs = resources.map((resource) => {
    const offered = perBlock.capacity[resource] ?? 0;
    return offered > 0 ? ceil(((demand[resource] ?? 0) * share) / offered) : 0; // what no block has, none is asked for
  });
  return Math.max(1, ceil((tries * share) / perBlock.slots), ...needs);
}

/** How long no block may be asked for. */
function backoffLeft({ failedInRow, failedMs, nowMs }: ScalingSnapshot, { backoffMs, maxBackoffMs }: Settings): number {
  if (failedInRow <= 0 || failedMs === undefined) return 0;
  const waitMs = Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(failedInRow - 1, 60));
  return Math.min(MAX_AGAIN_MS, Math.max(0, failedMs + waitMs - nowMs));
}

/** How far a block is from being of use, the furthest first: those go back first. */
const nearness: Readonly<Partial<Record<BlockState, number>>> = { held: 0, requested: 1, submitting: 2, pending: 3, starting: 4 };

/** More are not remembered, and not given back at once: a memory has an end. */
const MOST = 100;

/** Since when each of the blocks that there are too many of has been too many. */
function levels({ memory, nowMs }: ScalingSnapshot, surplus: number): readonly number[] {
  const { surplusMs: before = [] } = recall(memory);
  return Array.from({ length: Math.min(surplus, MOST) }, (_, i) => before[i] ?? nowMs);
}

/** As many blocks as are too many, those that have not come up before those that are idle: when are they due? */
function giveBack(
  { nowMs, startupMs = 0 }: ScalingSnapshot,
  { idleMs, maxIdleMs, surplusMs }: Settings,
  capacity: readonly BlockView[],
  sinceMs: readonly number[],
  init: readonly string[],
): { readonly back: readonly string[]; readonly nextMs: number } {
  // of those equally far the youngest first: an older one is nearer to the head of its queue
  const unready = capacity
    .filter(({ blockId, state }) => state !== 'ready' && !init.includes(blockId))
    .toReversed()
    .toSorted((a, b) => (nearness[a.state] ?? 0) - (nearness[b.state] ?? 0))
    .map(({ blockId, requestedMs }) => ({ blockId, fromMs: requestedMs, waitMs: surplusMs }));
  // not shorter than what a new one takes to start: else each pause of the work costs more than the block does
  const holdMs = Math.min(maxIdleMs, Math.max(idleMs, startupMs));
  const idle = capacity
    .filter(({ state, tries }) => state === 'ready' && tries === 0)
    .flatMap(({ blockId, idleSinceMs }) => (idleSinceMs === undefined ? [] : [{ blockId, fromMs: idleSinceMs, waitMs: holdMs }]))
    .toSorted((a, b) => a.fromMs - b.fromMs);
  const spare = [...unready, ...idle]
    .slice(0, sinceMs.length)
    .map(({ blockId, fromMs, waitMs }, i) => ({ blockId, leftMs: Math.max(fromMs, sinceMs[i] ?? nowMs) + waitMs - nowMs }));
  return {
    back: spare.filter(({ leftMs }) => leftMs <= 0).map(({ blockId }) => blockId),
    nextMs: Math.min(...spare.filter(({ leftMs }) => leftMs > 0).map(({ leftMs }) => leftMs)),
  };
}

/** Of a memory that is not our own, nothing: it may be that of a policy that has failed. */
function recall(memory: unknown): Memory {
  const { init, surplusMs } = (typeof memory === 'object' && memory !== null ? memory : {}) as Readonly<Record<string, unknown>>;
  return {
    ...(Array.isArray(init) ? { init: init.filter((id): id is string => typeof id === 'string') } : undefined),
    ...(Array.isArray(surplusMs) ? { surplusMs: surplusMs.filter((ms): ms is number => typeof ms === 'number') } : undefined),
  };
}

/** The first time that there are any, the oldest blocks are those of the start. */
function stillToCome(init: readonly string[] | undefined, { blocks, limits }: ScalingSnapshot): readonly string[] {
  const coming = blocks.filter((block) => isCapacity(block) && block.state !== 'ready').map(({ blockId }) => blockId);
  const first = init ?? blocks.slice(0, limits.init).map(({ blockId }) => blockId);
  return first.slice(0, MOST).filter((id) => coming.includes(id));
}
