/** What a call waits for: futures anywhere in plain data, promises of others, and what their failures do. */
import { describe, expect, it } from 'vitest';

import { type CancelledError, ConfigError, DependencyError, type Future, join, SerializationError, task } from '../../src/index.ts';
import { inline } from '../../src/api/executors.ts';
import { dependency } from '../../src/api/policies.ts';
import { answer, errorOf, rest, troupes } from '../support/troupes.ts';

const open = troupes();
const add = task(import.meta, 'add', (a: number, b: number) => a + b);
const give = task(import.meta, 'give', (value: unknown) => value);
const echo = task(import.meta, 'echo', (data: unknown) => data);

describe('arguments', () => {
  it('of a diamond have the values of its corners', async () => {
    await open({ executors: [inline()] });
    const top = add(1, 1);
    const left = add(top, 10);
    const right = add(top, 100);
    expect(await add(left, right)).toBe(114);
  });

  it('may have futures at any depth of arrays, objects, Maps and Sets', async () => {
    const { executor } = await open();
    const [one, two, three, four] = [give(1), give(2), give(3), give(4)];
    const future = echo({
      list: [0, [one, { two }]],
      map: new Map([['three', { deep: [three] }]]),
      set: new Set([four, 5]),
      none: [null, undefined, 'x'],
    });
    expect(future.state).toBe('pending');
    for (const attempt of executor.held) executor.done(attempt, 'values' in attempt.args ? attempt.args.values[0] : undefined);
    expect(executor.take().args).toEqual({
      values: [
        { list: [0, [1, { two: 2 }]], map: new Map([['three', { deep: [3] }]]), set: new Set([4, 5]), none: [null, undefined, 'x'] },
      ],
    });
  });

  it('may have one future many times, and futures that have settled', async () => {
    const { executor } = await open();
    const settled = give('old');
    executor.done(executor.take(), 'old');
    const twice = give('new');
    const future = echo([twice, [twice, settled], settled]);
    expect(future.why().for).toEqual([`give (${twice.id}), queued`]);
    executor.done(executor.take(), 'new');
    expect(executor.take().args).toEqual({ values: [['new', ['new', 'old'], 'old']] });
  });

  it('may be promises and thenables of others, settled or not', async () => {
    const { executor } = await open();
    let resolve = (_: string): void => {};
    const later = new Promise<string>((keep) => (resolve = keep));
    const future = echo([Promise.resolve('now'), later, { then: (keep: (value: string) => void) => keep('thenable') }, give(1)]);
    await rest();
    executor.done(executor.take(), 'own');
    await rest();
    expect(future.why().for).toEqual([expect.stringContaining('a promise')]);
    resolve('later');
    await rest();
    expect(executor.take().args).toEqual({ values: [['now', 'later', 'thenable', 'own']] });
  });

  it('may be futures of another troupe', async () => {
    const { troupe, executor } = await open();
    const { troupe: other, executor: elsewhere } = await open();
    const [good, bad] = [other.run(give, 1), other.run(give, 2)];
    const [first, second] = [troupe.run(echo, [good]), troupe.run(echo, [bad])];
    const [one, two] = elsewhere.held;
    if (one === undefined || two === undefined) throw new Error('not submitted');
    elsewhere.done(one, 'from afar');
    elsewhere.failed(two, new Error('far away'));
    expect(executor.take().args).toEqual({ values: [['from afar']] });
    expect(first.state).toBe('queued');
    expect(((await errorOf(second)) as DependencyError).causes).toMatchObject([
      { source: bad.id, name: 'give', error: { message: 'far away' } },
    ]);
  });

  it('are as they were at the call, whatever is done to the data later', async () => {
    const { executor } = await open();
    const list: unknown[] = [give(1), { x: 1 }];
    echo(list);
    (list[1] as { x: number }).x = 2;
    list.push(give(2), list);
    for (const attempt of executor.held) executor.done(attempt, 'value');
    expect(executor.take().args).toEqual({ values: [['value', { x: 1 }]] });
  });

  it('keep what they share, and cost as much as they are large', async () => {
    const { executor } = await open();
    let data: unknown = [give(1)];
    for (let depth = 0; depth < 60; depth++) data = [data, data];
    echo(data);
    executor.done(executor.take(), 'value');
    let seen = 'values' in executor.take().args ? (executor.take().args as { readonly values: readonly unknown[] }).values[0] : undefined;
    for (let depth = 0; depth < 60; depth++) {
      const [left, right] = seen as readonly unknown[];
      expect(left).toBe(right);
      seen = left;
    }
    expect(seen).toEqual(['value']);
  });

  it('with futures that contain themselves are an error at the call, which names the place', async () => {
    const { troupe } = await open();
    const future = give(1);
    const circle: { future: unknown; deep: { self?: unknown } } = { future, deep: {} };
    circle.deep.self = circle;
    expect(() => echo(circle)).toThrow(ConfigError);
    expect(() => echo(circle)).toThrow(/^args\[0\]\.deep\.self contains itself/);
    expect(() => add(1, [circle] as never)).toThrow(/^args\[1\]\[0\]\.deep\.self contains itself/);
    expect(() => echo.with({ inputs: [circle as never] })(1)).toThrow(/^inputs\[0\]\.deep\.self contains itself/);
    expect(troupe.snapshot().tasks.live).toBe(1);
  });

  it('nested deeper than anybody writes are an error, not a stack overflow', async () => {
    await open();
    let deep: unknown = give(1);
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(() => echo(deep)).toThrow(/deeper than 500 levels/);
  });

  it('with a Future in a class instance are an error, not an empty object', async () => {
    class Box {
      content = give(1);
    }
    await open({ executors: [inline()] });
    const error = await errorOf(echo([new Box()]));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error).toMatchObject({ side: 'arguments', path: expect.stringContaining('[0]') as string });
    expect(error.message).toMatch(/Box/);
  });

  it('in `inputs` are waited for and not passed', async () => {
    const { executor } = await open();
    const [first, second] = [give(1), give(2)];
    const future = echo.with({ inputs: [first as never, second as never] })('argument');
    const [one, two] = executor.held;
    if (one === undefined || two === undefined) throw new Error('not submitted');
    executor.done(one);
    expect(future.state).toBe('pending');
    executor.done(two);
    expect(executor.take().args).toEqual({ values: ['argument'] });
  });
});

