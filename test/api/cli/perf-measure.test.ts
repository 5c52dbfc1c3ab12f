/** What `troupe perf` measures is there and plausible; how much it is depends on the machine. */
import { describe, expect, it } from 'vitest';

import { measure, type PerfSettings } from '../../../src/api/cli/perf-measure.ts';
import { inline } from '../../../src/api/executors.ts';

const settings = (more: Partial<PerfSettings> = {}): PerfSettings => ({
  executor: inline({ workers: 2 }),
  tasks: 50,
  chain: false,
  argsBytes: 0,
  warmup: 20,
  log: 'off',
  progress: () => {},
  ...more,
});

describe('measure', () => {
  it('finds throughput, latency, chains and memory', async () => {
    const result = await measure(settings());
    expect(result).toMatchObject({
      executor: 'inline',
      workers: 2,
      tasks: 50,
      argsBytes: 0,
      warmup: 20,
      log: 'off',
      chainTasks: 1000,
      node: process.version,
    });
    const {
      tasksPerSecond = 0,
      callsPerSecond = 0,
      latencyMs = { p50: 0, p95: 0, p99: 0, samples: 0 },
      bytesPerWaitingTask,
      chainTasksPerSecond,
    } = result;
    for (const figure of [tasksPerSecond, callsPerSecond, chainTasksPerSecond, latencyMs.p50]) expect(figure).toBeGreaterThan(0);
    // what else this process lets go of meanwhile may be more; test/e2e/scale.test.ts weighs it in a process of its own
    expect(bytesPerWaitingTask).toEqual(expect.any(Number));
    expect(latencyMs.samples).toBe(50);
    expect(latencyMs.p95).toBeGreaterThanOrEqual(latencyMs.p50);
    expect(latencyMs.p99).toBeGreaterThanOrEqual(latencyMs.p95);
    expect(result).not.toHaveProperty('logBytesPerTask');
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });

  it('measures nothing but the chain when told so', async () => {
    const result = await measure(settings({ chain: true, tasks: 30 }));
    expect(result).toMatchObject({ tasks: 30, chainTasks: 30 });
    for (const field of ['tasksPerSecond', 'callsPerSecond', 'latencyMs', 'bytesPerWaitingTask']) expect(result).not.toHaveProperty(field);
  });

  it('says what an event log costs, more at level full', async () => {
    const sizes = await Promise.all(
      (['summary', 'full'] as const).map(async (log) => (await measure(settings({ log, argsBytes: 100 }))).logBytesPerTask ?? 0),
    );
    expect(sizes[0]).toBeGreaterThan(50);
    expect(sizes[1]).toBeGreaterThan(2 * (sizes[0] ?? 0));
  });

  it('runs without tasks before', async () => {
    expect((await measure(settings({ warmup: 0, tasks: 1 }))).tasksPerSecond).toBeGreaterThan(0);
  });
});
