/** The scaling policy `autoScale`: as many blocks as there is work for, and no flapping. */
import { describe, expect, it } from 'vitest';

import { scalingKind } from '../../../../src/machines/policies/block-kinds.ts';
import { autoScale } from '../../../../src/machines/policies/scaling/auto-scale.ts';
import type { ScalingSnapshot } from '../../../../src/machines/policies/scaling/port.ts';
import { conformsToScalingPolicy } from '../../../conformance/policy.ts';
import { block, blocksOf, demanded } from '../../../support/block-policies.ts';

const limits = (init: number, min: number, max = 10) => ({ init, min, max });
const busy = (id: string, tries = 4) => block(id, 'ready', { tries });
const idle = (id: string, idleSinceMs = 0) => block(id, 'ready', { idleSinceMs });
const { decide } = autoScale();
const counts = (snapshot: ScalingSnapshot): readonly [number, readonly string[]] => {
  const { out, in: back } = decide(snapshot);
  return [out, back];
};

describe('autoScale', () => {
  conformsToScalingPolicy(() => autoScale());
  conformsToScalingPolicy(() => autoScale({ idleMs: 0, surplusMs: 0, backoffMs: 0 }));

  it('is one for all, which the firewall need not watch', () => {
    expect(autoScale()).toBe(scalingKind.fallback);
    expect(Object.isFrozen(autoScale())).toBe(true);
    expect(autoScale().name).toBe('autoScale(120000 ms)');
  });

  it.each([
    ['idleMs', { idleMs: -1 }],
    ['maxIdleMs', { idleMs: 100, maxIdleMs: 99 }],
    ['surplusMs', { surplusMs: Number.NaN }],
    ['backoffMs', { backoffMs: '1' as never }],
    ['maxBackoffMs', { maxBackoffMs: 1e12 }],
  ])('refuses a wrong %s', (field, options) => {
    expect(() => autoScale(options)).toThrow(`scaling.autoScale: ${field}`);
  });
});

describe('what autoScale asks for', () => {
  it.each<readonly [string, number, Partial<ScalingSnapshot>, number]>([
    ['nothing without a task', 0, {}, 0],
    ['a block for a task', 1, {}, 1],
    ['a slot for each task', 9, {}, 3],
    ['no more than the maximum', 1000, {}, 10],
    ['half as many with half the parallelism', 16, { parallelism: 0.5 }, 2],
    ['no block more for the last digit of a sum', 30, { parallelism: 0.1, perBlock: { slots: 3, capacity: {} } }, 1],
    ['one with no parallelism', 1000, { parallelism: 0 }, 1],
    ['as many as the scarcest resource needs', 4, { demand: { cores: 4, memoryBytes: 40e9 } }, 3],
    ['as many as the cores need', 4, { demand: { cores: 16 } }, 4],
    ['none for a resource that no block has', 4, { demand: { cores: 4, gpus: 100 } }, 1],
    ['one when a block has no slot', 100, { perBlock: { slots: 0, capacity: {} } }, 1],
    ['the first blocks, whatever there is to do', 0, { isFirst: true, limits: limits(3, 0) }, 3],
    ['more than the first blocks when there is more to do', 20, { isFirst: true, limits: limits(3, 0) }, 5],
    ['the least that there must be', 0, { limits: limits(0, 2) }, 2],
    [
      'what is missing, when some run, pend or start',
      20,
      { blocks: [busy('b1'), ...blocksOf('requested', 'starting', 'held').slice(1)] },
      2,
    ],
    ['nothing when what was asked for is enough', 8, { blocks: blocksOf('requested', 'submitting') }, 0],
    ['a block in place of one that leaves', 4, { blocks: [block('b1', 'draining')] }, 1],
    ['none for the tries of a block that leaves', 4, { queued: 0, running: 4, blocks: [block('b1', 'draining', { tries: 4 })] }, 0],
    ['none above the maximum while some leave', 40, { limits: limits(0, 0, 2), blocks: [block('b1', 'draining'), busy('b2')] }, 0],
  ])('is %s', (_, tries, more, out) => {
    expect(counts(demanded(tries, more))).toEqual([out, []]);
  });

  it('says how it came to that', () => {
    expect(decide(demanded(8, { blocks: [busy('b1')] })).why).toBe('1 blocks, 2 wanted');
  });
});

