/** Options of tasks: what may be said, checked once where it is said. `settings.ts` has what comes of it at a call. */
import { z } from 'zod';

import type { TaskKind } from '../actors/definitions.ts';
import { checked } from '../machines/model/checked.ts';
import type { FileLike } from '../machines/model/command.ts';
import { lazy } from '../machines/model/lazy.ts';
import type { Resources } from '../machines/model/resources.ts';
import type { StreamOption } from '../machines/model/stream-paths.ts';
import type { Arg } from './arguments.ts';
import { File } from './file.ts';

export { checked } from '../machines/model/checked.ts';

export interface TaskOptions {
  /** Labels of the executors that may run it. @defaultValue any */
  readonly executors?: readonly string[];
  /** What failures of its own may cost: each takes 1 unless the retry policy says otherwise. @defaultValue the policy's */
  readonly retries?: number;
  /** Larger first. @defaultValue 0 */
  readonly priority?: number;
  readonly resources?: Resources;
  /** How long it needs, at least: only placement looks at it. */
  readonly timeRequestMs?: number;
  /** How long one try may run before it is stopped. @defaultValue unlimited */
  readonly timeLimitMs?: number;
  /** Cancels the task when it aborts. */
  readonly signal?: AbortSignal;
  /** Files (or futures of them) it reads beside its arguments: dependencies, not arguments. */
  readonly inputs?: readonly Arg<FileLike>[];
  /** Files it promises to make; one that is missing at the end fails the task. */
  readonly outputs?: readonly File[];
  /** Free text of yours: shown wherever the task is, and part of automatic file names. */
  readonly key?: string;
}
export type JoinOptions = Omit<TaskOptions, 'executors' | 'resources' | 'timeRequestMs' | 'outputs'>;

export interface ShellOptions extends TaskOptions {
  /** A path or File appends; `{ path, mode: 'truncate' }` replaces; `{ auto: true }` names a file in the run directory. @defaultValue kept in memory, as `result.stdout` */
  readonly stdout?: StreamOption;
  readonly stderr?: StreamOption;
  /** @defaultValue the driver's working directory */
  readonly cwd?: string;
  /** Added to the environment of the worker. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Anything a task can be given. */
export type AnyOptions = ShellOptions;

const schemas = lazy(() => {
  const amount = z.number().min(0);
  const resources = z
    .strictObject({ cores: amount, memoryBytes: amount, gpus: amount, nodes: amount.int().min(1), ranksPerNode: amount.int().min(1) })
    .partial();
  const stream = z.custom<StreamOption>(
    (value) => typeof value === 'string' || (typeof value === 'object' && value !== null),
    'is not a path, a File, { path, mode } or { auto: true }',
  );
  const common = {
    retries: z.number().min(0, 'must be 0 or more'),
    priority: z.number(),
    timeLimitMs: z.number().positive(),
    signal: z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'is not an AbortSignal'),
    inputs: z.array(z.unknown()),
    key: z.string(),
  };
  const placed = {
    executors: z.array(z.string().min(1)).min(1, 'names no executor; leave it out for any'),
    resources,
    timeRequestMs: z.number().positive(),
    outputs: z.array(z.custom<File>((value) => File.is(value), 'is not a File; write new File(path)')),
  };
  return {
    function: z.strictObject({ ...common, ...placed }).partial(),
    shell: z
      .strictObject({ ...common, ...placed, stdout: stream, stderr: stream, cwd: z.string().min(1), env: z.record(z.string(), z.string()) })
      .partial(),
    join: z.strictObject(common).partial(),
  } as const;
});

/** @throws ConfigError with the path of the first option that is wrong. */
export function checkOptions(kind: TaskKind, options: unknown, task: string): AnyOptions {
  if (isEmpty(options)) return {}; // as most are: workers import modules full of task functions
  return checked(schemas()[kind], options, `options of ${task}`) as AnyOptions;
}

const isEmpty = (options: unknown): boolean =>
  typeof options === 'object' &&
  options !== null &&
  Object.getPrototypeOf(options) === Object.prototype &&
  Object.keys(options).length === 0;
