/** How workers find task functions: in threads, which are what they are in a real program. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { define } from '../../src/actors/definitions.ts';
import { inWorker, markWorker, taskFinder } from '../../src/actors/loader.ts';
import { threads } from '../../src/api/executors.ts';
import { TaskNotFoundError } from '../../src/machines/model/errors.ts';
import { bench, type Bench } from '../support/executor-bench.ts';

const fixture = (path: string): { readonly moduleUrl: string } => ({ moduleUrl: new URL(`../fixtures/${path}`, import.meta.url).href });

describe('in a thread', () => {
  let opened: Bench;
  beforeAll(() => {
    opened = bench(threads({ workers: 1 }));
  });
  afterAll(() => opened.close());

  describe('a script that defines and starts in one file', () => {
    it('is read as far as Troupe.start(), which never settles there', async () => {
      const { submit, result } = opened;
      expect(await result(submit('triple', [5], fixture('scripts/start.mjs')))).toBe(15);
    });

    it('may start within a function that nobody awaits', async () => {
      const { submit, result } = opened;
      expect(await result(submit('double', [5], fixture('scripts/start-in-main.mjs')))).toBe(10);
    });

    it('has no task functions below the start, and the error says so and lists what there is', async () => {
      const { submit, result } = opened;
      const error: unknown = await result(submit('below', [], fixture('scripts/start.mjs'))).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(TaskNotFoundError);
      expect((error as TaskNotFoundError).known).toContain('troupe/test/fixtures/scripts/start.mjs#triple');
      expect((error as TaskNotFoundError).message).toMatch(/defined above Troupe\.start\(\)/);
    });
  });

  describe('a TypeScript module', () => {
    it('is bundled where no loader is visible, as under vitest', async () => {
      const { submit, result } = opened;
      expect(await result(submit('norm', [{ x: 3, y: 4 }], fixture('typed/first.ts')))).toBe(5);
    });

    it('keeps its import.meta', async () => {
      const { submit, result } = opened;
      expect(await result(submit('where', [], fixture('typed/first.ts')))).toEqual([
        'first.ts',
        'typed',
        fixture('typed/second.ts').moduleUrl,
      ]);
    });

    it('shares a module that two import, and the task functions of that one', async () => {
      const { submit, result } = opened;
      expect(await result(submit('loadsOfShared', [], fixture('typed/first.ts')))).toBe(1);
      expect(await result(submit('loadsSeenBySecond', [], fixture('typed/second.ts')))).toBe(1);
      expect(await result(submit('shared', [], fixture('typed/shared.ts')))).toBe(42);
    });

    it('imports the troupe that the project has, and current() says what the worker knows', async () => {
      const { submit, result } = opened;
      expect(await result(submit('who', [], { ...fixture('typed/first.ts'), taskId: 't-who' }))).toBe('t-who');
    });

    it('may carry a copy of troupe of its own', async () => {
      const { submit, result } = opened;
      expect(await result(submit('attempt', [], { ...fixture('typed/relative.ts'), tryIndex: 7 }))).toBe(7);
    });

    it('has stacks that name its lines', async () => {
      const { submit, result } = opened;
      const error: unknown = await result(submit('fails', [], fixture('typed/first.ts'))).catch((thrown: unknown) => thrown);
      const source = readFileSync(new URL('../fixtures/typed/first.ts', import.meta.url), 'utf8').split('\n');
      const line = source.findIndex((text) => text.includes('see the line')) + 1;
      expect((error as Error).stack).toContain(`typed/first.ts:${line}:`);
    });
  });
});

describe('inWorker', () => {
  const key = Symbol.for('troupe.worker');
  afterEach(() => {
    Reflect.deleteProperty(globalThis, key);
  });

  it('is undefined in a driver', () => {
    expect(inWorker()).toBeUndefined();
  });

  it('gives a promise that never settles, and tells whoever imports', async () => {
    markWorker();
    const never = inWorker()?.neverStart();
    const first = await Promise.race([never, new Promise((resolve) => setImmediate(resolve, 'a turn later'))]);
    expect(first).toBe('a turn later');
  });

  it('does not wait for ever for a module that waits for a start that never settles', async () => {
    markWorker();
    void inWorker()?.neverStart(); // an import before this one has started a troupe
    const find = taskFinder({ stalledMs: 1 });
    const wanted = { taskId: 't1', tryIndex: 0, name: 'gone', identity: 'x#gone', ...fixture('scripts/stalls.mjs') };
    await expect(find(wanted)).rejects.toThrow(/defined above Troupe\.start\(\)/);
  });
});

describe('taskFinder', () => {
  it('gives what is defined at once, without an import', () => {
    const definition = define({ kind: 'function', name: 'here', moduleUrl: import.meta.url, fn: () => 1 });
    const found = taskFinder()({
      taskId: 't1',
      tryIndex: 0,
      name: 'here',
      identity: definition.identity,
      moduleUrl: 'file:///not/there.mjs',
    });
    expect(found).toBe(definition);
  });
});