describe('autoScale, after blocks that failed', () => {
  it.each([
    [1, 1000],
    [2, 2000],
    [3, 4000],
    [6, 32_000],
    [7, 60_000],
    [5000, 60_000],
  ])('%d in a row, waits %d ms', (failedInRow, waitMs) => {
    const after = (ms: number) => demanded(4, { failedInRow, failedMs: 5000, nowMs: 5000 + ms });
    expect(decide(after(0))).toMatchObject({ out: 0, in: [], againMs: waitMs, why: expect.stringContaining('failed in a row') });
    expect(decide(after(waitMs - 1))).toMatchObject({ out: 0, againMs: 1 });
    expect(decide(after(waitMs))).toMatchObject({ out: 1 });
    expect(decide(after(waitMs)).againMs).toBeUndefined();
  });

  it('does not wait when it needs none', () => {
    expect(decide(demanded(4, { failedInRow: 3, failedMs: 0, blocks: [busy('b1')] })).againMs).toBeUndefined();
  });
});

/** Asks again and again, at these times, of snapshots that differ in the blocks and the demand. */
function asked(steps: readonly (readonly [number, Partial<ScalingSnapshot> & { readonly tries?: number }])[], options = {}) {
  const policy = autoScale(options);
  let memory: unknown;
  return steps.map(([nowMs, { tries = 0, ...more }]) => {
    const answer = policy.decide(demanded(tries, { nowMs, memory, ...more }));
    ({ memory } = answer);
    return { in: answer.in, againMs: answer.againMs };
  });
}

