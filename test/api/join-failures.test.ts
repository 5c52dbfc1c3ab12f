/** How joins fail: by what they join, by their bodies, by waiting for themselves. */
import { describe, expect, it } from 'vitest';

import { inline } from '../../src/api/executors.ts';
import { CancelledError, ConfigError, DependencyError, join, JoinError, SerializationError, task, type Future } from '../../src/index.ts';
import { errorOf, rest, troupes } from '../support/troupes.ts';

const open = troupes();
const echo = task(import.meta, 'joinFails.echo', (value: unknown) => value);
const fail = task(import.meta, 'joinFails.fail', (message: string): number => {
  throw new RangeError(message);
});

/** What the body of `run` does; each test says. */
let body: (...args: readonly unknown[]) => unknown = () => undefined;
const run = join(import.meta, 'joinFails.run', (...args: readonly unknown[]): unknown => body(...args));
const runWith = (fn: typeof body, ...args: readonly unknown[]): Future<unknown> => {
  body = fn;
  return run(...args);
};

describe('what fails in a join', () => {
  it('is, of its tasks, a JoinError with every one that failed, in order, and the root with the way to it', async () => {
    const { executor } = await open();
    const inner: Future<unknown>[] = [];
    const future = runWith(() => {
      const root = echo('root');
      inner.push(root, echo([root]), echo('good'), echo('bad'));
      return { late: inner[1], list: [inner[2], inner[3]] };
    });
    await rest();
    const [root, good, bad] = executor.held;
    if (root === undefined || good === undefined || bad === undefined) throw new Error('not submitted');
    const errors = [new RangeError('the root'), new Error('bad')];
    executor.failed(bad, errors[1]);
    expect(future.state).toBe('joining'); // siblings go on
    executor.done(good, 'value');
    executor.failed(root, errors[0]);
    const error = (await errorOf(future)) as JoinError;
    expect(error).toBeInstanceOf(JoinError);
    expect(error.causes).toEqual([
      { source: inner[1]?.id, name: 'joinFails.echo', error: expect.any(DependencyError) as unknown },
      { source: inner[3]?.id, name: 'joinFails.echo', error: errors[1] },
    ]);
    expect(error.cause).toBe(errors[0]);
    expect(error.path).toEqual([`joinFails.echo (${inner[1]?.id})`, `joinFails.echo (${inner[0]?.id})`]);
    expect(error.message).toMatch(/and 1 other/);
    expect(future.state).toBe('failed');
    expect(future.failure).toMatchObject({ kind: 'dependency' });
    expect(future.why().because).toContain('RangeError: the root');
  });

  it('reaches through joins of joins to the root', async () => {
    await open({ executors: [inline()] });
    const deepest = fail('deep');
    const future = runWith(() => [nested()]);
    const error = (await errorOf(future)) as JoinError;
    expect(error).toBeInstanceOf(JoinError);
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(error.path).toHaveLength(2);
    await errorOf(deepest);
  });
  const nested = join(import.meta, 'joinFails.nested', () => [fail('deep inside')]);

  it('is, of a task that was cancelled alone, a JoinError too', async () => {
    const { executor } = await open();
    let child: Future<unknown> | undefined;
    const future = runWith(() => [(child = echo(1)), echo(2)]);
    await rest();
    child?.cancel('this one');
    executor.done(executor.take(), 'value');
    const error = (await errorOf(future)) as JoinError;
    expect(error).toBeInstanceOf(JoinError);
    expect(error.cause).toBeInstanceOf(CancelledError);
  });

  it('is, of its body, the error itself, and the tasks it has made go on', async () => {
    const { executor } = await open();
    const thrown = new Error('thrown');
    let child: Future<unknown> | undefined;
    const future = runWith(() => {
      child = echo(1);
      throw thrown;
    });
    expect(await errorOf(future)).toBe(thrown);
    expect(future.failure).toMatchObject({ kind: 'app', tries: 1 });
    executor.done(executor.take(), 'value');
    expect(await child).toBe('value');
  });

  it('is an endless wait for itself when it returns what depends on it, and is said at once', async () => {
    const { troupe, executor } = await open();
    let self: Future<unknown> | undefined;
    const around = echo('around');
    const future = runWith(() => [around, echo([self])]);
    self = future;
    await rest();
    const error = (await errorOf(future)) as JoinError;
    expect(error).toBeInstanceOf(JoinError);
    expect(error.cause).toBeInstanceOf(ConfigError);
    expect((error.cause as Error).message).toMatch(/waits for/);
    const itself = runWith(() => self);
    self = itself;
    expect(((await errorOf(itself)) as JoinError).cause).toBeInstanceOf(ConfigError);
    executor.done(executor.take(), 'value');
    expect(troupe.snapshot().tasks).toMatchObject({ live: 0, failed: 2, depFailed: 1, done: 1 });
  });

  it('is nothing when a task that depends on it is only made, not returned', async () => {
    const { executor } = await open();
    let self: Future<unknown> | undefined;
    let after: Future<unknown> | undefined;
    const future = runWith(() => {
      after = echo([self]);
      return echo('value');
    });
    self = future;
    await rest();
    executor.done(executor.take(), 'value');
    expect(await future).toBe('value');
    expect(executor.take().args).toEqual({ values: [['value']] });
    expect(after?.state).toBe('queued');
  });

  it('is a value that is no plain data, with its place', async () => {
    await open();
    class Box {
      readonly content = 1;
    }
    const error = await errorOf(runWith(() => ({ a: [new Box()] })));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error).toMatchObject({ side: 'result', path: 'result.a[0]' });
    const argument = await errorOf(runWith(() => 1, { f: () => 1 }));
    expect(argument).toBeInstanceOf(SerializationError);
    expect(argument).toMatchObject({ side: 'arguments' });
  });

  it('is data with futures that contains itself', async () => {
    const { executor } = await open();
    const error = await errorOf(
      runWith(() => {
        const circle: unknown[] = [echo(1)];
        circle.push(circle);
        return circle;
      }),
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(/^result\[1\] contains itself/);
    executor.done(executor.take());
  });
});
