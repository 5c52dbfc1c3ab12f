/** Cancelling: a task wherever it is, what depends on it, what a join has made and makes still, by hand and by signal. */
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';

import { inline } from '../../src/api/executors.ts';
import { retry } from '../../src/api/policies.ts';
import { CancelledError, current, join, task, TimeLimitError, type Future, type TaskState } from '../../src/index.ts';
import { manualExecutor } from '../support/manual-executor.ts';
import { errorOf, rest, troupes } from '../support/troupes.ts';

const open = troupes();
const echo = task(import.meta, 'cancel.echo', (value: unknown) => value);
const listens = task(import.meta, 'cancel.listens', async () => {
  const { signal } = current();
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  throw new Error('stopped', { cause: signal.reason });
});

let gate: () => void = () => {};
const opened = (): Promise<void> => new Promise((resolve) => (gate = resolve));
/** Makes a child, waits, makes another, and returns both. */
const slow = join(import.meta, 'cancel.slow', async () => {
  const first = echo('before');
  await opened();
  const second = echo('after');
  made.push(second);
  return [first, second];
});
const made: Future<unknown>[] = [];
const fan = join(import.meta, 'cancel.fan', (n: number) => Array.from({ length: n }, (_, i) => echo(i)));
const nest = join(import.meta, 'cancel.nest', (n: number) => [fan(n), fan(n)]);
const restless = join(import.meta, 'cancel.restless', () => {
  made.push(echo('left behind'));
  throw new Error('the body failed');
});

const reasonOf = async (future: Future<unknown>): Promise<unknown> => {
  const error = await errorOf(future);
  expect(error).toBeInstanceOf(CancelledError);
  return (error as CancelledError).reason;
};

