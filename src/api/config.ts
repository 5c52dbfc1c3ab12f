/** The configuration of a troupe: its type, its checks, its defaults. */
import { z } from 'zod';

import type { ExecutorPlugin } from '../actors/executors/port.ts';
import { systemClock, type Clock } from '../actors/timers.ts';
import { ConfigError } from '../machines/model/errors.ts';
import { lazy } from '../machines/model/lazy.ts';
import type { StreamPathPolicy } from '../machines/model/stream-paths.ts';
import { fail } from '../machines/policies/dependency/fail.ts';
import type { DependencyPolicy } from '../machines/policies/dependency/port.ts';
import { fixed } from '../machines/policies/retry/fixed.ts';
import { DEFAULT_POLICY_RETRIES, type RetryPolicy } from '../machines/policies/retry/port.ts';
import { leastLoaded } from '../machines/policies/routing/least-loaded.ts';
import type { RoutingPolicy } from '../machines/policies/routing/port.ts';
import { checked } from './options.ts';
import { policySchema } from './policy-schema.ts';

/** A machine made with `.provide()`; structural, so that the root entry needs no XState types. */
export interface MachineLike {
  readonly id: string;
  readonly config: object;
  readonly implementations: object;
}

export interface Policies {
  /** @defaultValue retry.fixed(0) */
  readonly retry?: RetryPolicy;
  /** @defaultValue routing.leastLoaded() */
  readonly routing?: RoutingPolicy;
  /** @defaultValue dependency.fail() */
  readonly dependency?: DependencyPolicy;
  /** Names the files of `{ auto: true }` streams. */
  readonly streamPath?: StreamPathPolicy;
}

export interface TroupeConfig {
  /** Shown in errors and logs. @defaultValue `troupe-` and the run id */
  readonly name?: string;
  /** What runs tasks; labels are unique. @defaultValue one `blocks()` on this machine, a worker process a core */
  readonly executors?: readonly ExecutorPlugin[];
  readonly policies?: Policies;
  /** Published machines with replaced members. */
  readonly machines?: { readonly task?: MachineLike };
  /** Parent folder of run folders: each run makes its own and points `latest` to it. @defaultValue nothing is written */
  readonly runDir?: string;
  /** `summary`: a record a settled task, and all else. `full`: every macrostep, which can be replayed. @defaultValue summary */
  readonly log?: 'summary' | 'full';
  /** Whether a direct call of a task function may mean this troupe; false for libraries. @defaultValue true */
  readonly ambient?: boolean;
  /** Whether SIGINT and SIGTERM close the troupe before they end the process. @defaultValue true */
  readonly signals?: boolean;
  /** How long a try that is to stop may take before its worker is killed. @defaultValue 2000 */
  readonly stopGraceMs?: number;
  /** Where console output of tasks goes. @defaultValue forward */
  readonly output?: 'forward' | 'silent';
  /** Source of time. @defaultValue the system's */
  readonly clock?: Clock;
  /** Uniform in [0, 1): for jitter and random routing. @defaultValue Math.random */
  readonly random?: () => number;
  /** Gets XState's inspection events: halves the throughput. */
  readonly inspect?: (event: unknown) => void;
}

export type CheckedConfig = Required<Omit<TroupeConfig, 'executors' | 'policies' | 'machines' | 'runDir' | 'inspect'>> & {
  readonly [K in 'executors' | 'runDir' | 'inspect']: TroupeConfig[K] | undefined;
} & {
  readonly runId: string;
  readonly policies: Required<Omit<Policies, 'streamPath'>> & Pick<Policies, 'streamPath'>;
  readonly machines: { readonly task: MachineLike | undefined };
  /** Budget of tasks that state no `retries`. */
  readonly retries: number;
};

const schema = lazy(() => {
  const fn = z.custom<() => unknown>((value) => typeof value === 'function', 'is not a function');
  return z
    .strictObject({
      name: z.string().min(1),
      executors: z.array(
        z.custom<ExecutorPlugin>(
          (value) =>
            typeof value === 'object' &&
            value !== null &&
            typeof (value as ExecutorPlugin).open === 'function' &&
            typeof (value as ExecutorPlugin).label === 'string',
          'is not an executor; use one of troupe/executors, for example threads({ workers: 2 })',
        ),
      ),
      policies: z
        .strictObject({
          retry: policySchema('retry'),
          routing: policySchema('routing'),
          dependency: policySchema('dependency'),
          streamPath: fn,
        })
        .partial(),
      machines: z
        .strictObject({
          task: z.custom(
            (value) => typeof value === 'object' && value !== null && 'implementations' in value,
            'is not a machine; use taskMachine.provide(…)',
          ),
        })
        .partial(),
      runDir: z.string().min(1),
      log: z.enum(['summary', 'full']),
      ambient: z.boolean(),
      signals: z.boolean(),
      stopGraceMs: z.number().min(0),
      output: z.enum(['forward', 'silent']),
      clock: z.custom<Clock>(
        (value) => typeof value === 'object' && value !== null && 'now' in value && 'setTimeout' in value && 'clearTimeout' in value,
        'is not a clock: { now, setTimeout, clearTimeout }',
      ),
      random: fn,
      inspect: fn,
    })
    .partial();
});

/** @throws ConfigError naming field, value and way out. */
export function checkConfig(config: TroupeConfig, runId: string): CheckedConfig {
  checked(schema() as never, config, 'Troupe.start');
  checkLabels((config.executors ?? []).map(({ label }) => label));
  const {
    name,
    policies = {},
    machines = {},
    log = 'summary',
    ambient = true,
    signals = true,
    stopGraceMs = 2000,
    output = 'forward',
    clock = systemClock,
    random = Math.random,
  } = config;
  const { retry = fixed(0), routing = leastLoaded(), dependency = fail(), streamPath } = policies;
  return {
    runId,
    name: name ?? `troupe-${runId}`,
    executors: config.executors,
    runDir: config.runDir,
    inspect: config.inspect,
    policies: { retry, routing, dependency, ...(streamPath === undefined ? undefined : { streamPath }) },
    machines: { task: machines.task },
    // who replaces what decides about retries wants some
    retries: policies.retry === undefined && machines.task === undefined ? 0 : (policies.retry?.retries ?? DEFAULT_POLICY_RETRIES),
    log,
    ambient,
    signals,
    stopGraceMs,
    output,
    clock,
    random,
  };
}

/** Label under which joins are recorded; see `actors/task.ts`. */
const DRIVER = 'driver';

/** @throws ConfigError for a label that is used twice, or that troupe uses itself. */
export function checkLabels(labels: readonly string[]): void {
  if (labels.includes(DRIVER)) {
    throw new ConfigError(`executors: '${DRIVER}' is where the bodies of joins run; give the executor another label`, {
      field: 'executors.label',
      value: DRIVER,
    });
  }
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  if (twice !== undefined)
    throw new ConfigError(`executors: two have the label '${twice}'; give each one of its own, for example threads({ label: 'more' })`, {
      field: 'executors.label',
      value: twice,
    });
}