describe('a dependency that fails', () => {
  it('fails its dependents with every failed input, in the order of the arguments', async () => {
    const { executor } = await open();
    const [a, b, c] = [give('a'), give('b'), give('c')];
    const broken = Promise.reject(new TypeError('foreign'));
    const future = echo([{ b }, a, broken, [c, b]]);
    const errors = new Map(['a', 'b', 'c'].map((name) => [name, new Error(name)]));
    // in another order than that of the arguments
    for (const attempt of executor.held.toReversed()) {
      const name = 'values' in attempt.args ? String(attempt.args.values[0]) : '';
      if (name === 'c') executor.done(attempt);
      else executor.failed(attempt, errors.get(name));
    }
    const error = (await errorOf(future)) as DependencyError;
    expect(error).toBeInstanceOf(DependencyError);
    expect(error.causes).toEqual([
      { source: b.id, name: 'give', error: errors.get('b') },
      { source: a.id, name: 'give', error: errors.get('a') },
      { source: 'a promise', name: undefined, error: new TypeError('foreign') },
    ]);
    expect(error.cause).toBe(errors.get('b'));
    expect(error.message).toContain('2 others');
    expect(future.state).toBe('depFailed');
    expect(future.failure).toMatchObject({ kind: 'dependency', tries: 0 });
  });

  it('is named as the root, with the way to it, however far down', async () => {
    const { executor } = await open();
    const root = give(1);
    const child = echo([root]);
    const grandchild = add(child as never, 1);
    const last = echo({ grandchild });
    const cause = new RangeError('on purpose');
    executor.failed(executor.take(), cause);
    const error = (await errorOf(last)) as DependencyError;
    expect(error.cause).toBe(cause);
    expect(error.path).toEqual([`add (${grandchild.id})`, `echo (${child.id})`, `give (${root.id})`]);
    expect(error.message).toContain(
      `echo (${last.id}) was not run, because of add (${grandchild.id}) ← echo (${child.id}) ← give (${root.id})`,
    );
    expect(error.message).toContain('RangeError: on purpose');
    expect(((await errorOf(child)) as DependencyError).causes).toEqual([{ source: root.id, name: 'give', error: cause }]);
    expect(last.why().because).toBe(`RangeError: on purpose, in give (${root.id}) → echo (${child.id}) → add (${grandchild.id})`);
  });

  it('is told in as many words for a long way to it as for a short one', async () => {
    const { executor } = await open();
    let last: Future<unknown> = give(0);
    for (let i = 0; i < 1000; i++) last = echo(last);
    executor.failed(executor.take(), new Error('at the start'));
    const error = (await errorOf(last)) as DependencyError;
    expect(error.message.length).toBeLessThan(1000);
    expect(error.path).toHaveLength(16);
    expect(error.path.at(-1)).toMatch(/^give /);
    expect((error.cause as Error).message).toBe('at the start');
  });

  it('stops nothing that does not depend on it', async () => {
    const { troupe, executor } = await open();
    const all = Array.from({ length: 10 }, (_, i) => give(i));
    const after = all.map((future) => echo([future]));
    for (const [i, attempt] of executor.held.entries()) {
      if (i === 3) executor.failed(attempt);
      else executor.done(attempt, i);
    }
    await answer(executor, () => 'ran');
    expect((await Promise.allSettled(after)).map(({ status }) => status).filter((status) => status === 'rejected')).toHaveLength(1);
    expect(troupe.snapshot().tasks).toEqual({ live: 0, done: 18, failed: 1, depFailed: 1, cancelled: 0 });
  });

  it('may be a promise of somebody else that rejects at once, or much later, and crashes nothing', async () => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', listener);
    await open();
    let reject = (_: Error): void => {};
    const later = new Promise<never>((_, fail) => (reject = fail));
    const futures = [echo([Promise.reject(new Error('at once'))]), echo([later]), echo([later])];
    await rest();
    reject(new Error('later'));
    const errors = await Promise.all(futures.map(errorOf));
    expect(errors.map((error) => ((error as DependencyError).cause as Error).message)).toEqual(['at once', 'later', 'later']);
    expect((errors[0] as DependencyError).path).toEqual(['a promise']);
    await rest();
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });

  it('may have thrown what is no error and cannot even be printed', async () => {
    const { troupe, executor } = await open();
    const bad = give(1);
    const dependents = [echo([bad]), echo({ bad })];
    const other = give(2);
    const [first, second] = executor.held;
    if (first === undefined || second === undefined) throw new Error('not submitted');
    const thrown: unknown = Object.create(null);
    executor.failed(first, thrown);
    expect(await errorOf(bad)).toBe(thrown);
    for (const dependent of dependents) {
      expect(await errorOf(dependent)).toBeInstanceOf(DependencyError);
    }
    expect(bad.why().because).toBe('object');
    executor.done(second, 'well');
    expect(await other).toBe('well');
    expect(troupe.snapshot()).toMatchObject({ tasks: { live: 0 }, timers: 0 });
  });

  it('that was cancelled cancels its dependents, with its reason, whether they were called before or after', async () => {
    const { executor } = await open({ policies: { dependency: dependency.ignore() } });
    const first = give(1);
    const before = echo([first, give(2)]);
    const reason = { why: 'enough' };
    first.cancel(reason);
    const after = echo([first, give(3)]);
    for (const future of [before, after]) {
      expect(future.state).toBe('cancelled');
      expect(((await errorOf(future)) as CancelledError).reason).toBe(reason);
    }
    expect((await errorOf(before)).message).toContain(`cancelled with ${first.id}`);
    expect(executor.held.map(({ name }) => name)).toEqual(['give', 'give']);
  });
});

