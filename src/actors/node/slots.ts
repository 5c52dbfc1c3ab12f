/** What the worker of each slot of a node is given: its environment, its cores, its accelerator. */
import { coresHere, coresOf, openMp } from './affinity.ts';
import type { ManagerConfig } from './config.ts';
import type { Slot } from './pool.ts';

/** @param cores - How many the node has. */
export function slotsOf(config: ManagerConfig, managerId: string, workers: number, cores: number): readonly Slot[] {
  const { affinity, blockId, label, runId, slots, worker } = config;
  const here = affinity === 'none' ? [] : coresHere(cores);
  return Array.from({ length: workers }, (_, slot) => {
    const bound = coresOf(affinity, slot, workers, here);
    const accelerator = slots.accelerators[slot];
    return {
      cores: bound,
      env: {
        ...(bound === undefined ? undefined : openMp(bound)),
        ...worker.env,
        ...accelerator?.env,
        TROUPE_RUN_ID: runId,
        TROUPE_LABEL: label,
        TROUPE_BLOCK_ID: blockId,
        TROUPE_MANAGER_ID: managerId,
        TROUPE_WORKER_RANK: String(slot),
        TROUPE_WORKER_COUNT: String(workers),
      },
      setup: {
        t: 'setup',
        registers: worker.registers,
        outputBytes: worker.outputBytes,
        preload: worker.preload,
        accelerators: accelerator === undefined ? [] : [accelerator.name],
      },
    };
  });
}
