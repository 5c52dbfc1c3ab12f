/**
 * A manager with fake workers, under any sequence of grants, ends, crashes, recalls, stops, cuts and drops: no lease is
 * with two workers, the driver hears of each exactly once unless it has dropped it, and of every end that it was not
 * sure of. In the end nothing is left.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import type { MessageOf } from '../../src/transport/protocol.ts';
import { bytes, done, nodeBench, stopped, type FakeWorker, type NodeBench } from '../support/node-bench.ts';

/** What has become of each lease, as the driver knows it. */
interface World {
  readonly bench: NodeBench;
  readonly open: Set<number>;
  readonly dropped: Set<number>;
  readonly reported: number[];
  next: number;
}

type Act = (world: World) => Promise<void> | void;
/** A step that says what it is when a walk is shown. */
interface Step {
  readonly run: Act;
  readonly [fc.toStringMethod]: () => string;
}
const named = (name: string, run: Act): Step => ({ run, [fc.toStringMethod]: () => name });
const at = <T>(all: readonly T[], index: number): T | undefined => all[index % Math.max(1, all.length)];
const alive = ({ bench }: World): readonly FakeWorker[] => bench.workers.filter(({ isClosed }) => !isClosed);
const busy = (world: World): readonly FakeWorker[] => alive(world).filter(({ pipe }) => pipe.length > 0);

/** A worker answers what it was asked: what has not started goes back. */
function answer(worker: FakeWorker, isPolite: boolean): void {
  for (const message of worker.take()) {
    const asked = message.t === 'revoke' ? message.leases : message.t === 'stop' ? [message.lease] : [];
    const [head] = worker.pipe;
    if (message.t === 'stop' && message.lease === head) {
      if (isPolite) worker.end(stopped);
      continue;
    }
    if (asked.length === 0) continue;
    const back = asked.filter((lease) => worker.pipe.indexOf(lease) > 0);
    for (const lease of back) worker.pipe.splice(worker.pipe.indexOf(lease), 1);
    worker.say({ t: 'revoked', leases: back, kept: asked.filter((lease) => !back.includes(lease)) });
  }
}

const acts = {
  grant:
    (count: number): Act =>
    async (world) => {
      const leases = Array.from({ length: count }, () => world.next++);
      for (const lease of leases) world.open.add(lease);
      await world.bench.grant(...leases);
    },
  end:
    (index: number, tookMs: number): Act =>
    (world) =>
      void at(busy(world), index)?.end(done(), tookMs),
  crash:
    (index: number): Act =>
    (world) =>
      at(alive(world), index)?.exit({ signal: 'SIGKILL' }),
  answer:
    (index: number, isPolite: boolean): Act =>
    (world) => {
      const worker = at(alive(world), index);
      if (worker !== undefined) answer(worker, isPolite);
    },
  recall:
    (index: number): Act =>
    (world) =>
      world.bench.send({ t: 'recall', leases: [...world.open].slice(0, 1 + (index % 4)) }),
  stop:
    (index: number, graceMs: number): Act =>
    async (world) => {
      const lease = at([...world.open], index);
      if (lease !== undefined) await world.bench.send({ t: 'stop', lease, reason: bytes(), graceMs });
    },
  cut:
    (drops: number): Act =>
    async (world) => {
      const { bench, open, dropped } = world;
      bench.welcome = ({ holds }: MessageOf<'register'>) => {
        // what the driver has, and the manager does not, was lost on the way to it; what it holds may be unwanted
        const drop = holds.filter((lease) => open.has(lease)).slice(0, drops);
        for (const lease of Array.from(open))
          if (!holds.includes(lease) || drop.includes(lease)) {
            open.delete(lease);
            dropped.add(lease);
          }
        return { t: 'welcome', received: bench.received, drop, heartbeatMs: 5000 };
      };
      await bench.cut();
    },
  pass:
    (ms: number): Act =>
    ({ bench }) =>
      bench.pass(ms, 50),
} as const;

const act: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 6 }).map((count) => named(`grant ${count}`, acts.grant(count))) },
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.nat(3), fc.constantFrom(0.1, 0.1, 0.1, 3, 50))
      .map(([index, ms]) => named(`end of ${index} after ${ms}`, acts.end(index, ms))),
  },
  { weight: 1, arbitrary: fc.nat(3).map((index) => named(`crash of ${index}`, acts.crash(index))) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat(3), fc.boolean())
      .map(([index, isPolite]) => named(`answer of ${index}${isPolite ? '' : ', rude'}`, acts.answer(index, isPolite))),
  },
  { weight: 1, arbitrary: fc.nat(9).map((index) => named(`recall ${index}`, acts.recall(index))) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat(20), fc.constantFrom(0, 60))
      .map(([index, graceMs]) => named(`stop ${index} in ${graceMs}`, acts.stop(index, graceMs))),
  },
  { weight: 1, arbitrary: fc.nat(2).map((drops) => named(`cut, drop ${drops}`, acts.cut(drops))) },
  { weight: 2, arbitrary: fc.constantFrom(5, 60, 200).map((ms) => named(`pass ${ms}`, acts.pass(ms))) },
);

function hear({ bench, open, dropped, reported }: World): void {
  for (const message of bench.heard('ended', 'lost', 'returned')) {
    for (const lease of message.t === 'lost' ? [message.lease] : message.leases) {
      if (dropped.has(lease)) continue; // a late word
      reported.push(lease);
      expect(open.delete(lease), `lease ${lease} was open`).toBe(true);
    }
  }
  const held = bench.workers.filter(({ isClosed }) => !isClosed).flatMap(({ pipe }) => pipe);
  expect(new Set(held).size, 'no lease is with two workers').toBe(held.length);
  for (const lease of held) expect(reported, `lease ${lease} was not reported`).not.toContain(lease);
}

it('every lease is reported exactly once, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(act, { minLength: 5, maxLength: 40 }), async (count, steps) => {
      const bench = await nodeBench({ workers: count, config: { maxCredit: 4 } });
      const world: World = { bench, open: new Set(), dropped: new Set(), reported: [], next: 1 };
      for (const { run } of steps) {
        await run(world);
        await bench.settle();
        hear(world);
      }
      // from here on all goes well
      for (let i = 0; i < 200 && (world.open.size > 0 || busy(world).length > 0); i++) {
        for (const worker of alive(world)) answer(worker, true);
        for (const worker of busy(world)) worker.end();
        await bench.pass(100, 50);
        hear(world);
      }
      expect([...world.open]).toEqual([]);
      await bench.send({ t: 'drain' });
      await bench.settle();
      expect(bench.codes).toEqual([0]);
    }),
    { numRuns: 60 },
  );
});
