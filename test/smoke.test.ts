import { expect, it } from 'vitest';
import { manualExecutor } from './support/manual-executor.ts';
import { task, join, Troupe } from '../src/index.ts';
const add = task(import.meta, 'add', (a: number, b: number) => a + b);
const fan = join(import.meta, 'fan', (n: number) => Array.from({ length: n }, (_, i) => add(i, 1)));
it('runs', async () => {
  const ex = manualExecutor();
  const troupe = await Troupe.start({ executors: [ex] });
  const f = add(1, 2);
  const g = add(f, 3);
  expect(f.state).toBe('queued');
  expect(g.state).toBe('pending');
  expect(g.why()).toMatchInlineSnapshot(`
    {
      "for": [
        "add (t1), queued",
      ],
      "state": "pending",
    }
  `);
  const t = ex.take();
  ex.started(t);
  expect(f.state).toBe('running');
  ex.done(t, 3);
  expect(f.state).toBe('done');
  expect(await f).toBe(3);
  const t2 = ex.take();
  expect(t2.args).toEqual({ values: [3, 3] });
  ex.failed(t2);
  await expect(g).rejects.toThrow('boom');
  const j = fan(3);
  await new Promise((r) => setTimeout(r, 5));
  expect(j.state).toBe('joining');
  for (const t of ex.held) ex.done(t, 7);
  expect(await j).toEqual([7, 7, 7]);
  expect(troupe.snapshot()).toMatchInlineSnapshot();
  expect(await troupe.close()).toMatchInlineSnapshot();
});