describe('cancel', () => {
  it('of a task that waits or is queued settles it at once', async () => {
    const { executor } = await open();
    const queued = echo(1);
    const pending = echo([queued, new Promise(() => {})]);
    pending.cancel('not needed');
    expect(pending.state).toBe('cancelled');
    expect(await reasonOf(pending)).toBe('not needed');
    queued.cancel();
    expect(queued.state).toBe('cancelled');
    expect(await reasonOf(queued)).toBeUndefined();
    expect(executor.stopping).toEqual([{ taskId: queued.id, tryIndex: 0 }]);
    executor.expectNothingElse();
  });

  it('of a running task waits until its executor confirms that it has stopped', async () => {
    const executor = manualExecutor();
    const { troupe } = await open({ executors: [executor] });
    const future = echo(1);
    const attempt = executor.take();
    executor.started(attempt);
    future.cancel('stop');
    expect(future.state).toBe('stopping');
    expect(future.why()).toEqual({ state: 'stopping', for: [`the end of try 0 on manual, worker 1 of here`], because: 'it was cancelled' });
    expect(executor.stopping).toEqual([{ taskId: future.id, tryIndex: 0 }]);
    executor.stopped(attempt);
    expect(future.state).toBe('cancelled');
    expect(await reasonOf(future)).toBe('stop');
    expect(future.failure).toMatchObject({ kind: 'cancelled' });
    expect(troupe.snapshot().timers).toBe(0);
  });

  it('of a running task ends with its grace when the executor says nothing', async () => {
    const executor = manualExecutor();
    const { clock } = await open({ executors: [executor], stopGraceMs: 500 });
    const future = echo(1);
    executor.started(executor.take());
    future.cancel();
    clock.increment(1499);
    expect(future.state).toBe('stopping');
    clock.increment(1);
    expect(future.state).toBe('cancelled');
  });

  it('drops and records a result that comes while the task is stopping', async () => {
    const executor = manualExecutor();
    const { troupe } = await open({ executors: [executor] });
    const late: string[] = [];
    troupe.on('try.late', ({ report }) => late.push(report));
    const future = echo(1);
    const attempt = executor.take();
    executor.started(attempt);
    future.cancel();
    executor.done(attempt, 'too late');
    expect(future.state).toBe('cancelled');
    expect(late).toEqual(['try.done']);
    executor.done(attempt, 'much too late');
    expect(late).toEqual(['try.done', 'try.done']);
    expect(await reasonOf(future)).toBeUndefined();
  });

  it('of a task that waits to be tried again settles it at once', async () => {
    const { troupe, executor } = await open({ policies: { retry: retry.exponential({ initialMs: 1000 }) } });
    const future = echo(1);
    executor.failed(executor.take());
    expect(future.state).toBe('retrying');
    future.cancel();
    expect(future.state).toBe('cancelled');
    expect(troupe.snapshot().timers).toBe(0);
  });

  it('wins over a time limit that is being enforced', async () => {
    const executor = manualExecutor();
    const { clock } = await open({ executors: [executor] });
    const future = echo.with({ timeLimitMs: 10, retries: 5 })(1);
    const attempt = executor.take();
    executor.started(attempt);
    clock.increment(10);
    expect(future.why().because).toBe('its time limit has passed');
    future.cancel('enough');
    executor.stopped(attempt);
    expect(await reasonOf(future)).toBe('enough');
  });

  it('keeps the first reason, and is harmless once the task has settled', async () => {
    const executor = manualExecutor();
    await open({ executors: [executor] });
    const future = echo(1);
    const attempt = executor.take();
    executor.started(attempt);
    future.cancel('first');
    future.cancel('second');
    executor.stopped(attempt);
    future.cancel('third');
    expect(await reasonOf(future)).toBe('first');
    expect((await errorOf(future)).message).toBe(`cancel.echo (${future.id}) was cancelled: first`);
  });

  it('takes any reason, also one that cannot be printed', async () => {
    await open();
    for (const reason of [Object.create(null), Symbol('s'), null, 0, new Error('why')] as const) {
      const future = echo(1);
      future.cancel(reason);
      expect(await reasonOf(future)).toBe(reason);
    }
  });

  it('reaches a task function on a real executor as its signal, with the reason', async () => {
    const { troupe } = await open({ executors: [inline()] });
    const reason = new Error('from outside');
    const future = listens();
    await rest();
    await rest();
    expect(future.state).toBe('running');
    future.cancel(reason);
    expect(await reasonOf(future)).toBe(reason);
    expect(await troupe.close()).toMatchObject({ cancelled: 1 });
  });

  it('names the task whose cancellation reached a dependent', async () => {
    await open();
    const first = echo(1);
    const second = echo(first);
    const third = echo(second);
    first.cancel('the cause');
    expect((await errorOf(third)).message).toBe(`cancel.echo (${third.id}) was cancelled with ${second.id}: the cause`);
    expect(await reasonOf(second)).toBe('the cause');
  });
});

