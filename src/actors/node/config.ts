/**
 * What a manager is told: how to find its driver, what to start, and when to give up. It is read from a file that
 * nobody else can read, or from the environment, never from the command line: it has the secret of the block.
 */
import { readFileSync, statSync } from 'node:fs';
import { availableParallelism, hostname, totalmem } from 'node:os';

import { z } from 'zod';

import { ConfigError } from '../../machines/model/errors.ts';
import type { Affinity } from './affinity.ts';

/** The variable that has a configuration, as JSON. */
export const CONNECT = 'TROUPE_CONNECT';

const count = z.number().int().min(1);
const ms = z.number().min(0);
const strings = z.record(z.string(), z.string());
const affinity = z.union([
  z.enum(['none', 'block', 'blockReverse', 'alternating']),
  z.object({ list: z.array(z.array(z.number().int().min(0)).min(1)).min(1) }),
]) satisfies z.ZodType<Affinity>;

const schema = z.object({
  runId: z.string().min(1),
  /** Of the executor. */
  label: z.string().min(1),
  blockId: z.string().min(1),
  secret: z.string().min(1),
  /** Where the driver may be found: `host:port`, IPv6 in brackets. */
  addresses: z.array(z.string().min(1)).min(1),
  /** Of the driver's certificate. */
  fingerprint: z.string().optional(),
  slots: z
    .object({
      workers: count.optional(),
      coresPerWorker: z.number().positive().default(1),
      memoryPerWorkerBytes: z.number().positive().optional(),
      accelerators: z.array(z.object({ name: z.string().min(1), env: strings })).default([]),
    })
    .prefault({}),
  /** In place of what is found. */
  cores: count.optional(),
  memoryBytes: z.number().positive().optional(),
  /** How long it lives on without a link. */
  endAfterMs: ms.default(60_000),
  /** How long it lives on with an open link on which nothing comes: a driver may be busy for long. */
  silenceMs: ms.default(600_000),
  heartbeatMs: z.number().positive().default(5000),
  connectTimeoutMs: z.number().positive().default(10_000),
  /** How long its job may run, from now on. */
  walltimeMs: z.number().positive().optional(),
  /** It takes nothing new for so long before the walltime. */
  drainMs: ms.default(0),
  /** Tries that a worker has at once, at most, and how short they are then on average. */
  maxCredit: count.default(16),
  fastMs: z.number().positive().default(5),
  /** What tries have to end in when the manager ends. */
  stopGraceMs: ms.default(2000),
  /** How long a worker may take to come up. */
  startMs: z.number().positive().default(120_000),
  affinity: affinity.default('none'),
  worker: z.object({
    /** URL of the program. */
    program: z.string().min(1),
    /** Flags of Node. */
    execArgv: z.array(z.string()).default([]),
    /** URLs of modules with a `register()`. */
    registers: z.array(z.string()).default([]),
    /** What a try may forward of its console output. */
    outputBytes: z
      .number()
      .min(0)
      .default(64 * 1024),
    /** Laid over the manager's own environment. */
    env: strings.default({}),
    /** URLs of modules that are imported while there is nothing to run. */
    preload: z.array(z.string()).default([]),
  }),
  /** Folder for what workers write. */
  logDir: z.string().optional(),
});
export type ManagerConfig = z.output<typeof schema>;
/** As it is written: without what has a default. */
export type ManagerConfigInput = z.input<typeof schema>;

/** @throws ConfigError */
export function managerConfig(value: unknown): ManagerConfig {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new ConfigError(`the configuration of the manager is wrong at ${field === '' ? 'its root' : field}: ${issue?.message ?? ''}`, {
    field,
  });
}

/** @param file - Of `--connect`. @throws ConfigError */
export function readConfig(file: string | undefined, env: Readonly<Record<string, string | undefined>>): ManagerConfig {
  const given = env[CONNECT];
  if (file !== undefined) return managerConfig(parsed(readPrivate(file), file));
  if (given !== undefined && given !== '') return managerConfig(parsed(given, CONNECT));
  throw new ConfigError(`a manager needs --connect <file>, or a configuration in ${CONNECT}`, { field: 'connect' });
}

/** The addresses that the file has now: the driver may have moved. `undefined` when it cannot be read any more. */
export function readAddresses(file: string): readonly string[] | undefined {
  try {
    return readConfig(file, {}).addresses;
  } catch {
    return undefined;
  }
}

function readPrivate(file: string): string {
  try {
    const { mode } = statSync(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new ConfigError(`${file} has a secret and can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 ${file}`, {
        field: 'connect',
        value: file,
      });
    }
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      field: 'connect',
      value: file,
      cause,
    });
  }
}

function parsed(text: string, from: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigError(`${from} is not JSON`, { field: 'connect' }); // whose message would quote it
  }
}

/** The node, as a manager sees it. */
export interface NodeFacts {
  readonly host: string;
  readonly pid: number;
  readonly cores: number;
  readonly memoryBytes: number;
}

/** What the configuration says, else the environment, else what is found. */
export function nodeFacts(
  { cores, memoryBytes }: Pick<ManagerConfig, 'cores' | 'memoryBytes'>,
  env: Readonly<Record<string, string | undefined>>,
): NodeFacts {
  const limit = process.constrainedMemory();
  const found = limit > 0 && limit < totalmem() ? limit : totalmem();
  return {
    host: hostname(),
    pid: process.pid,
    cores: cores ?? amount(env, 'TROUPE_CORES') ?? availableParallelism(),
    memoryBytes: memoryBytes ?? amount(env, 'TROUPE_MEMORY_BYTES') ?? found,
  };
}

function amount(env: Readonly<Record<string, string | undefined>>, name: string): number | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new ConfigError(`${name} is ${text}: it must be a number above 0`, { field: name, value: text });
}
