/**
 * The whole executor of blocks under faults, by seed: links that drop, delay and repeat, managers that freeze and die,
 * workers that crash, blocks that end, a provider that loses answers, a driver that is held up. Whatever happens, the
 * promises hold: each try settles once, blocks stay within their maximum, nothing that is known to have ended runs
 * again, what had not started is never blamed, and in the end nothing is left.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { blocksWorld, type BlocksWorld } from '../support/blocks-world.ts';
import { bringAbout, faultKinds, plannedFault, type FaultKind, type PlannedFault } from '../support/sim-faults.ts';
import type { Doing } from '../support/sim-node.ts';

/** Some 10 s of them. `RUNS=2000` looks further. */
const RUNS = Number(process.env['RUNS'] ?? 60);
const infrastructure: readonly string[] = ['workerLost', 'nodeLost', 'walltime', 'preempted', 'oom'];
const isEnd = (type: string): boolean => type === 'try.done' || type === 'try.failed' || type === 'try.stopped';

/** Promise 1: each try that was ever submitted has one end, and one only. */
function eachTrySettledOnce({ tasks }: BlocksWorld): void {
  for (const { taskId, tryIndex, reports, end } of tasks.values()) {
    expect(end, `${taskId} has settled`).toBeDefined();
    for (let i = 0; i <= tryIndex; i++)
      expect(reports.filter((report) => report.tryIndex === i && isEnd(report.type)).length, `ends of ${taskId}/${i}`).toBe(1);
  }
}

/** Promise 3: a result that has arrived in time is the last of its task, and is the one that counts. */
function nothingKnownRanAgain({ executions, arrived, notes, tasks }: BlocksWorld): void {
  const late = new Set(notes.filter(({ type }) => type === 'lease.late').map(({ data }) => data['lease']));
  for (const { lease, taskId, key } of executions) {
    if (!arrived.has(lease) || late.has(lease)) continue;
    expect(
      executions.filter((other) => other.taskId === taskId && other.lease > lease),
      `executions of ${key} after its result, lease ${lease}, had arrived`,
    ).toEqual([]);
    expect(['try.done', 'try.failed', 'try.stopped'], `${taskId} has ended with it`).toContain(tasks.get(taskId)?.end);
  }
}

/** Promise 3: a lease runs once; another lease of the try runs only when the manager of the first was given up. */
function eachExtraRunHasItsLoss({ executions, notes, tasks }: BlocksWorld): void {
  expect(new Set(executions.map(({ lease }) => lease)).size, 'each lease runs once').toBe(executions.length);
  const gone = new Set(
    notes
      .filter(({ type, data }) => type === 'manager.state' && (data['state'] === 'lost' || data['state'] === 'drained'))
      .map(({ data }) => data['managerId']),
  );
  const byKey = new Map<string, BlocksWorld['executions'][number][]>();
  for (const one of executions) byKey.set(one.key, [...(byKey.get(one.key) ?? []), one]);
  for (const [key, all] of byKey) {
    const sorted = all.toSorted((a, b) => a.lease - b.lease);
    for (const { managerId, lease } of sorted.slice(0, -1))
      expect(gone.has(managerId), `${key} ran again after lease ${lease} on ${managerId}, which was not given up`).toBe(true);
  }
  const lost = new Set(
    notes.filter(({ type }) => type === 'worker.lost').map(({ data }) => `${String(data['taskId'])}/${String(data['tryIndex'])}`),
  );
  for (const { taskId, reports } of tasks.values()) {
    for (const report of reports)
      if (report.type === 'try.failed' && report.kind === 'workerLost')
        expect(lost.has(`${taskId}/${report.tryIndex}`), `the loss of ${taskId}/${report.tryIndex} is recorded`).toBe(true);
  }
}

/** What waited is nobody's fault. */
function onlyWhatRanIsBlamed({ executions, firsts, tasks }: BlocksWorld): void {
  const ran = new Set([...executions.map(({ key }) => key), ...firsts]);
  for (const { taskId, reports } of tasks.values()) {
    for (const report of reports) {
      if (report.type !== 'try.failed') continue;
      const key = `${taskId}/${report.tryIndex}`;
      expect(infrastructure.includes(report.kind) || report.kind === 'app', `${key} failed as ${report.kind}`).toBe(true);
      expect(ran.has(key), `${key}, which failed as ${report.kind}, had started`).toBe(true);
    }
  }
}

