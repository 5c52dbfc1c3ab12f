/**
 * Scaling policies over many snapshots and whole courses: Parsl's formulas against an independent transcription of
 * its table of cases, and `autoScale` in a small world of blocks that start, work, idle and go.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { BlockView } from '../../src/machines/model/blocks.ts';
import { autoScale } from '../../src/machines/policies/scaling/auto-scale.ts';
import { htexAutoScale } from '../../src/machines/policies/scaling/htex-auto-scale.ts';
import type { ScalingPolicy, ScalingSnapshot } from '../../src/machines/policies/scaling/port.ts';
import { simple } from '../../src/machines/policies/scaling/simple.ts';
import { scalingSnapshot } from '../support/block-arbitraries.ts';
import { block, demanded } from '../support/block-policies.ts';

const IDLE_MS = 120_000;

/** The cases of Parsl's strategies as the feature table has them (H4, H5), written down without a look at ours. */
function parsl(kind: 'simple' | 'htex', { queued, running, perBlock, parallelism: p, limits, blocks, nowMs, memory }: ScalingSnapshot) {
  const A = queued + running;
  const R = blocks.filter(({ state }) => ['starting', 'ready'].includes(state)).length;
  const P = blocks.filter(({ state }) => ['requested', 'submitting', 'pending'].includes(state)).length;
  const B = R + P;
  const s = perBlock.slots;
  const S = B * s;
  const idleSince = (memory as { readonly idleSinceMs?: number } | null | undefined)?.idleSinceMs;
  const known = blocks
    .filter(({ state }) => !['draining', 'cancelling'].includes(state))
    .map((each) => ({ id: each.blockId, tries: each.tries, idle: each.tries > 0 ? 0 : nowMs - (each.idleSinceMs ?? -Infinity) }));
  const sorted = known.toSorted((a, b) => (a.idle === b.idle ? a.tries - b.tries : a.idle > b.idle ? -1 : 1));
  const nothing = { out: 0, in: [] as readonly string[] };
  if (A === 0) {
    if (B <= limits.min) return nothing; // 1a
    const idleFor = typeof idleSince === 'number' ? nowMs - idleSince : 0;
    if (idleFor < IDLE_MS) return nothing; // 1b, waiting
    return { out: 0, in: sorted.slice(0, B - limits.min).map(({ id }) => id) };
  }
  if (S / A < p) {
    if (B >= limits.max) return nothing; // 2a
    return { out: Math.min(Math.ceil(Math.ceil(A * p - S) / s), limits.max - B), in: [] }; // 2b
  }
  if (S === 0) return B < limits.max ? { out: 1, in: [] } : nothing; // 4a
  if (S > A && kind === 'htex' && B > limits.min) {
    const excess = Math.min(Math.floor(Math.floor(S - A * p) / s), B - limits.min); // 4b
    const idle = sorted.filter(({ idle: ms, tries }) => ms > IDLE_MS && tries === 0);
    return { out: 0, in: idle.slice(0, Math.max(0, excess)).map(({ id }) => id) };
  }
  return nothing; // 3
}

describe.each([
  ['simple', simple()],
  ['htex', htexAutoScale()],
] as const)('Parsl’s strategy %s', (kind, policy) => {
  it('answers as its table of cases says, within the maximum', () => {
    const snapshots = scalingSnapshot.filter(({ perBlock, isFirst }) => perBlock.slots > 0 && !isFirst);
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const expected = parsl(kind, snapshot);
        const room = Math.max(0, snapshot.limits.max - snapshot.blocks.length); // what the executor lets through
        const { out, in: back } = policy.decide(snapshot);
        expect({ out, in: back }).toEqual({ out: Math.min(expected.out, room), in: expected.in });
      }),
      { numRuns: 1000 },
    );
  });

  it('asks for the first blocks and then as if they were there', () => {
    const snapshots = scalingSnapshot.filter(({ perBlock, queued }) => perBlock.slots > 0 && queued > 0);
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const start = { ...snapshot, isFirst: true, blocks: [] };
        const first = Math.min(snapshot.limits.init, snapshot.limits.max);
        const later = { ...start, isFirst: false, blocks: Array.from({ length: first }, (_, i) => block(`b${i}`, 'requested')) };
        expect(policy.decide(start).out).toBe(first + parsl('simple', later).out);
      }),
    );
  });
});

