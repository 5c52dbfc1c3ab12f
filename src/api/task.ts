/**
 * Task functions: `task`, `shell` and `join` register a function under an identity that any worker can find again,
 * and return a callable that makes tasks of the troupe it is called in.
 */
import { define, type Definition, type TaskKind } from '../actors/definitions.ts';
import { DefinitionError } from '../machines/model/errors.ts';
import type { Line, ShellResult } from '../machines/model/command.ts';
import type { Args, Params, Resolved, Returned } from './arguments.ts';
import type { File } from './file.ts';
import type { DataFuture, Future } from './future.ts';
import { checkOptions, type AnyOptions, type JoinOptions, type ShellOptions, type TaskOptions } from './options.ts';
import { currentTroupe } from './scope.ts';

/** `import.meta`: says where a task function is defined. */
export interface Module {
  readonly url: string;
}

/** A task function: called, it makes a task and returns the Future of its result. */
export interface Task<A extends readonly unknown[] = readonly never[], R = unknown> {
  (...args: Args<A>): Future<R>;
  readonly name: string;
  /** Package, path within it and name: the same on every machine. */
  readonly id: string;
  /** The function itself: for unit tests without a troupe. Of a shell task it returns the command, of a join the futures. */
  readonly fn: (...args: A) => unknown;
  /** The same task function with options laid over those it has. */
  with<const F extends readonly File[]>(options: TaskOptions & { readonly outputs: F }): TaskMaking<A, R, F>;
  with(options: TaskOptions): this;
}

/** A task function that runs a command. */
export interface ShellTask<A extends readonly unknown[], R> extends Task<A, R> {
  with<const F extends readonly File[]>(options: ShellOptions & { readonly outputs: F }): TaskMaking<A, R, F>;
  with(options: ShellOptions): this;
}

/** A task function whose outputs are known by number. */
export interface TaskMaking<A extends readonly unknown[], R, F extends readonly File[]> {
  (...args: Args<A>): Future<R> & { readonly outputs: { readonly [K in keyof F]: DataFuture } };
}

/** What a task function carries; under a `Symbol.for`, so that any copy of troupe can run it. */
export interface Spec {
  readonly definition: Definition;
  readonly options: AnyOptions;
}
const specKey = Symbol.for('troupe.task');
type Call = (...args: readonly unknown[]) => Future<unknown>;
type Callable = Call & {
  readonly [specKey]: Spec;
  readonly id: string;
  readonly fn: Definition['fn'];
  with(options: AnyOptions): Callable;
};

/** The spec of a task function; `undefined` for anything else. */
export const specOf = (value: unknown): Spec | undefined =>
  typeof value === 'function' && specKey in value ? (value as unknown as Callable)[specKey] : undefined;

/**
 * A function that runs on a worker, by value: it gets copies of its arguments, and returns or resolves with a value.
 *
 * @param module - `import.meta` of the module that defines it, at its top level: workers import that module.
 * @param name - Unique within the module.
 * @throws DefinitionError for a name that is taken; ConfigError for options.
 * @example
 * export const simulate = task(import.meta, 'simulate', async (seed: number) => ({ energy: Math.sin(seed) }));
 */
export function task<F extends CallableFunction>(
  module: Module,
  name: string,
  fn: F,
  options: TaskOptions = {},
): Task<Params<F>, Awaited<Returned<F>>> {
  return defined('function', module, name, fn, options) as unknown as Task<Params<F>, Awaited<Returned<F>>>;
}

/**
 * A function whose body runs in the driver and may call task functions: the task settles with what the futures it
 * returns, or plain data with futures inside, resolve to. Tasks made in the body are its children: cancel reaches them.
 *
 * @example
 * export const sweep = join(import.meta, 'sweep', (n: number) => Array.from({ length: n }, (_, i) => simulate(i)));
 */
export function join<F extends CallableFunction>(
  module: Module,
  name: string,
  fn: F,
  options: JoinOptions = {},
): Task<Params<F>, Resolved<Returned<F>>> {
  return defined('join', module, name, fn, options) as unknown as Task<Params<F>, Resolved<Returned<F>>>;
}

type ShellParams<F> = F extends (...args: never) => Line | PromiseLike<Line>
  ? Params<F>
  : [error: 'a shell task returns a string, sh`…`, or an array of words'];

/**
 * A command that runs on a worker in a process group of its own. The body returns `` sh`…` `` (every value quoted),
 * a string (a bash script exactly as written) or an array of words (no shell).
 *
 * @example
 * export const lines = shell(import.meta, 'lines', (f: File) => sh`wc -l < ${f}`, { parse: (r) => Number(r.stdout) });
 */
export function shell<F extends CallableFunction, R = ShellResult>(
  module: Module,
  name: string,
  command: F,
  options: ShellOptions & { readonly parse?: (result: ShellResult) => R } = {},
): ShellTask<ShellParams<F>, Awaited<R>> {
  const { parse, ...rest } = options;
  return defined('shell', module, name, command, rest, parse) as unknown as ShellTask<ShellParams<F>, Awaited<R>>;
}

function defined(
  kind: TaskKind,
  module: unknown,
  name: unknown,
  fn: unknown,
  options: AnyOptions,
  parse?: (result: never) => unknown,
): Callable {
  const how = `${kind === 'function' ? 'task' : kind}(import.meta, 'name', …)`;
  const url = (module as Partial<Module> | undefined)?.url;
  if (typeof url !== 'string') throw new DefinitionError(`the first argument of ${how} is not import.meta`, { identity: String(name) });
  if (typeof name !== 'string' || name === '')
    throw new DefinitionError(`the second argument of ${how} is not a name, in ${url}`, { identity: String(name) });
  if (typeof fn !== 'function') throw new DefinitionError(`${how}: '${name}' in ${url} needs a function`, { identity: name });
  if (parse !== undefined && typeof parse !== 'function')
    throw new DefinitionError(`parse of '${name}' in ${url} is not a function`, { identity: name });
  const checked = checkOptions(kind, options, name);
  return callable({
    definition: define({ kind, name, moduleUrl: url, fn: fn as Definition['fn'], ...(parse === undefined ? undefined : { parse }) }),
    options: checked,
  });
}

function callable(spec: Spec): Callable {
  const { definition, options } = spec;
  const call: Call = (...args) =>
    (currentTroupe(definition.name) as unknown as { run(task: Call, ...args: readonly unknown[]): Future<unknown> }).run(call, ...args);
  Object.defineProperty(call, 'name', { value: definition.name });
  return Object.freeze(
    Object.assign(call, {
      [specKey]: spec,
      id: definition.identity,
      fn: definition.fn,
      with: (more: AnyOptions): Callable =>
        callable({ definition, options: { ...options, ...checkOptions(definition.kind, more, definition.name) } }),
    }),
  );
}