describe('cancel of a join', () => {
  const statesOf = (futures: readonly Future<unknown>[]): readonly TaskState[] => futures.map(({ state }) => state);

  it('that joins settles it at once and reaches its children, and theirs', async () => {
    const { troupe, executor } = await open();
    const other = echo('other');
    const future = nest(3);
    await rest();
    expect(future.state).toBe('joining');
    expect(executor.held).toHaveLength(7);
    future.cancel('all of it');
    expect(future.state).toBe('cancelled');
    expect(await reasonOf(future)).toBe('all of it');
    expect(executor.held.map(({ taskId }) => taskId)).toEqual([other.id]);
    expect(troupe.snapshot().tasks).toMatchObject({ live: 1, cancelled: 9 });
  });

  it('whose body still runs reaches the children it has made, and those that it makes later', async () => {
    const { troupe, executor } = await open();
    const future = slow();
    await rest();
    expect(future.state).toBe('running');
    expect(executor.held).toHaveLength(1);
    future.cancel('enough');
    expect(future.state).toBe('stopping');
    executor.expectNothingElse();
    gate();
    await rest();
    const [child] = made.splice(0);
    expect(child && (await reasonOf(child))).toBe('enough');
    expect(future.state).toBe('cancelled');
    expect(troupe.snapshot()).toMatchObject({ tasks: { live: 0, cancelled: 3 }, timers: 0 });
    expect(executor.seen).toHaveLength(1); // the second was never submitted
  });

  it('whose body outlives its grace cancels what the body makes when the join is long settled', async () => {
    const { troupe, clock, executor } = await open();
    const future = slow();
    await rest();
    future.cancel('enough');
    clock.increment(3000);
    expect(await reasonOf(future)).toBe('enough');
    gate();
    await rest();
    const [child] = made.splice(0);
    expect(child && (await reasonOf(child))).toBe('enough');
    expect(executor.seen).toHaveLength(1);
    expect(troupe.snapshot().tasks.live).toBe(0);
  });

  it('that has failed and waits to be tried again reaches what its body has left behind', async () => {
    const { executor } = await open({ policies: { retry: retry.exponential({ initialMs: 1000 }) } });
    const future = restless();
    await rest();
    expect(future.state).toBe('retrying');
    const [child] = made.splice(0);
    expect(child?.state).toBe('queued');
    future.cancel('enough');
    expect(statesOf([future, child as Future<unknown>])).toEqual(['cancelled', 'cancelled']);
    executor.expectNothingElse();
  });

  it('before its body has run means that it never runs', async () => {
    const { troupe } = await open();
    const future = fan(1);
    future.cancel();
    expect(future.state).toBe('cancelled');
    await rest();
    expect(troupe.snapshot().tasks).toMatchObject({ live: 0, cancelled: 1 });
  });

  it('over its time limit stops its children, which are told why', async () => {
    const { clock, executor } = await open();
    const joining = fan.with({ timeLimitMs: 100 })(1);
    const running = slow.with({ timeLimitMs: 100 })();
    await rest();
    const children = executor.held.map(({ taskId }) => taskId);
    expect(children).toHaveLength(2);
    clock.increment(100);
    expect(executor.stopping.map(({ taskId }) => taskId)).toEqual(children);
    gate();
    for (const future of [joining, running]) {
      const error = await errorOf(future);
      expect(error).toBeInstanceOf(TimeLimitError);
      expect(error).toMatchObject({ limitMs: 100, taskId: future.id });
    }
    const [late] = made.splice(0);
    expect(late && (await reasonOf(late))).toBeInstanceOf(TimeLimitError);
  });
});

describe('an AbortSignal', () => {
  it('that has aborted before the call cancels without a try', async () => {
    const { troupe, executor } = await open();
    const reason = new Error('too late');
    const signal = AbortSignal.abort(reason);
    const futures = [echo.with({ signal })(1), echo.with({ signal })(new Promise(() => {})), fan.with({ signal })(3)];
    for (const future of futures) expect(await reasonOf(future)).toBe(reason);
    expect(executor.seen).toEqual([]);
    expect(troupe.snapshot().tasks).toMatchObject({ live: 0, cancelled: 3 });
  });

  it('that aborts cancels every task that has it, wherever it is', async () => {
    const { troupe, executor } = await open();
    const controller = new AbortController();
    const with_ = echo.with({ signal: controller.signal });
    const running = with_(1);
    executor.started(executor.take());
    const futures = [running, with_(2), with_(running), fan.with({ signal: controller.signal })(2)];
    const other = echo('other');
    await rest();
    const reason = new Error('all of you');
    controller.abort(reason);
    for (const future of futures) expect(await reasonOf(future)).toBe(reason);
    expect(other.state).toBe('queued');
    expect(troupe.snapshot().tasks).toMatchObject({ live: 1, cancelled: 6 });
  });

  it('that aborts after the end does nothing, and keeps nothing alive', async () => {
    const { executor } = await open();
    const controller = new AbortController();
    const future = echo.with({ signal: controller.signal })(1);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    executor.done(executor.take(), 'value');
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    controller.abort();
    expect(await future).toBe('value');
    expect(future.state).toBe('done');
  });

  it('may be that of a thousand tasks: it has one listener, and Node has nothing to warn of', async () => {
    const { executor } = await open();
    const warnings: Error[] = [];
    const listener = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listener);
    const controller = new AbortController();
    const futures = Array.from({ length: 1000 }, (_, i) => echo.with({ signal: controller.signal })(i));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    for (const attempt of executor.held.slice(0, 500)) executor.done(attempt);
    controller.abort('the rest');
    await rest();
    expect(futures.filter(({ state }) => state === 'cancelled')).toHaveLength(500);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    process.off('warning', listener);
    expect(warnings).toEqual([]);
  });
});
