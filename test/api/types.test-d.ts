/** What the types of calls promise; `types-errors.test.ts` has what the compiler says when they are broken. */
import { describe, expectTypeOf, it } from 'vitest';

import type { Troupe } from '../../src/index.ts';
import {
  type Arg,
  type DataFuture,
  File,
  type Future,
  join,
  type Resolved,
  sh,
  shell,
  type ShellResult,
  type Task,
  task,
} from '../../src/index.ts';

const one = task(import.meta, 'one', (x: number) => x);
const text = task(import.meta, 'text', async (x: number, digits = 2) => x.toFixed(digits));
const record = task(import.meta, 'record', (options: { readonly seed: number; readonly tags?: readonly string[] }) => options.seed);
const sum = task(import.meta, 'sum', (xs: readonly number[]) => xs.length);
const pair = task(import.meta, 'pair', (p: readonly [number, string]) => p);
const lookup = task(import.meta, 'lookup', (m: ReadonlyMap<string, number>, s: ReadonlySet<string>) => m.size + s.size);
const rest = task(import.meta, 'rest', (first: string, ...others: readonly number[]) => first + others.length);
const opaque = task(import.meta, 'opaque', (d: Date, f: File, b: Uint8Array) => [d, f, b].length);
const nothing = task(import.meta, 'nothing', () => {});
declare const number: Future<number>;
declare const string: Future<string>;

describe('definitions', () => {
  it('keep parameters, defaults, rest and labels', () => {
    expectTypeOf(one).toEqualTypeOf<Task<[x: number], number>>();
    expectTypeOf(text).toEqualTypeOf<Task<[x: number, digits?: number | undefined], string>>();
    expectTypeOf(rest).toEqualTypeOf<Task<[first: string, ...others: number[]], string>>();
    expectTypeOf(nothing).toEqualTypeOf<Task<[], void>>();
  });

  it('unwrap what the function resolves to', () => {
    expectTypeOf(text(1)).toEqualTypeOf<Future<string>>();
    expectTypeOf(nothing()).toEqualTypeOf<Future<void>>();
  });

  it('refuse, at the call, what cannot be a task', () => {
    const takesPromise = task(import.meta, 'takesPromise', (p: Promise<number>) => p);
    expectTypeOf(takesPromise).toEqualTypeOf<
      Task<[error: 'a task receives values, never promises: declare what the promise gives'], number>
    >();
    const generates = task(import.meta, 'generates', function* () {
      yield 1;
    });
    expectTypeOf(generates).parameters.toEqualTypeOf<[Arg<'a task returns one value, not a generator'>]>();
    const noLine = shell(import.meta, 'noLine', () => 42);
    expectTypeOf(noLine).parameters.toEqualTypeOf<[Arg<'a shell task returns a string, sh`…`, or an array of words'>]>();
    // @ts-expect-error a class is not a function to call
    task(import.meta, 'klass', class {});
    // @ts-expect-error an unannotated parameter has no type
    task(import.meta, 'implicit', (x) => x);
  });
});

describe('calls', () => {
  it('accept a future, or a promise, wherever its value is', () => {
    one(number);
    one(Promise.resolve(1));
    record({ seed: number, tags: ['a', string] });
    sum([1, number, Promise.resolve(3)]);
    sum(sumOf());
    pair([number, string]);
    lookup(new Map([['a', number]]), new Set([string]));
    rest(string, 1, number);
    opaque(new Date(), new File('x'), new Uint8Array());
  });

  it('refuse a future of something else, and what is no parameter', () => {
    // @ts-expect-error a string is not a number
    one(string);
    // @ts-expect-error deep in plain data as well
    sum([1, string]);
    // @ts-expect-error at the leaf
    record({ seed: string });
    // @ts-expect-error excess properties stay errors, also those that a Future has
    record({ seed: 1, name: 'x' });
    // @ts-expect-error a missing argument
    one();
    // @ts-expect-error one too many
    one(1, 2);
    // @ts-expect-error class instances are passed as they are
    opaque(new Date(), { path: 'x' }, new Uint8Array());
  });

  it('give a future that is a promise', () => {
    expectTypeOf(one(1)).toExtend<Promise<number>>();
    expectTypeOf(record({ seed: 1 }).at('toFixed')).toExtend<Future<unknown>>();
    expectTypeOf(pair([1, 'a']).at(1)).toEqualTypeOf<Future<string>>();
    // @ts-expect-error futures are covariant, not bivariant
    const wrong: Future<string> = one(1);
    void wrong;
  });
});

