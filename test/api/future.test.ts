/** The handle of a task: a promise that raises nothing by itself, with parts, outputs and a failure. */
import { describe, expect, expectTypeOf, it } from 'vitest';

import { CancelledError, type DataFuture, DependencyError, File, Future, task } from '../../src/index.ts';
import { errorOf, rest, troupes, warningsOf } from '../support/troupes.ts';

const echo = task(import.meta, 'future.echo', (value: unknown) => value);
const pair = task(import.meta, 'future.pair', (): { readonly a: readonly number[]; readonly b: string } => ({ a: [1], b: 'x' }));
const start = troupes();

describe('a future', () => {
  it('is a promise for everything that takes one', async () => {
    const { executor } = await start();
    const [ok, bad] = [echo(1), echo(2)];
    for (const [i, attempt] of executor.held.entries()) (i === 0 ? executor.done : executor.failed)(attempt);
    const settled = await Promise.allSettled([ok, bad]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(await Promise.race([ok, ok])).toBeUndefined();
    await expect(bad).rejects.toThrow('boom');
    let finallyRan = false;
    await bad.finally(() => (finallyRan = true)).catch(() => {});
    expect(finallyRan).toBe(true);
    expect(Object.prototype.toString.call(ok)).toBe('[object Future]');
    expect(ok).toBeInstanceOf(Future);
  });

  it('has the id, name and state of its task, and an actor while the task is live', async () => {
    const { executor } = await start();
    const future = echo(1);
    expect([future.id, future.name, future.state]).toEqual(['t1', 'future.echo', 'queued']);
    expect(future.actor?.getSnapshot().value).toBe('queued');
    executor.done(executor.take(), 7);
    expect([future.state, future.actor, await future]).toEqual(['done', undefined, 7]);
  });

  it('that fails and is never read raises nothing, and is named once when the troupe closes', async () => {
    const { troupe, executor } = await start({ name: 'mine' });
    echo(1);
    executor.failed(executor.take(), new RangeError('unseen'));
    await rest();
    const warnings = await warningsOf('TROUPE_UNREAD', () => troupe.close());
    expect(warnings).toEqual(['mine: 1 task failed and nobody read the result:\n  future.echo (t1): RangeError: unseen']);
  });

  it('counts as read when it is awaited, caught, or an argument', async () => {
    const { troupe, executor } = await start();
    const first = echo(1);
    const second = echo(first);
    executor.failed(executor.take());
    expect(await errorOf(second)).toBeInstanceOf(DependencyError);
    echo(3).catch(() => {});
    executor.failed(executor.take());
    expect(await warningsOf('TROUPE_UNREAD', () => troupe.close())).toEqual([]);
  });

  it('says how it failed, beside the error', async () => {
    const { executor } = await start();
    const future = echo(1);
    expect(future.failure).toBeUndefined();
    executor.failed(executor.take(), new TypeError('wrong'), 'app', '17');
    expect(future.failure).toEqual({ kind: 'app', message: 'wrong', tries: 1, executor: 'manual', host: 'here', worker: '17' });
    await errorOf(future);
  });

  it('left by await using is cancelled and waited for, without a rejection', async () => {
    const { troupe } = await start();
    {
      await using future = echo(1);
      expect(future.state).toBe('queued');
    }
    expect(troupe.snapshot().tasks).toMatchObject({ live: 0, cancelled: 1 });
  });
});

describe('at', () => {
  it('gives futures of parts, deep, which settle with their task and are arguments too', async () => {
    const { executor } = await start();
    const whole = pair();
    const part = whole.at('a').at(0);
    const user = echo([part, whole.at('b')]);
    expect(user.state).toBe('pending');
    executor.done(executor.take(), { a: [42], b: 'x' });
    expect(await part).toBe(42);
    expect(executor.take().args).toEqual({ values: [[42, 'x']] });
    executor.done(executor.take(), 'ok');
    expect(await user).toBe('ok');
  });

  it('rejects for a part that is not there, in the part alone', async () => {
    const { executor } = await start();
    const whole = pair();
    const missing = whole.at('a').at(5);
    executor.done(executor.take(), { a: [42], b: 'x' });
    expect(await errorOf(missing)).toMatchObject({
      name: 'TypeError',
      message: expect.stringMatching(/at\(5\): the result of future\.pair has no such part/),
    });
    expect(await whole).toEqual({ a: [42], b: 'x' });
  });

  it('of a task that fails rejects with the error of the task', async () => {
    const { executor } = await start();
    const part = pair().at('b');
    executor.failed(executor.take(), new RangeError('no'));
    expect(await errorOf(part)).toBeInstanceOf(RangeError);
  });

  it('that is cancelled cancels its task', async () => {
    await start();
    const whole = pair();
    whole.at('b').cancel('enough');
    expect(await errorOf(whole)).toMatchObject({ name: 'CancelledError', reason: 'enough' });
  });
});

describe('outputs', () => {
  it('are futures of the files, in order, done with the task', async () => {
    const { executor } = await start();
    const files = [new File('a.txt'), new File('b.txt')] as const;
    const future = echo.with({ outputs: files })(1);
    expectTypeOf(future.outputs[0]).toEqualTypeOf<DataFuture>();
    expect(executor.take().outputs).toEqual(files.map(({ path }) => path));
    const user = echo(future.outputs[1]);
    executor.done(executor.take(), 'ignored');
    expect(await future.outputs[0]).toBe(files[0]);
    expect(executor.take().args).toEqual({ values: [files[1]] });
    executor.done(executor.take());
    await user;
  });

  it('of a cancelled task reject with its cancellation', async () => {
    await start();
    const future = echo.with({ outputs: [new File('a.txt')] })(1);
    future.cancel();
    expect(await errorOf(future.outputs[0])).toBeInstanceOf(CancelledError);
    await errorOf(future);
  });
});
