/**
 * The folder of one run, made inside the parent that `runDir` names: sortable by time, found by the link `latest`,
 * with a `run.json` that says whose it is.
 */
import { lstat, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, join, resolve } from 'node:path';

import { ConfigError } from '../machines/model/errors.ts';
import { LOG_FORMAT, type LogLevel, type RunConfig, type RunInfo } from './log-records.ts';

export const EVENTS_FILE = 'events.ndjson';
export const LATEST = 'latest';

export interface RunOptions {
  /** The parent; made if it is not there. */
  readonly runDir: string;
  readonly name: string;
  readonly runId: string;
  readonly level: LogLevel;
  readonly config: RunConfig;
  /** The wall clock. @defaultValue the system's */
  readonly date?: () => Date;
}

export interface RunFolder {
  /** Absolute. */
  readonly dir: string;
  readonly run: RunInfo;
  /** Why `latest` does not point here; `undefined` when it does. */
  readonly notLinked: string | undefined;
}

/** @throws ConfigError when the folder cannot be made. */
export async function runFolder(options: RunOptions): Promise<RunFolder> {
  const { name, runId, level, config, date = () => new Date() } = options;
  const startedAt = date().toISOString();
  const run: RunInfo = {
    format: LOG_FORMAT,
    troupe: troupeVersion(),
    name,
    runId,
    level,
    startedAt,
    pid: process.pid,
    host: hostname(),
    node: process.version,
    program: process.argv[1] ?? '',
    config,
  };
  const parent = resolve(options.runDir);
  try {
    await mkdir(parent, { recursive: true });
    const dir = await newFolder(join(parent, `${startedAt.replaceAll(/[:.]/g, '-').slice(0, -1)}-${runId}`));
    await writeFile(join(dir, 'run.json'), `${JSON.stringify(run, undefined, 2)}\n`);
    return { dir, run, notLinked: await link(parent, dir) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`runDir: no folder for the run could be made in ${parent}: ${why}`, {
      field: 'runDir',
      value: options.runDir,
      cause,
    });
  }
}

/** Never takes a folder that is there: two runs of one instant get two. */
async function newFolder(path: string): Promise<string> {
  for (let number = 1; ; number++) {
    const dir = number === 1 ? path : `${path}-${number}`;
    try {
      await mkdir(dir);
      return dir;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Replaces the link in one step, and nothing that is not a link. */
async function link(parent: string, dir: string): Promise<string | undefined> {
  const latest = join(parent, LATEST);
  const fresh = join(parent, `.${LATEST}-${basename(dir)}`);
  const there = await lstat(latest).catch(() => undefined);
  if (there !== undefined && !there.isSymbolicLink()) return `${latest} is there, and not a link`;
  try {
    await symlink(basename(dir), fresh); // relative: the parent may be moved
    await rename(fresh, latest);
    return undefined;
  } catch (error) {
    await rm(fresh, { force: true });
    return error instanceof Error ? error.message : String(error);
  }
}

/** From the package's own `package.json`; a bundled copy has none beside it. */
function troupeVersion(): string {
  try {
    return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string }).version;
  } catch {
    return 'unknown';
  }
}