describe('joins', () => {
  it('resolve futures in what they return', () => {
    const sweep = join(import.meta, 'sweep', (n: number) => Array.from({ length: n }, (_, i) => text(i)));
    expectTypeOf(sweep(number)).toEqualTypeOf<Future<string[]>>();
    const named = join(import.meta, 'named', async () => ({ a: one(1), list: [text(1)], plain: 3 }));
    expectTypeOf(named()).toEqualTypeOf<Future<{ a: number; list: string[]; plain: number }>>();
    expectTypeOf<Resolved<Map<string, Future<number>>>>().toEqualTypeOf<Map<string, number>>();
    expectTypeOf<Resolved<readonly [Future<number>, Date]>>().toEqualTypeOf<[number, Date]>();
  });

  it('may recurse when their return type is written down', () => {
    const down = join(import.meta, 'down', (n: number): number | Future<number> => (n === 0 ? 0 : down(n - 1)));
    expectTypeOf(down(3)).toEqualTypeOf<Future<number>>();
  });

  it('take no executor and no outputs', () => {
    // @ts-expect-error a join runs in the driver
    join(import.meta, 'placed', () => 1, { executors: ['a'] });
  });
});

describe('shell tasks', () => {
  const lines = shell(import.meta, 'lines', (f: File) => sh`wc -l < ${f}`, { parse: (r) => Number(r.stdout) });
  const raw = shell(import.meta, 'raw', (n: number) => ['seq', n]);

  it('give a ShellResult, or what parse makes of it', () => {
    expectTypeOf(lines(new File('x'))).toEqualTypeOf<Future<number>>();
    expectTypeOf(raw(3)).toEqualTypeOf<Future<ShellResult>>();
  });

  it('take streams, which functions do not', () => {
    raw.with({ stdout: 'out.txt', stderr: { auto: true } });
    // @ts-expect-error a function task has no streams
    one.with({ stdout: 'out.txt' });
  });

  it('refuse in sh what cannot be quoted', () => {
    // @ts-expect-error a Future has no text yet
    sh`echo ${number}`;
    // @ts-expect-error an object has none
    sh`echo ${{ a: 1 }}`;
    expectTypeOf(sh`echo ${['a', 1, new File('x')]} ${sh`ls`}`.script).toEqualTypeOf<string>();
  });
});

describe('with', () => {
  it('keeps the type, and counts outputs', () => {
    expectTypeOf(one.with({ priority: 1 })).toEqualTypeOf(one);
    const made = one.with({ outputs: [new File('a'), new File('b')] })(1);
    expectTypeOf(made.outputs[1]).toEqualTypeOf<DataFuture>();
    expectTypeOf(made).toExtend<Future<number>>();
  });
});

describe('a troupe', () => {
  it('types run, map and stream by the task', () => {
    const use = async (troupe: Troupe): Promise<void> => {
      expectTypeOf(troupe.run(text, 1)).toEqualTypeOf<Future<string>>();
      expectTypeOf(troupe.map(one, [1, number])).toEqualTypeOf<Future<number>[]>();
      for await (const value of troupe.stream(text, [1, 2])) expectTypeOf(value).toEqualTypeOf<string>();
      for await (const { future, ...result } of troupe.completed([one(1)])) {
        expectTypeOf(future).toEqualTypeOf<Future<number>>();
        if (result.status === 'fulfilled') expectTypeOf(result.value).toEqualTypeOf<number>();
      }
      // @ts-expect-error wrong arguments
      troupe.run(text, 'a');
    };
    void use;
  });
});

function sumOf(): Future<number[]> {
  return join(import.meta, 'sumOf', () => [one(1)])();
}
