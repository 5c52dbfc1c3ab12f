/** How many workers a node has room for, and what each gets: plain arithmetic, the same in `explain` and on the node. */
import type { Capacity } from './resources.ts';

/** One accelerator, or a share of one, and how a worker's environment points to it. */
export interface Accelerator {
  /** As the system names it: `0`, `GPU-3f…`. */
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface SlotOptions {
  /** Upper limit. */
  readonly workers?: number;
  /** @defaultValue 1 */
  readonly coresPerWorker: number;
  readonly memoryPerWorkerBytes?: number;
  /** One worker each, when there are any. */
  readonly accelerators: readonly Accelerator[];
}

/** What a node has. */
export interface NodeSize {
  readonly cores: number;
  readonly memoryBytes: number;
}

/** One bound on the number of workers. */
export interface SlotLimit {
  readonly by: 'workers' | 'cores' | 'memory' | 'accelerators';
  readonly slots: number;
  /** The arithmetic: `floor(8 cores / 2 a worker) = 4`. */
  readonly how: string;
}

export interface SlotPlan {
  /** The smallest of the limits, at least 0. */
  readonly workers: number;
  readonly limits: readonly SlotLimit[];
  /** What all workers share: cores, memory, one gpu an accelerator. */
  readonly capacity: Capacity;
}

/** Source: Parsl, `process_worker_pool.py`: the smallest of maximum, memory, cores and accelerators. */
export function slotPlan(options: SlotOptions, node: NodeSize): SlotPlan {
  const { workers, coresPerWorker, memoryPerWorkerBytes, accelerators } = options;
  const limits: readonly SlotLimit[] = [
    {
      by: 'cores',
      slots: Math.floor(node.cores / coresPerWorker),
      how: `floor(${node.cores} cores / ${coresPerWorker} a worker) = ${Math.floor(node.cores / coresPerWorker)}`,
    },
    ...(memoryPerWorkerBytes === undefined
      ? []
      : [
          {
            by: 'memory' as const,
            slots: Math.floor(node.memoryBytes / memoryPerWorkerBytes),
            how: `floor(${gib(node.memoryBytes)} / ${gib(memoryPerWorkerBytes)} a worker) = ${Math.floor(node.memoryBytes / memoryPerWorkerBytes)}`,
          },
        ]),
    ...(accelerators.length === 0
      ? []
      : [{ by: 'accelerators' as const, slots: accelerators.length, how: `one worker for each of ${accelerators.length}` }]),
    ...(workers === undefined ? [] : [{ by: 'workers' as const, slots: workers, how: `at most ${workers}, as configured` }]),
  ];
  const slots = Math.max(0, Math.min(...limits.map((limit) => limit.slots)));
  return {
    workers: slots,
    limits,
    capacity: {
      cores: Math.max(node.cores, slots * coresPerWorker),
      memoryBytes: node.memoryBytes,
      ...(accelerators.length === 0 ? undefined : { gpus: accelerators.length }),
    },
  };
}

const gib = (bytes: number): string => `${Number((bytes / 1024 ** 3).toFixed(2))} GiB`;
