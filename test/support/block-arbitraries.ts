/** Arbitrary snapshots of the policies of an executor of blocks. */
import * as fc from 'fast-check';

import { blockEnds, type BlockState, type BlockView } from '../../src/machines/model/blocks.ts';
import type { BlockErrorsSnapshot } from '../../src/machines/policies/block-errors/port.ts';
import type { HandshakeSnapshot } from '../../src/machines/policies/handshake/port.ts';
import type { OrderingSnapshot } from '../../src/machines/policies/ordering/port.ts';
import type { ScalingSnapshot } from '../../src/machines/policies/scaling/port.ts';
import type { SelectionSnapshot } from '../../src/machines/policies/selection/port.ts';
import { resourcesArbitrary } from './arbitraries.ts';
import { block } from './block-policies.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const states: readonly BlockState[] = [
  'requested',
  'submitting',
  'pending',
  'held',
  'starting',
  'ready',
  'ready',
  'draining',
  'cancelling',
];

/** Live blocks, oldest first, at a time after all that has happened to them. */
const NOW_MS = 1_000_000;
const blockArbitrary = fc.record({
  state: fc.constantFrom(...states),
  requestedMs: fc.nat(NOW_MS / 2),
  tries: fc.nat(4),
  idleMs: fc.oneof(fc.nat(300_000), fc.constantFrom(119_999, 120_000, 120_001)),
});
const blocksArbitrary: fc.Arbitrary<readonly BlockView[]> = fc.array(blockArbitrary, { maxLength: 12 }).map((all) =>
  all.map(({ state, requestedMs, tries, idleMs }, i) => {
    const own = state === 'ready' || state === 'draining' ? tries : 0;
    return block(`b${i + 8}`, state, {
      requestedMs,
      tries: own,
      ...(own === 0 && state === 'ready' ? { idleSinceMs: NOW_MS - idleMs } : undefined),
    });
  }),
);

/** What policies have answered to remember, and what others have. */
const memory = fc.oneof(
  fc.constant(undefined),
  fc.record({ idleSinceMs: fc.integer({ min: NOW_MS - 300_000, max: NOW_MS }) }),
  fc.record({
    init: fc.subarray(['b8', 'b9', 'b10']),
    surplusMs: fc.array(fc.integer({ min: NOW_MS - 500_000, max: NOW_MS }), { maxLength: 4 }),
  }),
  fc.jsonValue(),
);

export const scalingSnapshot: fc.Arbitrary<ScalingSnapshot> = fc
  .record({
    isFirst: fc.boolean(),
    queued: fc.oneof(fc.constant(0), fc.nat(60)),
    spare: fc.nat(4),
    cores: fc.constantFrom(0.5, 1, 3),
    slots: fc.nat(6),
    gpus: fc.constantFrom(undefined, 0, 2),
    parallelism: fc.constantFrom(0, 0.1, 0.5, 1),
    init: fc.nat(3),
    min: fc.nat(3),
    max: fc.integer({ min: 3, max: 14 }),
    blocks: blocksArbitrary,
    startupMs: fc.option(fc.nat(400_000), { nil: undefined }),
    failedInRow: fc.nat(12),
    failedMs: fc.integer({ min: NOW_MS - 70_000, max: NOW_MS }),
    memory,
  })
  .map(({ init, min, max, spare, cores, slots, gpus, startupMs, ...rest }) => {
    const running = rest.blocks.reduce((sum, { tries }) => sum + tries, spare);
    const tries = rest.queued + running;
    return {
      ...rest,
      executor: 'hpc',
      nowMs: NOW_MS,
      running,
      demand: { cores: tries * cores, ...(gpus === undefined ? undefined : { gpus: tries }) },
      perBlock: { slots, capacity: { cores: slots, ...(gpus === undefined ? undefined : { gpus }) } },
      limits: { init, min, max },
      ...(startupMs === undefined ? undefined : { startupMs }),
    };
  });

export const selectionSnapshot: fc.Arbitrary<SelectionSnapshot> = fc.record({
  taskId: fc.constant('t1'),
  name: fc.constant('simulate'),
  tryIndex: fc.nat(3),
  resources: resourcesArbitrary,
  candidates: fc.uniqueArray(
    fc.record({
      managerId: fc.string({ minLength: 1, maxLength: 8 }),
      blockId: fc.constantFrom('b1', 'b2', 'b9', 'b10'),
      host: fc.constantFrom('n1', 'n2'),
      workers: fc.nat(64),
      tries: fc.nat(200),
      credit: fc.nat(64),
    }),
    { minLength: 1, maxLength: 8, selector: ({ managerId }) => managerId },
  ),
  random,
});

export const orderingSnapshot: fc.Arbitrary<OrderingSnapshot> = fc.record({
  taskId: fc.constant('t1'),
  name: fc.constant('simulate'),
  tryIndex: fc.nat(3),
  priority: fc.double({ noNaN: true, noDefaultInfinity: true }),
  resources: resourcesArbitrary,
  nowMs: fc.nat(2 ** 41),
});

export const blockErrorsSnapshot: fc.Arbitrary<BlockErrorsSnapshot> = fc
  .record({
    ends: fc.array(fc.tuple(fc.constantFrom('failed' as const, ...blockEnds), fc.boolean()), { maxLength: 12 }),
    live: fc.subarray(['b3', 'b9', 'b20']),
    init: fc.nat(4),
  })
  .map(({ ends, live, init }) => ({
    executor: 'hpc',
    nowMs: 1000,
    limits: { init, min: 0, max: 20 },
    ended: ends.map(([end, hadManager], i) => ({ blockId: `b${i + 1}`, end, endedMs: i, hadManager })),
    live: live.length,
    total: ends.length + live.length,
    youngestLive: live.at(-1),
  }));

const buildArbitrary = fc.record({
  protocol: fc.constantFrom(1, 2),
  version: fc.oneof(fc.constantFrom('0.1.0', '0.1.1', '0.2.0', '1.0.0-rc.1'), fc.string()),
  bundleHash: fc.constantFrom('f00d', 'beef', ''),
  node: fc.oneof(fc.constantFrom('20.19.1', '20.20.0', '22.1.0', 'v20.0.0'), fc.string()),
  platform: fc.constantFrom('linux-x64', 'linux-arm64'),
});

export const handshakeSnapshot: fc.Arbitrary<HandshakeSnapshot> = fc.record({
  driver: buildArbitrary,
  manager: buildArbitrary,
  host: fc.constantFrom('n1', 'n2'),
});
