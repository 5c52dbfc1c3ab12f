/** `troupe.blocks(label?)`: which executor is meant, and what it can be told. */
import { afterEach, describe, expect, it } from 'vitest';

import { blocks, inline } from '../../src/api/executors.ts';
import { blocksOf } from '../../src/api/blocks-of.ts';
import { ConfigError, Troupe } from '../../src/index.ts';
import { memory } from '../../src/transport/memory.ts';
import { fakeProvider } from '../support/fake-provider.ts';
import type { BlocksView } from '../../src/machines/model/block-control.ts';

const view = {} as BlocksView;
const executors = (given: Readonly<Record<string, BlocksView | undefined>>) =>
  new Map(Object.entries(given).map(([label, found]) => [label, { label, blocks: found }] as const));

describe('which executor is meant', () => {
  it.each([
    [{ a: view }, undefined],
    [{ a: view, b: undefined }, undefined],
    [{ a: view, b: view }, 'a'],
  ])('of %o with label %s is clear', (given, label) => {
    expect(blocksOf(executors(given), label)).toBe(view);
  });

  it.each([
    [{ a: undefined }, undefined, 'blocks: there are none; no executor has any'],
    [{ a: view, b: view }, undefined, "blocks: say of which executor; these have: 'a', 'b'"],
    [{ a: view, b: undefined }, 'b', "blocks: executor 'b' has none; these have: 'a'"],
    [{ a: view }, 'c', "blocks: there is no executor 'c'; these have: 'a'"],
  ])('of %o with label %s is not', (given, label, message) => {
    expect(() => blocksOf(executors(given), label)).toThrow(new ConfigError(message, { field: 'label', value: label }));
  });
});

describe('the blocks of a troupe', () => {
  const open: Troupe[] = [];
  afterEach(async () => {
    for (const troupe of open.splice(0)) await troupe.close({ pending: 'cancel' });
  });

  it('are seen and told under their label', async () => {
    const troupe = await Troupe.start({ executors: [inline(), blocks({ label: 'pool', workers: 1, block: { init: 0, max: 2 } })] });
    open.push(troupe);
    expect(() => troupe.blocks('inline')).toThrow("blocks: executor 'inline' has none; these have: 'pool'");
    const pool = troupe.blocks();
    const ready = new Promise<void>((resolve) => {
      const stop = troupe.on('block.ready', () => {
        stop();
        resolve();
      });
    });
    const isOpen = new Promise<void>((resolve) => {
      const check = (): void => (pool.snapshot().state === 'ready' ? resolve() : void setImmediate(check));
      check();
    });
    await isOpen;
    expect(pool.scaleOut(5)).toEqual(['0', '1']);
    await ready;
    const snapshot = pool.snapshot();
    expect(snapshot).toMatchObject({
      label: 'pool',
      state: 'ready',
      limits: { init: 0, max: 2 },
      blocks: [{ blockId: '0' }, { blockId: '1' }],
    });
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
    expect(() => pool.drain('nobody')).toThrow(/there is no block or manager 'nobody'/);
  });

  it('go on after they were bad', async () => {
    const provider = fakeProvider({ phase: 'running' });
    const troupe = await Troupe.start({ executors: [blocks({ provider, transport: memory(), block: { min: 1 } })] });
    open.push(troupe);
    const pool = troupe.blocks();
    const until = (holds: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        const check = (): void => (holds() ? resolve() : void setImmediate(check));
        check();
      });
    await until(() => {
      for (const { jobId } of provider.live) provider.end(jobId, { end: 'failed', exitCode: 1 });
      return pool.snapshot().state === 'bad';
    });
    expect(pool.snapshot().why).toMatch(/failed/);
    pool.recover();
    await until(() => pool.snapshot().state === 'ready' && provider.live.length === 1);
    expect(pool.snapshot().why).toBeUndefined();
  });
});
