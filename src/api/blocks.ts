/**
 * `blocks()`: the executor that gets its workers from a provider, in blocks that come and go. Its options, their
 * checks and defaults; what runs is in `actors/blocks`.
 */
import { availableParallelism, totalmem } from 'node:os';

import { z } from 'zod';

import { OUTPUT_BYTES } from '../actors/console.ts';
import type * as running from '../actors/executors/blocks.ts';
import type { ExecutorPlugin, ExecutorPort } from '../actors/executors/port.ts';
import type { LoaderOption } from '../actors/load-plan.ts';
import { inWorker } from '../actors/loader.ts';
import type { Affinity } from '../actors/node/affinity.ts';
import { launchPipeline } from '../launchers/pipeline.ts';
import { simple } from '../launchers/simple.ts';
import type { Launcher, LaunchTransform } from '../launchers/port.ts';
import type { BlockErrorsPolicy } from '../machines/policies/block-errors/port.ts';
import type { HandshakePolicy } from '../machines/policies/handshake/port.ts';
import type { OrderingPolicy } from '../machines/policies/ordering/port.ts';
import type { ScalingPolicy } from '../machines/policies/scaling/port.ts';
import type { SelectionPolicy } from '../machines/policies/selection/port.ts';
import { ConfigError, ExecutorError } from '../machines/model/errors.ts';
import { lazy } from '../machines/model/lazy.ts';
import type { ExecutorExplanation } from '../machines/model/explanation.ts';
import type { Accelerator, NodeSize } from '../machines/model/slots.ts';
import { local } from '../providers/local.ts';
import type { Provider } from '../providers/port.ts';
import { candidateAddresses, isLoopback } from '../transport/addresses.ts';
import { defaultLimits, type Transport } from '../transport/port.ts';
import { makeCertificate } from '../transport/tls.ts';
import { websocket } from '../transport/websocket.ts';
import type { BlockService, BlockServiceSettings } from './block-service.ts';
import { build } from './build.ts';
import { explainBlocks } from './explain-blocks.ts';
import { checked } from './options.ts';
import { blockErrors, handshake, ordering, scaling, selection } from './policies.ts';
import { policySchema } from './policy-schema.ts';
import { programUrl } from './programs.ts';

/** How many blocks, and how large each is. */
export interface BlockOptions {
  /** Nodes of a block: each runs one manager. @defaultValue 1 */
  readonly nodes?: number;
  /** Longest life of a block. @defaultValue the provider's own */
  readonly walltimeMs?: number;
  /** How long before its walltime a block takes nothing new: longer than most tasks. @defaultValue 0 */
  readonly drainMs?: number;
  /** Blocks asked for at the start. @defaultValue 1, or `max` if that is less */
  readonly init?: number;
  /** Blocks kept, whatever there is to do. @defaultValue 0 */
  readonly min?: number;
  /** Blocks at once, counted from the moment they are asked for. @defaultValue 1, or the larger of `init` and `min` */
  readonly max?: number;
  /** Slots wanted for each task, from 0 to 1: 0.5 lets two tasks share one. @defaultValue 1 */
  readonly parallelism?: number;
}

/** What decides for the executor; see `troupe/policies`. */
export interface BlockPolicies {
  /** @defaultValue scaling.autoScale() */
  readonly scaling?: ScalingPolicy;
  /** @defaultValue selection.leastLoaded() */
  readonly selection?: SelectionPolicy;
  /** @defaultValue ordering.priority() */
  readonly ordering?: OrderingPolicy;
  /** @defaultValue blockErrors.neverReady() */
  readonly blockErrors?: BlockErrorsPolicy;
  /** @defaultValue handshake.compatible() */
  readonly handshake?: HandshakePolicy;
}

/** Where the driver listens for its managers. */
export interface ListenerOptions {
  /** Address to listen on. @defaultValue 127.0.0.1 for a provider on this machine, else all */
  readonly host?: string;
  /** @defaultValue a free one */
  readonly port?: number;
  /** What managers connect to, the best first, with or without a port. @defaultValue the addresses of this machine */
  readonly addresses?: readonly string[];
  /** TLS with a certificate made for this run and pinned. @defaultValue true for any address but loopback */
  readonly tls?: boolean;
}

