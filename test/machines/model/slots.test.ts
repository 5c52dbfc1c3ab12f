/** How many workers a node has room for: the smallest of its limits, each with its arithmetic. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { slotPlan, type SlotOptions } from '../../../src/machines/model/slots.ts';

const GIB = 1024 ** 3;
const node = { cores: 8, memoryBytes: 32 * GIB };
const options = (more: Partial<SlotOptions> = {}): SlotOptions => ({ coresPerWorker: 1, accelerators: [], ...more });
const gpus = (n: number): SlotOptions['accelerators'] => Array.from({ length: n }, (_, i) => ({ name: String(i), env: {} }));

describe('slots', () => {
  it.each([
    ['one a core', {}, 8],
    ['two cores a worker', { coresPerWorker: 2 }, 4],
    ['what is left of a core is nobody’s', { coresPerWorker: 3 }, 2],
    ['half a core a worker', { coresPerWorker: 0.5 }, 16],
    ['by memory', { memoryPerWorkerBytes: 10 * GIB }, 3],
    ['one an accelerator', { accelerators: gpus(2) }, 2],
    ['no more than said', { workers: 5 }, 5],
    ['no more than there are cores for', { workers: 50 }, 8],
    ['a worker that is larger than the node', { coresPerWorker: 9 }, 0],
    ['the smallest of all', { workers: 7, coresPerWorker: 2, memoryPerWorkerBytes: 15 * GIB, accelerators: gpus(3) }, 2],
  ] as const)('%s', (_, more, workers) => {
    expect(slotPlan(options(more), node).workers).toBe(workers);
  });

  it('shows the arithmetic of each limit', () => {
    const { limits } = slotPlan(options({ workers: 7, coresPerWorker: 2, memoryPerWorkerBytes: 15 * GIB, accelerators: gpus(3) }), node);
    expect(limits).toEqual([
      { by: 'cores', slots: 4, how: 'floor(8 cores / 2 a worker) = 4' },
      { by: 'memory', slots: 2, how: 'floor(32 GiB / 15 GiB a worker) = 2' },
      { by: 'accelerators', slots: 3, how: 'one worker for each of 3' },
      { by: 'workers', slots: 7, how: 'at most 7, as configured' },
    ]);
  });

  it('offers all that the node has, one gpu an accelerator', () => {
    expect(slotPlan(options({ workers: 2 }), node).capacity).toEqual({ cores: 8, memoryBytes: 32 * GIB });
    expect(slotPlan(options({ accelerators: gpus(2) }), node).capacity).toEqual({ cores: 8, memoryBytes: 32 * GIB, gpus: 2 });
  });

  it('is the smallest of its limits, and the workers fit into what is offered', () => {
    const given = fc.record({
      workers: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
      coresPerWorker: fc.constantFrom(0.1, 0.25, 1, 2, 3, 7),
      memoryPerWorkerBytes: fc.option(fc.integer({ min: GIB / 2, max: 40 * GIB }), { nil: undefined }),
      gpus: fc.nat(8),
    });
    const size = fc.record({ cores: fc.integer({ min: 1, max: 256 }), memoryBytes: fc.integer({ min: GIB, max: 512 * GIB }) });
    fc.assert(
      fc.property(given, size, ({ workers, memoryPerWorkerBytes, coresPerWorker, gpus: n }, has) => {
        const plan = slotPlan(
          {
            coresPerWorker,
            accelerators: gpus(n),
            ...(workers === undefined ? undefined : { workers }),
            ...(memoryPerWorkerBytes === undefined ? undefined : { memoryPerWorkerBytes }),
          },
          has,
        );
        expect(plan.workers).toBe(Math.min(...plan.limits.map(({ slots }) => slots)));
        expect(plan.workers * coresPerWorker).toBeLessThanOrEqual((plan.capacity.cores ?? 0) + 1e-9);
        expect(plan.workers * (memoryPerWorkerBytes ?? 0)).toBeLessThanOrEqual(has.memoryBytes);
        if (n > 0) expect(plan.workers).toBeLessThanOrEqual(plan.capacity.gpus ?? 0);
      }),
      { numRuns: 200 },
    );
  });
});