describe('the dependency policy', () => {
  it('may run a task without what failed, or with something in its place', async () => {
    const cases = [
      [dependency.ignore(), [undefined, 'good', [undefined]]],
      [dependency.substitute(7), [7, 'good', [7]]],
    ] as const;
    for (const [policy, expected] of cases) {
      const { troupe, executor } = await open({ policies: { dependency: policy } });
      const bad = troupe.run(give, 1);
      const good = troupe.run(give, 2);
      const future = troupe.run(echo, [bad, good, [bad]]);
      const [first, second] = executor.held;
      if (first === undefined || second === undefined) throw new Error('not submitted');
      executor.failed(first);
      executor.done(second, 'good');
      const attempt = executor.take();
      expect(attempt.args).toEqual({ values: [expected] });
      executor.done(attempt, 'ran');
      expect(await future).toBe('ran');
      expect(future.failure).toBeUndefined();
    }
  });
});

describe('a join among the dependencies', () => {
  const fan = join(import.meta, 'fan', (n: number) => Array.from({ length: n }, (_, i) => give(i)));

  it('is waited for until what it returned has settled', async () => {
    const { executor } = await open();
    const future = echo(fan(2));
    await rest();
    expect(future.state).toBe('pending');
    await answer(executor, ([value], name) => (name === 'give' ? value : undefined));
    expect(future.state).toBe('done');
    expect(executor.seen.at(-1)?.args).toEqual({ values: [[0, 1]] });
  });
});