describe('what autoScale gives back', () => {
  const pending = blocksOf('ready', 'pending', 'pending').slice(1);

  it('is a block that has been idle for long enough, and it asks again when that is', () => {
    const steps = [1000, 2000, 120_999, 121_000].map((nowMs) => [nowMs, { blocks: [idle('b1', 1000)] }] as const);
    expect(asked(steps)).toEqual([
      { in: [], againMs: 120_000 },
      { in: [], againMs: 119_000 },
      { in: [], againMs: 1 },
      { in: ['b1'], againMs: undefined },
    ]);
  });

  it('waits for as long as a block takes to start, if that is longer', () => {
    const at = (nowMs: number) => [nowMs, { blocks: [idle('b1')], startupMs: 500_000 }] as const;
    expect(asked([at(0), at(499_999), at(500_000)])).toMatchObject([{ againMs: 500_000 }, { in: [], againMs: 1 }, { in: ['b1'] }]);
    expect(asked([at(0), at(200_000)], { maxIdleMs: 200_000 })[1]).toMatchObject({ in: ['b1'] });
  });

  it('is not one that work was there for in between, though it did not get any', () => {
    const blocks = [idle('b1'), idle('b2')];
    const steps = [
      [0, { tries: 4, blocks }],
      [60_000, { tries: 8, blocks }],
      [61_000, { tries: 4, blocks }],
      [180_999, { tries: 4, blocks }],
      [181_000, { tries: 4, blocks }],
    ] as const;
    expect(asked(steps).map((answer) => answer.in)).toEqual([[], [], [], [], ['b1']]);
  });

  it('is the longest idle first, and no more than there are too many', () => {
    const blocks = [idle('b1', 30), idle('b2', 10), idle('b3', 20), busy('b4', 1)];
    expect(asked([0, 500_000].map((nowMs) => [nowMs, { tries: 8, blocks }]))[1]).toMatchObject({ in: ['b2', 'b3'] });
  });

  it('is never one with tries, and not below the least that there must be', () => {
    const working = [busy('b1', 1), busy('b2', 1)];
    expect(asked([0, 1e6].map((nowMs) => [nowMs, { blocks: working }]))[1]).toEqual({ in: [], againMs: undefined });
    const spare = [idle('b1'), idle('b2'), idle('b3')];
    expect(asked([0, 1e6].map((nowMs) => [nowMs, { limits: limits(0, 2), blocks: spare }]))[1]).toMatchObject({ in: ['b1'] });
  });

  it('is no more than 100 at a time: a memory has an end', () => {
    const blocks = blocksOf(...Array.from({ length: 150 }, () => 'ready' as const));
    expect(asked([0, 1e6].map((nowMs) => [nowMs, { limits: limits(0, 0, 200), blocks }]))[1]?.in).toHaveLength(100);
  });

  it('is what has not come up before what has, once it has been too many for a while', () => {
    const blocks = [idle('b1'), ...pending];
    expect(
      asked([
        [200_000, { tries: 4, blocks }],
        [209_999, { tries: 4, blocks }],
        [210_000, { tries: 4, blocks }],
      ]),
    ).toEqual([
      { in: [], againMs: 10_000 },
      { in: [], againMs: 1 },
      { in: ['b3', 'b2'], againMs: undefined },
    ]);
  });

  it('is the idle block too, when all of it is too many', () => {
    const blocks = [idle('b1'), ...pending];
    const steps = [0, 10_000, 120_000].map((nowMs) => [nowMs, { blocks: nowMs > 10_000 ? [idle('b1')] : blocks }] as const);
    expect(asked(steps).map((answer) => answer.in)).toEqual([[], ['b3', 'b2'], ['b1']]);
  });

  it('is the furthest from being of use first, of equals the youngest', () => {
    const blocks = blocksOf('starting', 'pending', 'pending', 'submitting', 'requested', 'held');
    const at = (nowMs: number): readonly [number, Partial<ScalingSnapshot> & { tries: number }] => [nowMs, { tries: 4, blocks }];
    expect(asked([at(20_000), at(30_000)])[1]).toMatchObject({ in: ['b6', 'b5', 'b4', 'b3', 'b2'] });
  });

  it('keeps what pends through a short pause of the work', () => {
    const blocks = [busy('b1'), ...pending];
    expect(
      asked([
        [20_000, { tries: 4, blocks }],
        [29_000, { tries: 12, blocks }],
        [29_500, { tries: 4, blocks }],
        [31_000, { tries: 4, blocks }],
      ]).map((answer) => answer.in),
    ).toEqual([[], [], [], []]);
  });

  it('counts the least that there were too many of in that while', () => {
    const blocks = [busy('b1'), ...pending];
    expect(
      asked([
        [20_000, { tries: 4, blocks }],
        [25_000, { tries: 8, blocks }],
        [30_000, { tries: 4, blocks }],
      ]).map((answer) => answer.in),
    ).toEqual([[], [], ['b3']]);
  });

  it('may be what was there before the start', () => {
    const blocks = [idle('b1')];
    const steps = [0, 1, 120_001].map((nowMs) => [nowMs, { isFirst: nowMs === 0, limits: limits(1, 0), blocks }] as const);
    expect(asked(steps)).toEqual([
      { in: [], againMs: 0 },
      { in: [], againMs: 120_000 },
      { in: ['b1'], againMs: undefined },
    ]);
  });

  it('is not a block that was asked for a moment ago', () => {
    const blocks = [busy('b1'), block('b2', 'requested', { requestedMs: 29_000 })];
    expect(
      asked([
        [20_000, { tries: 4, blocks }],
        [30_000, { tries: 4, blocks }],
        [39_000, { tries: 4, blocks }],
      ]),
    ).toEqual([
      { in: [], againMs: 19_000 },
      { in: [], againMs: 9000 },
      { in: ['b2'], againMs: undefined },
    ]);
  });

  it('is not what was asked for at the start, before it has come up and been idle', () => {
    const start = limits(2, 0);
    const coming = blocksOf('pending', 'pending');
    const [b1, b2] = [idle('b1', 3_600_000), idle('b2', 3_600_000)];
    expect(
      asked([
        [0, { isFirst: true, limits: start }],
        [1, { limits: start, blocks: coming }],
        [3_600_000, { limits: start, blocks: coming }],
        [3_600_001, { limits: start, blocks: [b1, b2] }],
        [3_720_000, { limits: start, blocks: [b1, b2] }],
      ]).map((answer) => answer.in),
    ).toEqual([[], [], [], [], ['b1', 'b2']]);
  });
});

it('autoScale takes the memory of another policy for none', () => {
  const blocks = blocksOf('pending');
  for (const memory of [null, 7, 'x', [], { surplusMs: 3 }, { surplusMs: ['x'] }, { init: 'b1' }])
    expect(autoScale().decide(demanded(0, { nowMs: 50_000, blocks, memory }))).toMatchObject({ in: [], againMs: 10_000 });
});