/** How a world differs from another one. */
interface Terms {
  readonly slots: number;
  readonly coresPerTry: number;
  readonly parallelism: number;
  readonly limits: ScalingSnapshot['limits'];
  /** How long each next block takes to start. */
  readonly startMs: readonly number[];
  /** How many tries are given to one block before the next one. */
  readonly packs: boolean;
  readonly isFirst: boolean;
}
interface WorldBlock {
  readonly id: string;
  readonly requestedMs: number;
  readonly readyMs: number;
  idleSinceMs: number | undefined;
  tries: number;
}

/** Blocks that come up when their time is there, share the tries, and go at once when they are given back. */
function world(policy: ScalingPolicy, { slots, coresPerTry, parallelism, limits, startMs, packs, isFirst }: Terms) {
  let nowMs = 0;
  let made = 0;
  let blocks: WorldBlock[] = [];
  let memory: unknown;
  let first = isFirst;
  let startupMs = 0;
  const totals = { out: 0, in: 0, asked: 0 };
  const add = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const requestedMs = nowMs;
      blocks.push({
        id: `b${made}`,
        requestedMs,
        readyMs: nowMs + (startMs[made++ % startMs.length] ?? 0),
        idleSinceMs: undefined,
        tries: 0,
      });
    }
  };
  /** Tries go to the blocks that are up; the rest is queued. */
  const share = (tries: number): number => {
    const up = blocks.filter(({ readyMs }) => readyMs <= nowMs);
    let left = tries;
    for (const each of up) each.tries = 0;
    for (let i = 0; left > 0 && i < up.length * slots; i++) {
      const to = up[packs ? Math.floor(i / slots) : i % up.length];
      if (to !== undefined) to.tries++;
      left--;
    }
    for (const each of up) each.idleSinceMs = each.tries > 0 ? undefined : (each.idleSinceMs ?? nowMs);
    startupMs = Math.max(startupMs, ...up.map(({ readyMs, requestedMs }) => readyMs - requestedMs));
    return left;
  };
  const view = ({ id, readyMs, requestedMs, idleSinceMs, tries }: WorldBlock): BlockView =>
    readyMs <= nowMs
      ? block(id, 'ready', { requestedMs, tries, ...(idleSinceMs === undefined ? undefined : { idleSinceMs }) })
      : block(id, 'pending', { requestedMs });
  return {
    totals,
    add,
    get blocks() {
      return blocks;
    },
    get nowMs() {
      return nowMs;
    },
    /** Asks once, carries out the answer, and goes on to what happens next; false when nothing ever will. */
    step(tries: number, untilMs = Infinity): boolean {
      const queued = share(tries);
      const snapshot = demanded(tries, {
        nowMs,
        isFirst: first,
        queued,
        running: tries - queued,
        demand: { cores: tries * coresPerTry },
        perBlock: { slots, capacity: { cores: slots } },
        parallelism,
        limits,
        blocks: blocks.map(view),
        startupMs,
        memory,
      });
      const answer = policy.decide(snapshot);
      totals.asked++;
      totals.out += answer.out;
      totals.in += answer.in.length;
      ({ memory } = answer);
      first = false;
      const given = blocks.filter(({ id }) => answer.in.includes(id));
      const holdMs = Math.max(IDLE_MS, startupMs);
      for (const each of given) {
        expect(each.tries).toBe(0);
        if (each.readyMs <= nowMs) expect(nowMs - (each.idleSinceMs ?? nowMs)).toBeGreaterThanOrEqual(holdMs);
      }
      blocks = blocks.filter((each) => !given.includes(each));
      add(answer.out);
      expect(blocks.length).toBeLessThanOrEqual(limits.max);
      expect(blocks.length).toBeGreaterThanOrEqual(limits.min);
      if (answer.out > 0 || given.length > 0) return true; // a change: asked again at once
      const ups = blocks.map(({ readyMs }) => readyMs).filter((ms) => ms > nowMs);
      const nextMs = Math.min(...ups, nowMs + (answer.againMs ?? Infinity), untilMs);
      if (nextMs === Infinity) return false;
      nowMs = nextMs;
      return true;
    },
  };
}

