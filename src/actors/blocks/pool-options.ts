/** What a pool of blocks is made from, and what of it the managers of a block are told. */
import type { BlockLimits } from '../../machines/model/blocks.ts';
import type { NodeSize, SlotOptions } from '../../machines/model/slots.ts';
import type { BlockErrorsPolicy } from '../../machines/policies/block-errors/port.ts';
import type { Build, HandshakePolicy } from '../../machines/policies/handshake/port.ts';
import type { OrderingPolicy } from '../../machines/policies/ordering/port.ts';
import type { ScalingPolicy } from '../../machines/policies/scaling/port.ts';
import type { SelectionPolicy } from '../../machines/policies/selection/port.ts';
import type { Provider } from '../../providers/port.ts';
import type { Certificate, Limits, Transport } from '../../transport/port.ts';
import type { LoadPlan } from '../load-plan.ts';
import type { Affinity } from '../node/affinity.ts';
import type { ManagerConfigInput } from '../node/config.ts';

/** What a pool is made from: checked, with every default filled in. */
export interface PoolOptions {
  readonly label: string;
  readonly provider: Provider;
  readonly transport: Transport;
  readonly limits: BlockLimits;
  readonly nodes: number;
  readonly walltimeMs: number | undefined;
  /** How long before its walltime a manager takes nothing new. */
  readonly drainMs: number | undefined;
  readonly parallelism: number;
  readonly slots: SlotOptions;
  /** What a node has, when that is known before the first one is up. */
  readonly node: NodeSize | undefined;
  readonly affinity: Affinity;
  readonly listen: {
    readonly host: string;
    readonly port: number;
    /** What managers connect to, the best first; without a port, that of the listener is added. */
    readonly addresses: readonly string[];
    readonly usesTls: boolean;
  };
  readonly times: {
    readonly heartbeatMs: number;
    readonly silentAfterMs: number;
    readonly lostAfterMs: number;
    readonly endAfterMs: number;
    readonly driverSilenceMs: number;
    readonly desertedMs: number;
    readonly stopGraceMs: number;
  };
  /** Tries that are sent ahead to one worker, at most, and how short they have to be. */
  readonly maxCredit: number;
  readonly fastMs: number;
  readonly wire: Limits;
  readonly policies: {
    readonly scaling: ScalingPolicy;
    readonly selection: SelectionPolicy;
    readonly ordering: OrderingPolicy;
    readonly blockErrors: BlockErrorsPolicy;
    readonly handshake: HandshakePolicy;
  };
  /** The command of a manager → the command of the job: transforms, then the launcher. */
  launch(argv: readonly string[], workDir: string): readonly string[];
  /** Programs of managers and of workers; URLs. */
  readonly programs: { readonly manager: string; readonly worker: string };
  readonly preload: readonly string[];
  readonly outputBytes: number;
  readonly env: Readonly<Record<string, string>>;
  readonly build: Build;
  makeCertificate(): Promise<Certificate>;
}

/** What the managers of one block are told: everything they need, and the secret they show. */
export function managerConfig(
  options: PoolOptions,
  own: {
    readonly runId: string;
    readonly plan: LoadPlan;
    readonly blockId: string;
    readonly secret: string;
    readonly addresses: readonly string[];
    readonly fingerprint: string | undefined;
    readonly worker: string;
  },
): ManagerConfigInput {
  const { fingerprint, worker, addresses, blockId, secret } = own;
  const { label, slots, times } = options;
  const { execArgv, registers } = own.plan;
  return {
    runId: own.runId,
    label,
    blockId,
    secret,
    addresses: [...addresses],
    ...(fingerprint === undefined ? undefined : { fingerprint }),
    slots: { ...slots, accelerators: slots.accelerators.map(({ name, env }) => ({ name, env: { ...env } })) },
    endAfterMs: times.endAfterMs,
    silenceMs: times.driverSilenceMs,
    heartbeatMs: times.heartbeatMs,
    ...(options.walltimeMs === undefined ? undefined : { walltimeMs: options.walltimeMs }),
    ...(options.drainMs === undefined ? undefined : { drainMs: options.drainMs }),
    maxCredit: options.maxCredit,
    fastMs: options.fastMs,
    stopGraceMs: times.stopGraceMs,
    affinity: options.affinity,
    worker: {
      program: worker,
      execArgv: [...execArgv],
      registers: [...registers],
      outputBytes: options.outputBytes,
      env: { ...options.env },
      preload: [...options.preload],
    },
  } as ManagerConfigInput;
}
