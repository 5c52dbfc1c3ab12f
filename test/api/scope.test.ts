/** Which troupe a direct call means. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it } from 'vitest';

import { inline } from '../../src/api/executors.ts';
import { ClosedError, current, join, NoTroupeError, task, Troupe, type TroupeConfig } from '../../src/index.ts';
import { errorOf } from '../support/troupes.ts';

const one = task(import.meta, 'scope.one', () => 1);
const nested = task(import.meta, 'scope.nested', async () => {
  await Promise.resolve();
  return one();
});
const asks = task(import.meta, 'scope.asks', () => current().taskId);
const inner = join(import.meta, 'scope.inner', async () => {
  await Promise.resolve();
  return [one(), one()];
});

const open: Troupe[] = [];
async function start(name: string, config: TroupeConfig = {}): Promise<Troupe> {
  const troupe = await Troupe.start({ name, executors: [inline()], signals: false, ...config });
  open.push(troupe);
  return troupe;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((troupe) => troupe.close()));
});
const tasksOf = (troupe: Troupe): number => Object.values(troupe.snapshot().tasks).reduce((sum, count) => sum + count, 0);

describe('a direct call', () => {
  it('means the only open troupe, from anywhere', async () => {
    const troupe = await start('a');
    await one();
    await new Promise<void>((resolve) => setImmediate(() => void one().then(() => resolve())));
    expect(tasksOf(troupe)).toBe(2);
  });

  it('does not see a troupe that is not ambient', async () => {
    const hidden = await start('library', { ambient: false });
    expect(() => one()).toThrow(NoTroupeError);
    const seen = await start('program');
    await one();
    expect([tasksOf(hidden), tasksOf(seen)]).toEqual([0, 1]);
    expect(await hidden.run(one)).toBe(1);
  });

  it('means the innermost scope, across awaits, also of a troupe that is not ambient', async () => {
    const [a, b] = [await start('a'), await start('b', { ambient: false })];
    await a.scope(async () => {
      await one();
      await b.scope(async () => {
        await Promise.resolve();
        await one();
      });
      await one();
    });
    expect([tasksOf(a), tasksOf(b)]).toEqual([2, 1]);
  });

  it('in a scope whose troupe is closed is an error, not a call of another troupe', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const later = a.scope(() => AsyncLocalStorage.bind(() => one()));
    await a.close();
    expect(later).toThrow(ClosedError);
    expect(tasksOf(b)).toBe(0);
  });

  it('in the body of a join means the troupe of the join, whatever else is open', async () => {
    const [a, b] = [await start('a'), await start('b')];
    expect(await a.run(inner)).toEqual([1, 1]);
    expect([tasksOf(a), tasksOf(b)]).toEqual([3, 0]);
  });

  it('in the body of a task is an error on every executor, this process included', async () => {
    const troupe = await start('a');
    const error = await errorOf(troupe.run(nested));
    expect(error).toBeInstanceOf(NoTroupeError);
    expect(error.message).toMatch(/inside the body of a task.* make the caller a join\(\), or call scope\.one\.fn\(\)/);
  });

  it('of the function itself needs no troupe', () => {
    expect(one.fn()).toBe(1);
  });
});

describe('current', () => {
  it('is the task that runs, and an error outside of one', async () => {
    const troupe = await start('a');
    const future = troupe.run(asks);
    expect(await future).toBe(future.id);
    expect(() => current()).toThrow(/outside of a task/);
  });
});