/** Promise 2, at every step. */
function withinMaximum(world: BlocksWorld, max: number): void {
  let seen = -1;
  world.check = () => {
    if (world.notes.length === seen) return;
    seen = world.notes.length;
    const live = world.executor.pool.snapshot().blocks.filter(({ state }) => state !== 'ended').length;
    expect(live, 'blocks').toBeLessThanOrEqual(max);
    expect(world.provider.live.length, 'jobs').toBeLessThanOrEqual(max);
  };
}

interface Plan {
  readonly seed: number;
  readonly nodes: number;
  readonly workers: number;
  readonly maxBlocks: number;
  readonly maxCredit: number;
  readonly latencyMs: number;
  readonly pollMs: number;
  readonly walltimeMs: number | undefined;
  readonly tasks: readonly (Doing & { readonly atMs: number; readonly cores: number; readonly priority: number })[];
  readonly faults: readonly PlannedFault[];
}

const planned = (kinds: readonly FaultKind[]): fc.Arbitrary<Plan> =>
  fc.record({
    seed: fc.nat(1_000_000),
    nodes: fc.constantFrom(1, 1, 2),
    workers: fc.integer({ min: 1, max: 3 }),
    maxBlocks: fc.integer({ min: 1, max: 3 }),
    maxCredit: fc.constantFrom(1, 4, 16),
    latencyMs: fc.constantFrom(0, 1, 20, 60),
    pollMs: fc.constantFrom(0, 0, 2000),
    walltimeMs: fc.constantFrom(undefined, undefined, 15_000),
    tasks: fc.array(
      fc.record({
        // enough to keep all workers busy while faults come
        ms: fc.oneof(
          { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) },
          { weight: 2, arbitrary: fc.integer({ min: 20, max: 300 }) },
          { weight: 2, arbitrary: fc.integer({ min: 300, max: 3000 }) },
        ),
        how: fc.constantFrom('ends' as const, 'ends' as const, 'ends' as const, 'throws' as const),
        atMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 15_000 })),
        cores: fc.constantFrom(1, 1, 1, 1, 2, 4),
        priority: fc.constantFrom(0, 0, 0, 1, -1),
      }),
      { minLength: 1, maxLength: 120, size: 'max' },
    ),
    faults: fc.array(
      plannedFault.filter(({ kind }) => kinds.includes(kind)),
      { maxLength: 24, size: 'max' },
    ),
  });

async function holds(plan: Plan): Promise<void> {
  const { tasks, faults, maxBlocks, walltimeMs, ...shape } = plan;
  const world = await blocksWorld({
    ...shape,
    maxBlocks,
    ...(walltimeMs === undefined ? undefined : { walltimeMs, drainMs: 6000 }),
    doing: (taskId) => tasks[Number(taskId.slice(1))] ?? { ms: 1, how: 'ends' },
  });
  withinMaximum(world, maxBlocks);
  for (const [i, { atMs, cores, priority }] of tasks.entries())
    world.clock.setTimeout(() => world.submit(`t${i}`, { priority, ...(cores === 1 ? undefined : { resources: { cores } }) }), atMs);
  await bringAbout(world, faults);
  const calmMs = world.clock.now();
  await world.run(calmMs + 30 * 60_000, () => world.tasks.size === tasks.length && world.open === 0);
  eachTrySettledOnce(world);
  await world.close();
  eachTrySettledOnce(world);
  nothingKnownRanAgain(world);
  eachExtraRunHasItsLoss(world);
  onlyWhatRanIsBlamed(world);
  expect(
    world.executions.filter(({ endedMs }) => endedMs === undefined),
    'tries that run on',
  ).toEqual([]);
  expect(world.notes.filter(({ type }) => type === 'broken' || type === 'blocks.faulted' || type === 'ledger.failed')).toEqual([]);
}

describe('an executor of blocks', () => {
  it('runs a try for longer than a manager waits for its driver', async () => {
    const world = await blocksWorld({ seed: 1, doing: () => ({ ms: 20 * 60_000, how: 'ends' }) });
    world.submit('t0');
    await world.run(60 * 60_000, () => world.open === 0);
    await world.close();
    expect(world.executions).toHaveLength(1);
    expect(world.tasks.get('t0')?.reports.map(({ type }) => type)).toEqual(['try.started', 'try.done']);
  });

  it.each(faultKinds)('keeps its promises through: %s', async (kind) => {
    await fc.assert(fc.asyncProperty(planned([kind]), holds), { numRuns: 8, interruptAfterTimeLimit: 25_000 });
  });

  it(
    'keeps its promises whatever befalls it',
    async () => {
      await fc.assert(fc.asyncProperty(planned(faultKinds), holds), { numRuns: RUNS, interruptAfterTimeLimit: RUNS * 2000 });
    },
    RUNS * 2500,
  );
});