const terms: fc.Arbitrary<Terms> = fc
  .record({
    slots: fc.integer({ min: 1, max: 6 }),
    coresPerTry: fc.constantFrom(0.3, 1, 2),
    parallelism: fc.constantFrom(0, 0.1, 0.5, 0.9, 1),
    init: fc.nat(4),
    min: fc.nat(3),
    max: fc.integer({ min: 4, max: 20 }),
    startMs: fc.array(fc.constantFrom(0, 1, 700, 30_000, 119_999, 1_000_000), { minLength: 1, maxLength: 5 }),
    packs: fc.boolean(),
    isFirst: fc.boolean(),
  })
  .map(({ init, min, max, ...rest }) => ({ ...rest, limits: { init, min, max } }));

describe('autoScale', () => {
  it('comes to rest under constant demand, and goes there in one direction', () => {
    fc.assert(
      fc.property(terms, fc.nat(60), fc.nat(4), (each, tries, before) => {
        const of = world(autoScale(), each);
        of.add(before);
        let steps = 0;
        while (of.step(tries)) expect(++steps).toBeLessThan(200);
        // the first blocks may go back, when they have been idle; nothing else is asked for and given back
        const spare = each.isFirst ? each.limits.init : 0;
        expect(Math.min(of.totals.out - spare, of.totals.in)).toBeLessThanOrEqual(0);
        const { blocks } = of;
        expect(of.step(tries)).toBe(false);
        expect(of.blocks).toEqual(blocks);
      }),
      { numRuns: 300 },
    );
  });

  it('comes to rest after any demand, whatever it was', () => {
    const phases = fc.array(fc.tuple(fc.nat(60), fc.constantFrom(1, 500, 10_000, 60_000, 300_000)), { maxLength: 12 });
    fc.assert(
      fc.property(terms, phases, fc.nat(30), (each, course, tries) => {
        const of = world(autoScale(), each);
        for (const [demand, forMs] of course) {
          const untilMs = of.nowMs + forMs;
          for (let steps = 0; of.nowMs < untilMs; steps++) {
            of.step(demand, untilMs);
            expect(steps).toBeLessThan(200);
          }
        }
        let steps = 0;
        while (of.step(tries)) expect(++steps).toBeLessThan(200);
        const wanted = tries === 0 ? 0 : 1;
        expect(of.blocks.length).toBeGreaterThanOrEqual(Math.max(wanted, each.limits.min));
        if (tries === 0 && each.packs) expect(of.blocks.length).toBe(each.limits.min);
      }),
      { numRuns: 200 },
    );
  });

  it('asks for no block while work comes and goes faster than a block starts', () => {
    fc.assert(
      fc.property(terms, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 100_000 }), (each, tries, pauseMs) => {
        const of = world(autoScale(), { ...each, isFirst: false });
        while (of.step(tries));
        const { out } = of.totals;
        for (let i = 0; i < 10; i++) {
          for (const demand of [0, tries]) {
            const untilMs = of.nowMs + pauseMs;
            while (of.nowMs < untilMs) of.step(demand, untilMs);
          }
        }
        expect([of.totals.out, of.totals.in]).toEqual([out, 0]);
      }),
      { numRuns: 100 },
    );
  });
});
