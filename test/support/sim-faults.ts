/** What befalls a simulated executor of blocks, as arbitraries: when, what, to whom, for how long. */
import * as fc from 'fast-check';

import type { JobEnd } from '../../src/machines/model/blocks.ts';
import type { BlocksWorld } from './blocks-world.ts';

export interface PlannedFault {
  readonly atMs: number;
  readonly kind: FaultKind;
  readonly forMs: number;
  /** Of those there are, counted round. */
  readonly which: number;
}

const jobEnds: readonly JobEnd['end'][] = [
  'timeout',
  'preempted',
  'failed',
  'nodeFailed',
  'outOfMemory',
  'completed',
  'cancelled',
  'unknown',
];
const oneOf = <T>(all: readonly T[], which: number): T | undefined => (all.length === 0 ? undefined : all[which % all.length]);

/** Each says what undoes it, if it lasts. */
const kinds = {
  cutLink: (world, { which }) => oneOf(world.nodes, which)?.cut(),
  cutAll(world) {
    for (const node of world.nodes) node.cut();
  },
  freezeLink(world, { which }) {
    const link = oneOf(world.network.links, which);
    link?.freeze();
    return () => link?.thaw();
  },
  freezeManager(world, { which }) {
    const node = oneOf(world.nodes, which);
    node?.process.freeze();
    return () => node?.process.thaw();
  },
  killManager: (world, { which }) => oneOf(world.nodes, which)?.kill(),
  loseNode: (world, { which }) => oneOf(world.nodes, which)?.kill(true),
  endManager: (world, { which }) => oneOf(world.nodes, which)?.end(),
  killWorker: (world, { which }) =>
    oneOf(
      world.nodes.flatMap(({ workers }) => workers),
      which,
    )?.kill(),
  endJob: (world, { which }) => oneOf(world.liveJobs, which)?.end({ end: oneOf(jobEnds, which) as JobEnd['end'] }),
  blockDriver(world) {
    world.driver.freeze();
    return () => world.driver.thaw();
  },
  stopTask: (world, { which }) => world.stop(oneOf([...world.tasks.keys()], which) as string),
  scaleIn: (world) => world.driver.run(() => void world.executor.control.scaleIn(1)),
  scaleOut: (world) => world.driver.run(() => void world.executor.control.scaleOut(1)),
  hold(world) {
    world.driver.run(() => world.executor.control.hold());
    return () => world.driver.run(() => world.executor.control.unhold());
  },
  badNetwork(world) {
    const { random } = world;
    world.weather.frames = () => {
      const dice = random();
      if (dice < 0.03) return 'cut';
      if (dice < 0.06) return 'cutAfter';
      if (dice < 0.2) return 'duplicate';
      return dice < 0.6 ? { delayMs: random() * 200 } : 'deliver';
    };
    return () => {
      world.weather.frames = undefined;
    };
  },
  apart(world) {
    world.weather.isApart = true;
    for (const node of world.nodes) node.cut();
    return () => {
      world.weather.isApart = false;
    };
  },
  badProvider(world) {
    world.weather.requests = 0.5;
    return () => {
      world.weather.requests = 0;
    };
  },
  badWorkers(world) {
    world.weather.startFailures = 0.4;
    return () => {
      world.weather.startFailures = 0;
    };
  },
} as const satisfies Record<string, (world: BlocksWorld, fault: PlannedFault) => void | (() => void)>;
export type FaultKind = keyof typeof kinds;
export const faultKinds = Object.keys(kinds) as readonly FaultKind[];

export const plannedFault: fc.Arbitrary<PlannedFault> = fc.record({
  // most while there is much to do
  atMs: fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 15_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 40_000 }) },
  ),
  kind: fc.constantFrom(...faultKinds),
  // most are over before anybody is given up, some are not
  forMs: fc.oneof(fc.integer({ min: 10, max: 3000 }), fc.integer({ min: 3000, max: 30_000 })),
  which: fc.nat(50),
});

/** Has the faults happen in their time, and all that lasts undone at the end of the last. */
export async function bringAbout(world: BlocksWorld, faults: readonly PlannedFault[]): Promise<void> {
  const undo = new Map<() => void, unknown>();
  let lastMs = 0;
  for (const fault of faults) {
    lastMs = Math.max(lastMs, fault.atMs + fault.forMs);
    world.clock.setTimeout(() => {
      const back = kinds[fault.kind](world, fault);
      if (typeof back !== 'function') return;
      const end = (): void => {
        undo.delete(end);
        back();
      };
      undo.set(end, world.clock.setTimeout(end, fault.forMs));
    }, fault.atMs);
  }
  await world.run(lastMs + 1);
  for (const end of undo.keys()) end();
}