/** Options of {@link blocks}. */
export interface BlocksOptions {
  /** Unique within a troupe. @defaultValue blocks */
  readonly label?: string;
  /** What gets blocks. @defaultValue local() */
  readonly provider?: Provider;
  /** How one command reaches every node of a block. @defaultValue simple() */
  readonly launcher?: Launcher;
  /** Changes to the command of a manager, before the launcher: a container, a path. In order. */
  readonly transforms?: readonly LaunchTransform[];
  /** @defaultValue websocket() */
  readonly transport?: Transport;
  readonly block?: BlockOptions;
  /** Workers on a node, at most. @defaultValue as many as cores, memory and accelerators allow */
  readonly workers?: number;
  /** @defaultValue 1 */
  readonly coresPerWorker?: number;
  readonly memoryPerWorkerBytes?: number;
  /** One worker each: how many, their names, or for each name the environment that points a worker to it. */
  readonly accelerators?: number | readonly string[] | Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Which cores a worker may use. @defaultValue none */
  readonly affinity?: Affinity;
  /** What a node has, if the driver is to know before the first one is up. @defaultValue this machine, for a provider on it */
  readonly node?: NodeSize;
  readonly listen?: ListenerOptions;
  readonly policies?: BlockPolicies;
  /** How workers come to import TypeScript. @defaultValue auto */
  readonly loader?: LoaderOption;
  /** What a try may print; more is dropped, and one line says how much. @defaultValue 64 KiB */
  readonly outputBytes?: number;
  /** Laid over the environment of workers. */
  readonly env?: Readonly<Record<string, string>>;
  /** How often a manager says that it is there. @defaultValue 5000 */
  readonly heartbeatMs?: number;
  /** Silence after which a manager is given nothing more. @defaultValue 20000 */
  readonly silentAfterMs?: number;
  /** How long a manager without a link, or a silent one, has to come back before its tasks go to others. @defaultValue 30000 */
  readonly lostAfterMs?: number;
  /** How long a manager waits for a driver that is gone before it ends itself. @defaultValue 60000 */
  readonly endAfterMs?: number;
  /** A block that runs without any manager for this long is cancelled. @defaultValue 60000 */
  readonly desertedMs?: number;
  /** Tries sent ahead to one worker, at most, while they are short. @defaultValue 16 */
  readonly maxCredit?: number;
}

/** What {@link blocks} makes: an executor for a troupe, or a service of its own. */
export interface BlocksPlugin extends ExecutorPlugin {
  explain(): ExecutorExplanation;
  /**
   * Runs it alone, without a graph of tasks: bytes in, bytes out. Each call starts a service of its own. In a worker
   * that imports the module this never settles, as `Troupe.start`.
   *
   * @example
   * const service = await blocks({ workers: 2 }).start();
   * const { promise } = service.submit(bytes, { worker: { module: new URL('./entry.js', import.meta.url) } });
   */
  start(settings?: BlockServiceSettings): Promise<BlockService>;
}

