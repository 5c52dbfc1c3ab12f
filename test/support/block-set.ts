/** A set of blocks over a fake provider, with what the host is told, and policies that the test says. */
import { blockSet, type BlockSet, type BlockSetHost } from '../../src/actors/blocks/block-set.ts';
import type { BlockLimits, BlockState, BlockView, JobEnd } from '../../src/machines/model/blocks.ts';
import type { BlockErrorsDecision, BlockErrorsSnapshot } from '../../src/machines/policies/block-errors/port.ts';
import type { ScalingDecision, ScalingSnapshot } from '../../src/machines/policies/scaling/port.ts';
import type { Provider } from '../../src/providers/port.ts';
import { blockWorld, memoryLedger, specOf, type BlockWorld, type MemoryLedger } from './block-world.ts';

export interface SetBench extends BlockWorld {
  readonly set: BlockSet;
  readonly ledger: MemoryLedger;
  /** Snapshots that the policies were shown. */
  readonly scalingAsked: readonly ScalingSnapshot[];
  readonly errorsAsked: readonly BlockErrorsSnapshot[];
  readonly ended: readonly { readonly view: BlockView; readonly evidence: JobEnd | undefined }[];
  /** States that a block was said to enter. */
  statesOf(blockId: string): readonly BlockState[];
  readonly bad: readonly string[];
  view(blockId: string): BlockView;
  live(): readonly BlockView[];
  /** A manager of four workers registers. */
  register(blockId: string, managerId?: string): boolean;
  /** Something for `tries` cores to do. */
  want(tries: number): void;
}

export interface SetBenchOptions extends Partial<BlockSetHost> {
  readonly provider: Provider;
  readonly limits?: BlockLimits;
  readonly decide?: (snapshot: ScalingSnapshot) => ScalingDecision;
  readonly judge?: (snapshot: BlockErrorsSnapshot) => BlockErrorsDecision;
  readonly requestTimeoutMs?: number;
  /** One that is there already: for a provider that needs its clock. */
  readonly world?: BlockWorld;
}

/** As many blocks as there are tries, four to a block. */
export const oneBlockPerFour = ({ queued, running, blocks, isFirst, limits }: ScalingSnapshot): ScalingDecision => {
  const staying = blocks.filter(({ state }) => state !== 'draining' && state !== 'cancelling');
  const goal = Math.max(Math.ceil((queued + running) / 4), isFirst ? limits.init : 0);
  return goal >= staying.length
    ? { out: goal - staying.length, in: [] }
    : { out: 0, in: staying.slice(goal).map(({ blockId }) => blockId), why: 'too many' };
};

export function setBench({
  decide = oneBlockPerFour,
  judge = () => ({ bad: false }),
  limits = { init: 0, min: 0, max: 4 },
  requestTimeoutMs = 10_000,
  world = blockWorld(),
  ...host
}: SetBenchOptions): SetBench {
  const ledger = memoryLedger();
  const scalingAsked: ScalingSnapshot[] = [];
  const errorsAsked: BlockErrorsSnapshot[] = [];
  const ended: SetBench['ended'][number][] = [];
  const states = new Map<string, BlockState[]>();
  const bad: string[] = [];
  const set = blockSet(
    {
      space: world.space,
      clock: world.clock,
      random: () => 0.5,
      runId: 'r1',
      label: 'hpc',
      dir: '/',
      limits,
      nodes: 1,
      walltimeMs: undefined,
      parallelism: 1,
      perBlock: { slots: 4, capacity: { cores: 4 } },
      desertedMs: 60_000,
      askScaling: (snapshot) => {
        scalingAsked.push(snapshot);
        return { decision: decide(snapshot), policy: 'test' };
      },
      askBlockErrors: (snapshot) => {
        errorsAsked.push(snapshot);
        return { decision: judge(snapshot), policy: 'test' };
      },
      spec: specOf,
      onState: ({ blockId, state }) => states.set(blockId, [...(states.get(blockId) ?? []), state]),
      onEnded: (view, evidence) => ended.push({ view, evidence }),
      onBad: (message) => bad.push(message),
      note: world.note,
      ...host,
    },
    { ledger, requestTimeoutMs },
  );
  const live = (): readonly BlockView[] => set.views().filter(({ state }) => state !== 'ended');
  return {
    ...world,
    set,
    ledger,
    scalingAsked,
    errorsAsked,
    ended,
    statesOf: (blockId) => states.get(blockId) ?? [],
    bad,
    view(blockId) {
      const view = set.views().find((each) => each.blockId === blockId);
      if (view === undefined) throw new Error(`there is no block ${blockId}`);
      return view;
    },
    live,
    register: (blockId, managerId = `m${blockId}`) => set.registered(blockId, managerId, { workers: 4, capacity: { cores: 4 } }),
    want: (tries) => set.demand({ queued: tries, running: 0, demand: { cores: tries } }),
  };
}
