/**
 * A whole set of blocks over a batch system of which anything may go wrong. Promise 2: never above the maximum, and
 * constant demand comes to rest. Promise 4: what cannot be said changes nothing, and what has ended never changes.
 * And whatever is lost, one block is one job at most, and none is left in the end.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { BlockLimits, JobEnd } from '../../src/machines/model/blocks.ts';
import { autoScale } from '../../src/machines/policies/scaling/auto-scale.ts';
import { htexAutoScale } from '../../src/machines/policies/scaling/htex-auto-scale.ts';
import { none } from '../../src/machines/policies/scaling/none.ts';
import type { ScalingDecision, ScalingSnapshot } from '../../src/machines/policies/scaling/port.ts';
import { simple } from '../../src/machines/policies/scaling/simple.ts';
import { oneBlockPerFour, setBench, type SetBench } from '../support/block-set.ts';
import { blockWorld } from '../support/block-world.ts';
import { faultyBatch, trouble, type FaultyBatch, type Trouble } from '../support/faulty-batch.ts';

type Decide = (snapshot: ScalingSnapshot) => ScalingDecision;
const calm: Readonly<Record<string, Decide>> = {
  autoScale: autoScale().decide,
  simple: simple().decide,
  htexAutoScale: htexAutoScale().decide,
  none: none().decide,
  oneBlockPerFour,
};
/** Asks for anything, and gives back anything. */
const wild: Decide = ({ blocks, nowMs }) => ({
  out: nowMs % 7,
  in: blocks.filter((_, i) => (nowMs + i) % 5 === 0).map(({ blockId }) => blockId),
  againMs: 700,
});

interface Scene {
  readonly bench: SetBench;
  readonly batch: FaultyBatch;
}
function scene(decide: Decide, pollMs: number, limits: BlockLimits, troubles: readonly Trouble[]): Scene {
  const world = blockWorld();
  const batch = faultyBatch(world.clock, { pollMs });
  batch.troubles.push(...troubles);
  return { batch, bench: setBench({ world, provider: batch, limits, decide }) };
}
const blockIdOf = (jobName: string): string => jobName.split('-').at(-1) ?? '';

/** What happens, to any job or block. */
interface Step {
  readonly what: 'want' | 'run' | 'hold' | 'requeue' | 'end' | 'register' | 'leave' | 'check' | 'out' | 'in';
  readonly which: number;
  readonly end: JobEnd['end'];
  readonly ms: number;
}
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom<Step['what'][]>(
    ...(['want', 'run', 'run', 'run', 'register', 'register', 'hold', 'requeue', 'end', 'leave', 'check', 'out', 'in'] as const),
  ),
  which: fc.nat(20),
  end: fc.constantFrom<JobEnd['end'][]>('completed', 'failed', 'timeout', 'preempted', 'unknown'),
  ms: fc.oneof(fc.nat(100), fc.nat(5000)),
});

const does: { readonly [W in Step['what']]: (step: Step, scene: Scene, jobId: string, blockId: string) => void } = {
  want: ({ which }, { bench }) => bench.want(which),
  out: ({ which }, { bench }) => void bench.set.scaleOut(which % 3),
  in: ({ which }, { bench }) => void bench.set.scaleIn(which % 3),
  leave: (_, { bench }, __, blockId) => bench.set.left(blockId, 0),
  check: (_, { bench }, __, blockId) => bench.set.check(blockId),
  run: (_, { batch }, jobId) => batch.become(jobId, { type: 'known', phase: 'running' }),
  hold: (_, { batch }, jobId) => batch.become(jobId, { type: 'known', phase: 'held' }),
  requeue: (_, { batch }, jobId) => batch.become(jobId, { type: 'known', phase: 'pending' }),
  end: ({ end }, { batch }, jobId) => batch.become(jobId, { type: 'gone', evidence: { end } }),
  register(_, { bench, batch }, jobId) {
    const job = batch.live.find((each) => each.jobId === jobId);
    if (job?.status.type === 'known' && job.status.phase === 'running') bench.register(blockIdOf(job.name));
  },
};
function take(step: Step, { bench, batch }: Scene): void {
  const any = <T>(all: readonly T[]): T | undefined => all[step.which % Math.max(1, all.length)];
  does[step.what](step, { bench, batch }, any(batch.live)?.jobId ?? 'none', any(bench.live())?.blockId ?? 'none');
}

const limits = { init: 1, min: 1, max: 3 } as const;