/** The options that are plain data, and those that are plugins. */
export const blocksSchema = lazy(() => {
  const label = z.string().min(1, 'is empty; give the executor a name');
  const whole = (least: number) => z.number().int('must be a whole number').min(least, `must be ${least} or more`);
  const ms = z.number().min(0, 'must be a number of milliseconds, 0 or more');
  const plugin = (what: string, method: string) =>
    z
      .custom<object>(
        (value) => typeof value === 'object' && value !== null && typeof (value as Record<string, unknown>)[method] === 'function',
        `is not a ${what}; use one of troupe/${what}s`,
      )
      .meta({ plugin: what });

  return z
    .strictObject({
      label,
      provider: plugin('provider', 'open'),
      launcher: plugin('launcher', 'launch'),
      transforms: z.array(
        z.custom<LaunchTransform>((value) => typeof value === 'function', 'is not a function of argv').meta({ plugin: 'transform' }),
      ),
      transport: plugin('transport', 'listen'),
      block: z
        .strictObject({
          nodes: whole(1),
          walltimeMs: z.number().positive('must be more than 0'),
          drainMs: ms,
          init: whole(0),
          min: whole(0),
          max: whole(0),
          parallelism: z.number().min(0, 'must be from 0 to 1').max(1, 'must be from 0 to 1'),
        })
        .partial(),
      workers: whole(1),
      coresPerWorker: z.number().positive('must be more than 0'),
      memoryPerWorkerBytes: z.number().positive('must be more than 0'),
      accelerators: z.union([whole(0), z.array(z.string().min(1)), z.record(z.string(), z.record(z.string(), z.string()))]),
      affinity: z.union([
        z.enum(['none', 'block', 'blockReverse', 'alternating']),
        z.strictObject({ list: z.array(z.array(z.number().int().min(0)).min(1)).min(1) }),
      ]),
      node: z.strictObject({ cores: z.number().positive(), memoryBytes: z.number().positive() }),
      listen: z
        .strictObject({
          host: z.string().min(1),
          port: z.number().int().min(0).max(65_535),
          addresses: z.array(z.string().min(1)),
          tls: z.boolean(),
        })
        .partial(),
      policies: z
        .strictObject({
          scaling: policySchema('scaling'),
          selection: policySchema('selection'),
          ordering: policySchema('ordering'),
          blockErrors: policySchema('blockErrors'),
          handshake: policySchema('handshake'),
        })
        .partial(),
      loader: z.enum(['auto', 'inherit', 'tsx', 'bundle']),
      outputBytes: z.custom<number>((value) => typeof value === 'number' && value >= 0, 'must be a number of bytes, 0 or more'),
      env: z.record(z.string(), z.string()),
      heartbeatMs: z.number().positive('must be more than 0'),
      silentAfterMs: z.number().positive('must be more than 0'),
      lostAfterMs: ms,
      endAfterMs: ms,
      desertedMs: ms,
      maxCredit: whole(1),
    })
    .partial();
});

/**
 * Runs tasks on blocks: jobs of a provider, in each of which managers run one worker process a slot. Blocks are asked
 * for and given back as the scaling policy wants; a worker, a manager, a block or a link that is lost costs a task
 * nothing but time.
 *
 * @throws ConfigError
 * @example
 * const troupe = await Troupe.start({ executors: [blocks({ block: { max: 4 }, workers: 2 })] });
 */
export function blocks(options: BlocksOptions = {}): BlocksPlugin {
  const complete = blocksOptions(options);
  return Object.freeze({
    kind: 'blocks',
    label: complete.label,
    copies: true,
    load,
    open(port: ExecutorPort) {
      if (implementation === undefined)
        throw new ExecutorError(`executor ${complete.label} was opened before it was loaded: await load() first`, {
          label: complete.label,
        });
      return implementation.openBlocks(complete, port);
    },
    explain: () => explainBlocks(complete),
    async start(settings: BlockServiceSettings = {}) {
      const worker = inWorker();
      if (worker !== undefined) return worker.neverStart();
      const { startBlockService } = await import('./start-block-service.ts');
      return startBlockService(complete, settings);
    },
  });
}

/** What runs blocks: not loaded by workers, which import this as well. */
let implementation: typeof running | undefined;
const load = (): Promise<void> | undefined =>
  implementation === undefined
    ? import('../actors/executors/blocks.ts').then((loaded) => {
        implementation = loaded;
      })
    : undefined;

