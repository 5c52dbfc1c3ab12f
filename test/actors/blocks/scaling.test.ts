/** When the scaling policy is asked, what it is shown, and what is recorded of its answers. */
import { describe, expect, it } from 'vitest';

import { scalingKind } from '../../../src/machines/policies/block-kinds.ts';
import { asker } from '../../../src/machines/policies/firewall.ts';
import { autoScale } from '../../../src/machines/policies/scaling/auto-scale.ts';
import { REST_MS } from '../../../src/machines/scaling.ts';
import { fakeProvider } from '../../support/fake-provider.ts';
import { setBench } from '../../support/block-set.ts';

const limits = { init: 0, min: 0, max: 4 } as const;

describe('the scaling policy', () => {
  it('is asked once a turn, at the end of it', async () => {
    const bench = setBench({ provider: fakeProvider(), limits, decide: () => ({ out: 0, in: [] }) });
    expect(bench.scalingAsked).toEqual([]);
    bench.want(1);
    bench.want(2);
    await bench.settle();
    expect(bench.scalingAsked).toMatchObject([{ queued: 2, isFirst: true, nowMs: 0, executor: 'hpc', parallelism: 1, limits, blocks: [] }]);
    await bench.set.close();
  });

  it('is asked no more often than every 20 ms while things change, and has the last word on the last change', async () => {
    const bench = setBench({ provider: fakeProvider(), limits, decide: () => ({ out: 0, in: [] }) });
    await bench.settle();
    for (let tries = 1; tries <= 100; tries++) {
      bench.want(tries);
      await bench.pass(1, 1);
    }
    await bench.pass(100, 10);
    expect(bench.scalingAsked.length).toBeLessThanOrEqual(100 / REST_MS + 2);
    expect(bench.scalingAsked.at(-1)?.queued).toBe(100);
    await bench.set.close();
  });

  it('is not asked when nothing has changed', async () => {
    const bench = setBench({ provider: fakeProvider(), limits, decide: () => ({ out: 0, in: [] }) });
    bench.want(3);
    await bench.pass(100);
    const before = bench.scalingAsked.length;
    bench.want(3);
    bench.set.load('7', { managers: 1, workers: 1, tries: 1 });
    await bench.pass(10_000);
    expect(bench.scalingAsked).toHaveLength(before);
    await bench.set.close();
  });

  it('is asked again after the time it says, with what it said to remember', async () => {
    const bench = setBench({
      provider: fakeProvider(),
      limits,
      decide: ({ memory }) => ({ out: 0, in: [], againMs: 1000, memory: { asked: ((memory as { asked?: number })?.asked ?? 0) + 1 } }),
    });
    await bench.pass(3500, 50);
    expect(bench.scalingAsked.map(({ memory }) => memory)).toEqual([undefined, { asked: 1 }, { asked: 2 }, { asked: 3 }]);
    await bench.set.close();
  });

  it('is recorded the first time, and whenever it does something', async () => {
    const bench = setBench({ provider: fakeProvider(), limits });
    await bench.pass(50);
    bench.want(8);
    await bench.pass(500);
    bench.want(7);
    await bench.pass(500);
    bench.want(0);
    await bench.pass(500);
    expect(bench.noted('scaling.decided')).toMatchObject([
      { out: 0, in: [], isFirst: true, policy: 'test' },
      { out: 2, in: [], queued: 8, demand: { cores: 8 }, slotsPerBlock: 4, blocks: {} },
      { out: 0, in: ['0', '1'], why: 'too many', blocks: { pending: 2 } },
    ]);
    await bench.set.close();
  });

  it('that misbehaves is replaced by the default, and the limits hold', async () => {
    const faults: string[] = [];
    const ask = asker(
      scalingKind,
      { kind: 'scaling', name: 'wild', decide: () => ({ out: Number.NaN, in: ['7'] }) },
      { nowMs: () => 0, onSlow: () => {}, onFault: ({ what }) => faults.push(what) },
    );
    const provider = fakeProvider();
    const bench = setBench({ provider, limits, askScaling: ask });
    bench.want(100);
    await bench.pass(500);
    expect(provider.jobs).toHaveLength(4);
    expect(faults.length).toBeGreaterThan(0);
    expect(bench.noted('scaling.decided').at(-1)).toMatchObject({ policy: autoScale().name });
    await bench.set.close();
  });
});
