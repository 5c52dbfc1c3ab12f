/** What `blocks()` will offer, from its options alone: the arithmetic of slots, and what else it was told. */
import type { PoolOptions } from '../actors/blocks/pool-options.ts';
import type { ExecutorExplanation, ExplainedFact } from '../machines/model/explanation.ts';
import { slotPlan, type SlotPlan } from '../machines/model/slots.ts';

export function explainBlocks(options: PoolOptions): ExecutorExplanation {
  const { label, limits, nodes } = options;
  const plan = options.node && slotPlan(options.slots, options.node);
  const perBlock = plan && plan.workers * nodes;
  return {
    label,
    kind: 'blocks',
    slots: perBlock === undefined ? null : { init: limits.init * perBlock, max: limits.max * perBlock },
    facts: [...ofNode(options, plan), ...ofBlocks(options, perBlock), ...ofTime(options), ...ofLinks(options), ...ofPlugins(options)],
  };
}

function ofNode({ node, provider, slots }: PoolOptions, plan: SlotPlan | undefined): readonly ExplainedFact[] {
  if (plan === undefined || node === undefined) {
    return [
      {
        what: 'node',
        value: null,
        how: `not known before the first one is up: provider ${provider.kind} gets nodes elsewhere; say node: { cores, memoryBytes } to plan with`,
      },
      { what: 'workers a node', value: null, how: `the smallest of what it has room for, at ${slots.coresPerWorker} cores a worker` },
    ];
  }
  const smallest = plan.limits.find((limit) => limit.slots === plan.workers)?.by ?? 'cores';
  return [
    {
      what: 'node',
      value: `${node.cores} cores, ${gib(node.memoryBytes)}`,
      how: provider.traits.isLocal ? 'this machine, unless node says otherwise' : 'as configured',
    },
    ...plan.limits.map(({ by, slots: count, how }) => ({ what: `limit by ${by}`, value: count, how })),
    {
      what: 'workers a node',
      value: plan.workers,
      how: plan.workers === 0 ? `no worker fits: the limit by ${smallest} is 0` : `the smallest limit, that by ${smallest}`,
    },
  ];
}

function ofBlocks({ limits, nodes, parallelism, maxCredit }: PoolOptions, perBlock: number | undefined): readonly ExplainedFact[] {
  const atOnce = (when: string, blocks: number): ExplainedFact =>
    perBlock === undefined
      ? { what: `tasks at once, ${when}`, value: null }
      : { what: `tasks at once, ${when}`, value: blocks * perBlock, how: `${counted(blocks, 'block')} × ${counted(perBlock, 'worker')}` };
  return [
    { what: 'nodes a block', value: nodes },
    {
      what: 'workers a block',
      value: perBlock ?? null,
      ...(perBlock === undefined || nodes === 1
        ? undefined
        : { how: `${counted(nodes, 'node')} × ${counted(perBlock / nodes, 'worker')}` }),
    },
    { what: 'blocks at the start', value: limits.init },
    { what: 'blocks at least', value: limits.min },
    { what: 'blocks at most', value: limits.max },
    atOnce('at the start', limits.init),
    atOnce('at most', limits.max),
    { what: 'slots wanted a task', value: parallelism, how: 'block.parallelism' },
    { what: 'sent ahead to a worker', value: maxCredit, how: 'at most, and only while tasks are short' },
  ];
}

function ofTime({ walltimeMs, drainMs, times }: PoolOptions): readonly ExplainedFact[] {
  return [
    {
      what: 'walltime of a block',
      value: walltimeMs === undefined ? 'none' : duration(walltimeMs),
      ...(walltimeMs === undefined ? { how: 'that of the provider, if it has one' } : undefined),
    },
    {
      what: 'takes nothing new',
      value: drainMs === undefined || walltimeMs === undefined ? 'never' : `${duration(drainMs)} before its walltime`,
    },
    {
      what: 'a manager is lost',
      value: duration(times.lostAfterMs),
      how: `after its link has closed, or after ${duration(times.silentAfterMs)} of silence`,
    },
    { what: 'a manager ends itself', value: duration(times.endAfterMs), how: 'after the driver is gone' },
  ];
}

function ofLinks({ listen: { host, port, addresses, usesTls } }: PoolOptions): readonly ExplainedFact[] {
  return [
    { what: 'listens on', value: `${host}, ${port === 0 ? 'a free port' : `port ${port}`}` },
    { what: 'managers connect to', value: addresses.join(', '), how: 'the first that answers' },
    { what: 'TLS', value: usesTls, how: usesTls ? 'with a certificate of the run, pinned' : 'none: what is sent stays on this machine' },
  ];
}

function ofPlugins({ provider, transport, policies, affinity }: PoolOptions): readonly ExplainedFact[] {
  return [
    { what: 'provider', value: provider.kind },
    { what: 'transport', value: transport.kind },
    { what: 'affinity', value: typeof affinity === 'string' ? affinity : 'as listed' },
    ...Object.entries(policies).map(([kind, { name }]) => ({ what: `policy ${kind}`, value: name })),
  ];
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
const gib = (bytes: number): string => `${Number((bytes / 1024 ** 3).toFixed(2))} GiB`;
const units = [
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** `30 min`, `1.5 h`, `250 ms`. */
function duration(ms: number): string {
  const [unit, size] = units.find(([, each]) => ms >= each) ?? (['ms', 1] as const);
  return `${Number((ms / size).toFixed(2))} ${unit}`;
}
