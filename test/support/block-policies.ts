/** Blocks, managers and snapshots for tests of the policies of an executor of blocks, with what matters laid over. */
import type { BlockEnd, BlockState, BlockView } from '../../src/machines/model/blocks.ts';
import type { BlockErrorsSnapshot } from '../../src/machines/policies/block-errors/port.ts';
import type { Build, HandshakeSnapshot } from '../../src/machines/policies/handshake/port.ts';
import type { OrderingSnapshot } from '../../src/machines/policies/ordering/port.ts';
import type { ScalingSnapshot } from '../../src/machines/policies/scaling/port.ts';
import type { SelectionCandidate, SelectionSnapshot } from '../../src/machines/policies/selection/port.ts';

/** A block of a state, asked for at 0; one that is `ready` has a manager of four workers, and has been idle since 0. */
export function block(blockId: string, state: BlockState = 'ready', more: Partial<BlockView> = {}): BlockView {
  const isReady = state === 'ready' || state === 'draining';
  return {
    blockId,
    state,
    sinceMs: 0,
    requestedMs: 0,
    jobName: `job-${blockId}`,
    managers: isReady ? 1 : 0,
    workers: isReady ? 4 : 0,
    tries: 0,
    ...(isReady && (more.tries ?? 0) === 0 ? { idleSinceMs: 0 } : undefined),
    ...more,
  };
}

/** Blocks `b1`, `b2`, … of these states. */
export const blocksOf = (...states: readonly BlockState[]): readonly BlockView[] => states.map((state, i) => block(`b${i + 1}`, state));

/** Four slots a block, one core a try, 0 to 10 blocks, none at first, not the first question. */
export function demanded(tries: number, more: Partial<ScalingSnapshot> = {}): ScalingSnapshot {
  return {
    executor: 'hpc',
    nowMs: 0,
    isFirst: false,
    queued: tries,
    running: 0,
    demand: { cores: tries },
    perBlock: { slots: 4, capacity: { cores: 4, memoryBytes: 16e9 } },
    parallelism: 1,
    blocks: [],
    failedInRow: 0,
    memory: undefined,
    ...more,
    limits: { init: 0, min: 0, max: 10, ...more.limits },
  };
}

export const managerCandidate = (managerId: string, more: Partial<SelectionCandidate> = {}): SelectionCandidate => ({
  managerId,
  blockId: 'b1',
  host: 'n1',
  workers: 4,
  tries: 0,
  credit: 4,
  ...more,
});

export const selectedFrom = (candidates: readonly SelectionCandidate[], more: Partial<SelectionSnapshot> = {}): SelectionSnapshot => ({
  taskId: 't1',
  name: 'simulate',
  tryIndex: 0,
  resources: {},
  candidates,
  random: 0.5,
  ...more,
});

export const queued = (more: Partial<OrderingSnapshot> = {}): OrderingSnapshot => ({
  taskId: 't1',
  name: 'simulate',
  tryIndex: 0,
  priority: 0,
  resources: {},
  nowMs: 0,
  ...more,
});

/** Blocks that ended so, by their numbers from 1. */
export const endedSo = (
  ends: readonly BlockEnd[],
  more: Partial<BlockErrorsSnapshot> = {},
  /** Ends of blocks that had come up. */
  cameUp: readonly BlockEnd[] = ['scaledIn'],
): BlockErrorsSnapshot => ({
  executor: 'hpc',
  nowMs: 0,
  limits: { init: 1, min: 0, max: 10 },
  ended: ends.map((end, i) => ({ blockId: `b${i + 1}`, end, endedMs: i, hadManager: cameUp.includes(end) })),
  live: 0,
  total: ends.length + (more.live ?? 0),
  youngestLive: undefined,
  ...more,
});

const build: Build = { protocol: 1, version: '0.1.3', bundleHash: 'f00d', node: '20.19.1', platform: 'linux-x64' };

/** A manager that differs from its driver in this. */
export const handshakeOf = (manager: Partial<Build> = {}, driver: Partial<Build> = {}): HandshakeSnapshot => ({
  driver: { ...build, ...driver },
  manager: { ...build, ...manager },
  host: 'n1',
});
