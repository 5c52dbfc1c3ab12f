/**
 * `troupe/executors`: what runs tasks. Each is a plain description: nothing is opened before a troupe opens it, and
 * any number of troupes may.
 */
import { availableParallelism } from 'node:os';
import type { ResourceLimits } from 'node:worker_threads';

import { OUTPUT_BYTES } from '../actors/console.ts';
import { inlineExecutor } from '../actors/executors/inline.ts';
import type { ExecutorPlugin } from '../actors/executors/port.ts';
import { threadsExecutor } from '../actors/executors/threads.ts';
import type { LoaderOption } from '../actors/load-plan.ts';
import { schemas } from './executor-schemas.ts';
import { checked } from './options.ts';

export { blocks } from './blocks.ts';
export type { BlockOptions, BlockPolicies, BlocksOptions, BlocksPlugin, ListenerOptions } from './blocks.ts';
export type {
  BlockControl,
  BlockService,
  BlockServiceEvents,
  BlockServiceSettings,
  BlocksSnapshot,
  BlocksView,
  BlockView,
  BlockWork,
  HostCall,
  HostEntry,
  ManagerView,
  WorkerEntry,
  WorkEvent,
  WorkFailure,
  WorkOptions,
} from './block-service.ts';
export type { ExecutorExplanation, ExplainedFact } from '../machines/model/explanation.ts';

export type {
  ExecutorLoad,
  ExecutorPlugin,
  ExecutorPort,
  Lease,
  OpenExecutor,
  Payload,
  Place,
  Try,
  TryReport,
} from '../actors/executors/port.ts';
export type { LoaderOption } from '../actors/load-plan.ts';

/** Options of {@link inline}. */
export interface InlineOptions {
  /** Unique within a troupe. @defaultValue inline */
  readonly label?: string;
  /** Tries at once. @defaultValue the cores of this machine */
  readonly workers?: number;
  /** False hands over the very objects: faster, and what a task changes is changed for all. @defaultValue true */
  readonly copy?: boolean;
  /** What a try may print. @defaultValue all of it */
  readonly outputBytes?: number;
}

/** Options of {@link threads}. */
export interface ThreadsOptions {
  /** Unique within a troupe. @defaultValue threads */
  readonly label?: string;
  /** Threads, each of which runs one try at a time. @defaultValue the cores of this machine */
  readonly workers?: number;
  /** How threads come to import TypeScript. @defaultValue auto */
  readonly loader?: LoaderOption;
  /** What a try may print; more is dropped, and one line says how much. @defaultValue 64 KiB */
  readonly outputBytes?: number;
  /** Memory of each thread; a task that needs more fails with the kind `oom`. @defaultValue Node's own */
  readonly resourceLimits?: ResourceLimits;
  /** Laid over the environment of the driver. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs tasks in the event loop of this process, in turns: for tasks that wait, for tests and for debugging.
 *
 * A synchronous function holds everything up until it returns, and cannot be stopped; an asynchronous one that
 * ignores `current().signal` is abandoned once its grace is over.
 *
 * @throws ConfigError
 * @example
 * const troupe = await Troupe.start({ executors: [inline()] });
 */
export function inline(options: InlineOptions = {}): ExecutorPlugin {
  checked(schemas().inline as never, options, 'inline');
  const complete = {
    label: 'inline',
    workers: availableParallelism(),
    copy: true,
    outputBytes: Number.POSITIVE_INFINITY,
    ...given(options),
  };
  return explained(inlineExecutor(complete), complete.workers, 'in the event loop of the driver, in turns');
}

/**
 * Runs tasks in worker threads of this process.
 *
 * A task that ignores its abort is ended with its thread. Threads share one process: a crash in native code ends
 * all of it.
 *
 * @throws ConfigError
 * @example
 * const troupe = await Troupe.start({ executors: [threads({ workers: 4 })] });
 */
export function threads(options: ThreadsOptions = {}): ExecutorPlugin {
  checked(schemas().threads as never, options, 'threads');
  const complete = {
    label: 'threads',
    workers: availableParallelism(),
    loader: 'auto',
    outputBytes: OUTPUT_BYTES,
    resourceLimits: undefined,
    env: {},
    ...given(options),
    program: program(),
  } as const;
  return explained(threadsExecutor(complete), complete.workers, 'threads of the driver, one task each');
}

/** With what `explain` says of it. */
function explained(plugin: ExecutorPlugin, workers: number, how: string): ExecutorPlugin {
  const { label, kind } = plugin;
  const slots = { init: workers, max: workers };
  return Object.freeze({ ...plugin, explain: () => ({ label, kind, slots, facts: [{ what: 'tasks at once', value: workers, how }] }) });
}

/** Beside this file, in `dist/` and in `src/`: from the sources it is bundled first. */
const program = (): URL => new URL(`./bin/thread${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** Without the options that say `undefined`, which would hide a default. */
function given<T extends object>(options: T): { readonly [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}
