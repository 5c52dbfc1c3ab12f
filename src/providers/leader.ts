/** The first process of a local job, and the leader of its group: one that was started here, or one of an earlier driver. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import { SubmitRefusedError } from '../machines/model/errors.ts';
import { messageOf } from '../machines/model/failures.ts';
import type { JobSpec } from './port.ts';
import { JOB_NAME, processAt } from './processes.ts';
import type { Waits } from './waits.ts';

export interface Leader {
  readonly pid: number;
  readonly started: string;
  /** Of the job. */
  readonly name: string;
  /** Resolves when it has ended; with `undefined` when nobody here can know how. */
  readonly exited: Promise<Exit | undefined>;
  /** Lets this process end before it does. */
  release(): void;
}

/** One of them is a value. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Starts a job; it is there when this resolves.
 *
 * @param env - Laid over the environment of this process.
 * @throws SubmitRefusedError
 */
export async function startedLeader(spec: JobSpec, env: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Leader> {
  const [file = '', ...args] = spec.argv;
  const files: FileHandle[] = [];
  try {
    const paths = [...new Set([spec.stdout, spec.stderr])];
    for (const path of paths) files.push(await opened(path));
    const [stdout, stderr = stdout] = files.map(({ fd }) => fd);
    signal.throwIfAborted();
    const child = spawn(file, args, {
      cwd: spec.workDir,
      env: { ...process.env, ...env, [JOB_NAME]: spec.name },
      detached: true, // a session and group of its own
      stdio: ['ignore', stdout, stderr],
    });
    if (child.pid === undefined) throw await new Promise((settle) => child.once('error', settle));
    return ownLeader(child, child.pid, spec.name);
  } catch (cause) {
    throw new SubmitRefusedError(`the job ${spec.name} could not be started: ${await whyNot(spec, cause)}`, { cause });
  } finally {
    for (const each of files) await each.close(); // the job has its own
  }
}

function ownLeader(child: ChildProcess, pid: number, name: string): Leader {
  // It cannot be reaped before this returns, and is found, however short it lives. As a zombie it has done all it will.
  const started = processAt(pid)?.started ?? '0';
  const exited = new Promise<Exit>((settle) => child.once('exit', (code, signal) => settle({ code, signal })));
  return { pid, started, name, exited, release: () => child.unref() };
}

/** How often a process that is nobody's child here is looked at: nothing tells when it ends. */
const LOOK_MS = 100;

/** A leader that runs, and was started by an earlier driver. */
export function adoptedLeader(
  { pid, started, job = '' }: { readonly pid: number; readonly started: string; readonly job: string | undefined },
  timers: Waits,
): Leader {
  const ended = async (): Promise<undefined> => {
    while (processAt(pid)?.started === started) await timers.over(LOOK_MS);
    return undefined;
  };
  return { pid, started, name: job, exited: ended(), release: () => undefined };
}

async function opened(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true });
  return open(path, 'a');
}

async function whyNot({ argv: [file = ''], workDir }: JobSpec, failure: unknown): Promise<string> {
  const code = (failure as { code?: unknown } | undefined)?.code;
  const isFolder = await stat(workDir).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return `there is no folder ${workDir} to run it in`;
  if (code === 'ENOENT' && (failure as { syscall?: unknown }).syscall !== 'open') return `there is no program '${file}'`;
  return code === 'EACCES' && (failure as { syscall?: unknown }).syscall !== 'open' ? `'${file}' may not be executed` : messageOf(failure);
}