/** Checks the options and fills in what they leave open. @throws ConfigError */
export function blocksOptions(options: BlocksOptions): running.BlocksExecutorOptions {
  checked(blocksSchema() as never, options, 'blocks');
  const { block = {}, listen = {}, policies = {}, provider = local(), launcher = simple(), transforms = [] } = options;
  const nodes = block.nodes ?? 1;
  const isLocal = provider.traits.isLocal;
  const host = listen.host ?? (isLocal ? '127.0.0.1' : '::');
  const { workers, memoryPerWorkerBytes } = options;
  const launch = (argv: readonly string[], workDir: string): readonly string[] =>
    launchPipeline(argv, transforms, launcher, { nodes, ranksPerNode: 1, workDir });
  launch(['true'], '/'); // a launcher that cannot reach the nodes says so here, not in the first block
  return {
    label: options.label ?? 'blocks',
    provider,
    transport: options.transport ?? websocket(),
    limits: limitsOf(block),
    nodes,
    walltimeMs: block.walltimeMs,
    drainMs: block.drainMs,
    parallelism: block.parallelism ?? 1,
    slots: {
      coresPerWorker: options.coresPerWorker ?? 1,
      accelerators: acceleratorsOf(options.accelerators),
      ...(workers === undefined ? undefined : { workers }),
      ...(memoryPerWorkerBytes === undefined ? undefined : { memoryPerWorkerBytes }),
    },
    node: options.node ?? (isLocal ? { cores: availableParallelism(), memoryBytes: totalmem() } : undefined),
    affinity: options.affinity ?? 'none',
    listen: {
      host,
      port: listen.port ?? 0,
      addresses: listen.addresses ?? (isLoopback(host) ? [host.includes(':') ? `[${host}]` : host] : candidateAddresses()),
      usesTls: listen.tls ?? !isLoopback(host),
    },
    times: {
      heartbeatMs: options.heartbeatMs ?? 5000,
      silentAfterMs: options.silentAfterMs ?? 20_000,
      lostAfterMs: options.lostAfterMs ?? 30_000,
      endAfterMs: options.endAfterMs ?? 60_000,
      driverSilenceMs: 600_000,
      desertedMs: options.desertedMs ?? 60_000,
      stopGraceMs: 2000,
    },
    maxCredit: options.maxCredit ?? 16,
    fastMs: 5,
    wire: defaultLimits,
    policies: {
      scaling: policies.scaling ?? scaling.autoScale(),
      selection: policies.selection ?? selection.leastLoaded(),
      ordering: policies.ordering ?? ordering.priority(),
      blockErrors: policies.blockErrors ?? blockErrors.neverReady(),
      handshake: policies.handshake ?? handshake.compatible(),
    },
    launch,
    programs: { manager: programUrl('manager'), worker: programUrl('worker') },
    preload: [programUrl('../../index')],
    outputBytes: options.outputBytes ?? OUTPUT_BYTES,
    env: options.env ?? {},
    loader: options.loader ?? 'auto',
    build: build(),
    makeCertificate,
  };
}

function limitsOf({ init, min = 0, max }: BlockOptions): running.BlocksExecutorOptions['limits'] {
  const most = max ?? Math.max(1, init ?? 0, min);
  const first = init ?? Math.min(most, Math.max(1, min));
  const wrong = [
    ['init', first],
    ['min', min],
  ].find(([, count]) => (count as number) > most);
  if (wrong !== undefined) {
    throw new ConfigError(
      `blocks: block.${wrong[0]} is ${wrong[1]}, more than block.max, which is ${most}; raise max or lower ${wrong[0]}`,
      {
        field: `block.${wrong[0]}`,
        value: wrong[1],
      },
    );
  }
  return { init: first, min, max: most };
}

/** Variables that point a program to an accelerator. Source: Parsl, `process_worker_pool.py`. */
const pointers = ['CUDA_VISIBLE_DEVICES', 'ROCR_VISIBLE_DEVICES', 'ZE_AFFINITY_MASK'] as const;

function acceleratorsOf(given: BlocksOptions['accelerators'] = 0): readonly Accelerator[] {
  if (typeof given === 'object' && !Array.isArray(given)) return Object.entries(given).map(([name, env]) => ({ name, env }));
  const names = typeof given === 'number' ? Array.from({ length: given }, (_, i) => String(i)) : (given as readonly string[]);
  return names.map((name) => ({ name, env: Object.fromEntries(pointers.map((variable) => [variable, name])) }));
}