/** Holds at every moment. @param ended - What blocks that have ended looked like when they were first seen so. */
function check({ bench, batch }: Scene, ended: Map<string, string>): void {
  const live = bench.live();
  expect(live.length).toBeLessThanOrEqual(limits.max);
  // the truth: no block ever has two jobs, and every job that lives is that of a block that lives
  expect(new Set(batch.jobs.map(({ name }) => name)).size).toBe(batch.jobs.length);
  const names = new Set(live.map(({ jobName }) => jobName));
  expect(batch.live.filter(({ name }) => !names.has(name))).toEqual([]);
  for (const view of bench.set.views().filter(({ state }) => state === 'ended')) {
    const text = JSON.stringify(view);
    expect(ended.get(view.blockId) ?? text).toBe(text);
    ended.set(view.blockId, text);
  }
}

describe.each(Object.entries({ ...calm, wild }))('blocks that %s scales', (_, decide) => {
  it('are never too many, are one job each, never change once they have ended, and are gone in the end', async () => {
    const steps = fc.array(step, { minLength: 5, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, fc.array(trouble, { maxLength: 60 }), fc.constantFrom(0, 2000), async (steps, troubles, pollMs) => {
        const all = scene(decide, pollMs, limits, troubles);
        const { bench, batch } = all;
        const ended = new Map<string, string>();
        for (const each of steps) {
          take(each, all);
          for (let left = each.ms; left > 0; left -= 500) {
            await bench.pass(Math.min(500, left), 100);
            check(all, ended);
          }
        }
        batch.troubles.length = 0;
        await bench.pass(200_000, 1000); // the last answers that were lost are found
        check(all, ended);
        const closed = bench.set.close();
        await bench.pass(70_000, 500);
        await closed;
        check(all, ended);
        expect([bench.live(), batch.live]).toEqual([[], []]);
        expect(bench.ledger.records.filter(({ type }) => type === 'ended')).toHaveLength(bench.set.views().length);
        expect(bench.errors).toEqual([]);
        expect([...bench.system.live]).toEqual(['root']);
      }),
      { numRuns: 20 },
    );
  });
});

/** One second of a cluster that works: jobs start, managers come, and blocks that are drained go. */
async function work({ bench, batch }: Scene, tries: number): Promise<void> {
  const { set, clock } = bench;
  for (const { jobId, name, status } of batch.live) {
    if (status.type === 'known' && status.phase !== 'running') batch.become(jobId, { type: 'known', phase: 'running' });
    else if (bench.live().find(({ jobName }) => jobName === name)?.managers === 0) bench.register(blockIdOf(name));
  }
  let left = tries;
  for (const { blockId, state, managers, idleSinceMs } of bench.live()) {
    if (state === 'draining') set.left(blockId, 0);
    if (state !== 'ready' || managers === 0) continue;
    const some = Math.min(4, left);
    left -= some;
    set.load(blockId, { managers: 1, workers: 4, tries: some, ...(some === 0 ? { idleSinceMs: idleSinceMs ?? clock.now() } : undefined) });
  }
  set.demand({ queued: left, running: tries - left, demand: { cores: tries } });
  await bench.pass(1000, 500);
}

describe.each(Object.entries(calm))('constant demand, as %s scales', (_, decide) => {
  it('comes to rest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(20),
        fc.nat(20),
        fc.array(trouble, { maxLength: 20 }),
        fc.constantFrom(0, 2000),
        async (before, tries, troubles, pollMs) => {
          const all = scene(decide, pollMs, { init: 1, min: 0, max: 4 }, troubles);
          const { bench } = all;
          for (let second = 0; second < 60; second++) await work(all, before);
          all.batch.troubles.length = 0;
          for (let second = 0; second < 400; second++) await work(all, tries);
          const decided = bench.noted('scaling.decided').length;
          const blocks = bench.live().map(({ blockId, state }) => `${blockId} ${state}`);
          for (let second = 0; second < 400; second++) await work(all, tries);
          expect(bench.noted('scaling.decided')).toHaveLength(decided);
          expect(bench.live().map(({ blockId, state }) => `${blockId} ${state}`)).toEqual(blocks);
          expect(blocks.every((block) => block.endsWith('ready'))).toBe(true);
          const closed = bench.set.close();
          await bench.pass(10_000, 500);
          await closed;
        },
      ),
      { numRuns: 8 },
    );
  });
});
