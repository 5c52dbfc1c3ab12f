/**
 * Runs the command of a shell task, in a process group of its own, until nothing of that group is left. Called
 * where the body of the task was called; `machines/model/command.ts` says what a command is.
 *
 * On `node:child_process` rather than execa, which signals the first process only (`cleanup`, `maxBuffer`,
 * `forceKillAfterDelay`) and waits for pipes that a process left behind keeps open.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { constants, readdirSync, readFileSync, type Stats } from 'node:fs';
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { commandLine, exitText, tailOf, type Line, type ShellResult } from '../machines/model/command.ts';
import { ShellCommandError, ShellExitError, ShellOutputError, ShellStartError, StreamFileError } from '../machines/model/errors.ts';
import type { ShellSettings } from './executors/port.ts';

const streams = ['stdout', 'stderr'] as const;
type Stream = (typeof streams)[number];

/** Which try a command is run for, and how to stop it. */
export interface ShellContext {
  readonly taskId: string;
  readonly tryIndex: number;
  /** Name of the task function. */
  readonly name: string;
  /** Stops the whole group: SIGTERM, then SIGKILL to what is left after `graceMs`. */
  readonly signal: AbortSignal;
  /** Read when the group is stopped. */
  readonly graceMs: number;
  /** Told what comes on streams that are kept in memory, as it comes. Must not throw. */
  output?(stream: Stream, text: string): void;
}

/** What one stream may hold in memory. More stops the command and fails the task, since half an output looks like a whole one. */
export const MAX_OUTPUT_BYTES = 16 * 1024 ** 2;
/** What a {@link ShellExitError} keeps of a stream. */
const TAIL_BYTES = 4096;
/** For processes that end by themselves once the command has, as the `tee` of `> >(tee log)` does. */
const LINGER_MS = 2000;
/** A pipe that a process outside of the group holds open is given up when nothing has come for this long. */
const QUIET_MS = 50;
/** A process that SIGKILL does not end is stuck in the kernel (a dead file server): do not hang with it. */
const UNKILLABLE_MS = 10_000;
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Runs a command; resolves when it has exited with 0 and nothing of its process group is left.
 *
 * - A string or `Command` is run by `/bin/bash -c`; an array is a program and its arguments. stdin is `/dev/null`.
 * - What the command leaves behind in its group has two seconds to end, then it is stopped as on abort: the slot is
 *   about to be another task's. A script that starts background processes ends with `wait`.
 * - A stream without a target is kept as UTF-8 text, at most {@link MAX_OUTPUT_BYTES}. It is a socket, as always in
 *   Node: a program cannot open it by name, so `>&2` works and `> /dev/stderr` does not. With a target it is that
 *   file, in any encoding; a relative path starts in `cwd`.
 *
 * @throws The reason of `signal`. Also ShellExitError, ShellStartError, ShellCommandError and StreamFileError, and
 * ShellOutputError when a stream outgrows the memory it may take.
 */
export async function runShell(line: Line, settings: ShellSettings = {}, context: ShellContext): Promise<ShellResult> {
  const { signal } = context;
  signal.throwIfAborted();
  const plan = planOf(line, context);
  const files = await openFiles(settings, plan, context);
  const group = await start(plan, settings, files, context);
  const halt = new AbortController();
  let outgrown: Stream | undefined;
  const kept = streams.map((stream) =>
    keep(group.child[stream], {
      text: (text) => context.output?.(stream, text),
      outgrown() {
        outgrown ??= stream;
        halt.abort();
      },
    }),
  );
  await closeFiles(files); // the processes have their own
  const onAbort = (): void => halt.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await untilGone(group, halt.signal, context, () =>
      context.output?.(
        'stderr',
        `troupe: the command of ${who(context)} left processes behind; they are stopped (a script waits for them with \`wait\`)\n`,
      ),
    );
    dismiss(group.pid);
    await drain(kept);
  } finally {
    signal.removeEventListener('abort', onAbort);
    for (const one of kept) one.close();
  }
  signal.throwIfAborted();
  if (outgrown !== undefined) {
    throw new ShellOutputError(
      `${who(context)} wrote more than ${MAX_OUTPUT_BYTES / 1024 ** 2} MiB to ${outgrown}, which is kept in memory, and was stopped: give it a file, ${outgrown}: 'path/of/a/file'`,
      { taskId: context.taskId, tryIndex: context.tryIndex, stream: outgrown, limitBytes: MAX_OUTPUT_BYTES },
    );
  }
  const { command } = plan;
  const [stdout = '', stderr = ''] = kept.map((one) => one.text());
  const exit = await group.exited;
  if (exit.exitCode === 0) return { exitCode: 0, stdout, stderr, command };
  const tails = { stdout: tailOf(stdout, TAIL_BYTES), stderr: tailOf(stderr, TAIL_BYTES) };
  throw new ShellExitError(`${who(context)} ${exitText(exit, settings.stderr?.path, tails.stderr)}`, {
    ...context,
    ...exit,
    ...tails,
    command,
  });
}

/** Those of `paths` where nothing is, in their order. */
export async function missingOutputs(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map(statOf));
  return paths.filter((_, i) => found[i] === undefined);
}

type Plan = ReturnType<typeof commandLine>;

const who = ({ name, taskId }: ShellContext): string => `${name} (${taskId})`;
const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code;
const statOf = (path: string): Promise<Stats | undefined> => stat(path).catch(() => undefined);
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function planOf(line: unknown, context: ShellContext): Plan {
  try {
    return commandLine(line);
  } catch (cause) {
    throw new ShellCommandError(`${who(context)} returned ${messageOf(cause)}`, { ...context, cause });
  }
}

type Files = { readonly [stream in Stream]?: FileHandle };

async function openFiles(settings: ShellSettings, plan: Plan, context: ShellContext): Promise<Files> {
  const targets = streams.flatMap((stream) => {
    const target = settings[stream];
    return target === undefined ? [] : [{ stream, path: resolve(settings.cwd ?? '', target.path), truncates: target.mode === 'truncate' }];
  });
  const byPath = new Map<string, FileHandle>();
  const files: { [stream in Stream]?: FileHandle } = {};
  for (const { stream, path } of targets) {
    const truncates = targets.some((target) => target.path === path && target.truncates);
    try {
      const file = byPath.get(path) ?? (await openFile(path, truncates));
      byPath.set(path, file);
      files[stream] = file;
      if (stream === 'stderr')
        await file.write(`--> executable follows <-- ${who(context)}, try ${context.tryIndex}\n${plan.command}\n--> end executable <--\n`);
    } catch (cause) {
      await closeFiles(files);
      throw new StreamFileError(`the file for the ${stream} of ${who(context)} cannot be written: ${messageOf(cause)}`, {
        ...context,
        stream,
        path,
        cause,
      });
    }
  }
  return files;
}

/** Always appends, so that nothing overwrites what somebody else has written since. */
async function openFile(path: string, truncates: boolean): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_APPEND, O_TRUNC } = constants;
  await mkdir(dirname(path), { recursive: true });
  return open(path, O_WRONLY | O_CREAT | O_APPEND | (truncates ? O_TRUNC : 0));
}

async function closeFiles(files: Files): Promise<void> {
  for (const file of new Set(Object.values(files))) await file.close().catch(() => undefined);
}

interface Group {
  /** Of its first process, and of the group. */
  readonly pid: number;
  readonly child: ChildProcess;
  readonly exited: Promise<{ readonly exitCode: number | undefined; readonly signal: NodeJS.Signals | undefined }>;
}

/** Does not wait after the start: what a process writes is lost when it exits before somebody listens. */
async function start(plan: Plan, { cwd, env }: ShellSettings, files: Files, context: ShellContext): Promise<Group> {
  try {
    context.signal.throwIfAborted(); // while files were opened
    const child = spawn(plan.file, plan.args, {
      cwd,
      env: { ...process.env, ...env },
      detached: true, // a session and group of its own
      stdio: ['ignore', files.stdout?.fd ?? 'pipe', files.stderr?.fd ?? 'pipe'],
    });
    const exited = new Promise<Awaited<Group['exited']>>((settle) =>
      child.once('exit', (code, signal) => settle({ exitCode: code ?? undefined, signal: signal ?? undefined })),
    );
    const failed = new Promise<Error>((settle) => child.on('error', settle));
    if (child.pid === undefined) throw await failed;
    enlist(child.pid);
    return { pid: child.pid, child, exited };
  } catch (cause) {
    await closeFiles(files);
    context.signal.throwIfAborted();
    const because = await whyNot(plan, cwd, cause);
    throw new ShellStartError(`${who(context)} could not be started: ${because}`, { ...context, command: plan.command, cause });
  }
}

async function whyNot({ file, command }: Plan, cwd: string | undefined, failure: unknown): Promise<string> {
  const code = codeOf(failure);
  if (code === 'E2BIG') {
    const bytes = Buffer.byteLength(command);
    return `its command has ${bytes} bytes, more than the system takes (a script or a word: 128 KiB); write long lists to a file and pass that`;
  }
  if (cwd !== undefined && (await statOf(cwd))?.isDirectory() !== true) return `there is no folder ${cwd} to run it in`;
  if (code === 'ENOENT') return `there is no program ${file}`;
  return code === 'EACCES' ? `${file} may not be executed` : messageOf(failure);
}

/** Settles when nothing of the group is left: by itself, or because it was stopped. */
async function untilGone(group: Group, halt: AbortSignal, context: ShellContext, onLeftovers: () => void): Promise<void> {
  await pause(Number.POSITIVE_INFINITY, { sooner: group.exited, halt });
  if (!halt.aborted) {
    if (await isGone(group, LINGER_MS, halt)) return;
    if (!halt.aborted) onLeftovers();
  }
  signalGroup(group.pid, 'SIGTERM');
  if (await isGone(group, context.graceMs)) return;
  signalGroup(group.pid, 'SIGKILL');
  await isGone(group, UNKILLABLE_MS);
}

async function isGone({ pid, exited }: Group, withinMs: number, halt?: AbortSignal): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs;
  await pause(withinMs, { sooner: exited, halt });
  // Nothing tells when the last process of a group ends: ask, ever less often.
  for (let pauseMs = 1; isAlive(pid); pauseMs = Math.min(50, 2 * pauseMs)) {
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0 || halt?.aborted === true) return false;
    await pause(Math.min(pauseMs, leftMs), { halt });
  }
  await exited; // at most a zombie, which is about to be reaped
  return true;
}

/** Whether a process of the group runs. Zombies do not count: where nobody reaps orphans (containers), they stay. */
function isAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  return readdirSync('/proc').some((entry) => {
    if (!/^\d/.test(entry)) return false;
    try {
      const text = readFileSync(`/proc/${entry}/stat`, 'latin1'); // pid (name) state ppid pgrp …
      const [state = '', , pgrp] = text.slice(text.lastIndexOf(')') + 2).split(' ', 3);
      return Number(pgrp) === group && !'ZX'.includes(state);
    } catch {
      return false; // gone meanwhile
    }
  });
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // gone already
  }
}

/** Live groups of this thread. */
const groups = new Set<number>();
let shared: Int32Array | undefined;
let onGroups: ((pids: readonly number[]) => void) | undefined;
const onExit = (): void => killAllGroups();

function enlist(pid: number): void {
  if (groups.size === 0) process.on('exit', onExit);
  groups.add(pid);
  swap(0, pid);
  onGroups?.([...groups]);
}

function dismiss(pid: number): void {
  groups.delete(pid);
  if (groups.size === 0) process.off('exit', onExit);
  swap(pid, 0);
  onGroups?.([...groups]);
}

function swap(from: number, to: number): void {
  const slot = shared?.indexOf(from) ?? -1;
  if (shared !== undefined && slot >= 0) Atomics.store(shared, slot, to);
}

/**
 * Kills every live group at once, as a process does by itself when it exits: for a worker that is about to end.
 *
 * @param pids - Another thread's, from {@link shareGroups}.
 */
export function killAllGroups(pids: Iterable<number> = groups): void {
  for (const pid of pids) if (pid !== 0) signalGroup(pid, 'SIGKILL');
}

/**
 * Keeps this thread's live groups in shared memory as well. A thread that is terminated, or whose process exits, runs
 * no code of its own any more: who terminates it passes `slots` to {@link killAllGroups}.
 *
 * @param slots - On a `SharedArrayBuffer`, all 0; one slot for each command at once.
 */
export function shareGroups(slots: Int32Array): void {
  shared = slots;
}

/** Tells of this thread's live groups whenever they change: for whoever ends them when this process cannot. */
export function watchGroups(listener: (pids: readonly number[]) => void): void {
  onGroups = listener;
}

type Kept = ReturnType<typeof keep>;

/** Collects what a stream brings. `closed` resolves when every process has closed its end. */
function keep(source: Readable | null, on: { text(text: string): void; outgrown(): void }) {
  const decoder = new StringDecoder('utf8'); // a character may be cut by the end of a chunk
  const parts: string[] = [];
  let bytes = 0;
  const add = (text: string): void => {
    if (text === '') return;
    parts.push(text);
    on.text(text);
  };
  source?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_OUTPUT_BYTES) return add(decoder.write(chunk));
    parts.length = 0;
    on.outgrown();
  });
  source?.on('error', () => undefined); // it closes as well
  return {
    closed: new Promise((settle) => (source === null ? settle(undefined) : source.once('close', settle))),
    bytes: () => bytes,
    text() {
      add(decoder.end());
      return parts.join('');
    },
    close: () => source?.destroy(),
  };
}

/** Reads what is in the pipes of a group that is gone; does not wait for processes that left the group. */
async function drain(kept: readonly Kept[]): Promise<void> {
  let isClosed = false;
  const closed = Promise.all(kept.map((one) => one.closed)).then(() => (isClosed = true));
  const bytes = (): number => kept.reduce((sum, one) => sum + one.bytes(), 0);
  for (const deadlineMs = performance.now() + LINGER_MS; ;) {
    const before = bytes();
    await pause(QUIET_MS, { sooner: closed });
    await nextTurn(); // reads what is there, even if this process was too busy to do so for longer than the pause
    if (isClosed || bytes() === before || performance.now() > deadlineMs) return;
  }
}

function pause(
  ms: number,
  { sooner, halt }: { readonly sooner?: Promise<unknown>; readonly halt?: AbortSignal | undefined },
): Promise<void> {
  return new Promise((settle) => {
    const end = (): void => {
      clearTimeout(timer);
      halt?.removeEventListener('abort', end);
      settle();
    };
    const timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(end, Math.min(ms, LONGEST_TIMER_MS));
    halt?.addEventListener('abort', end, { once: true });
    if (halt?.aborted === true) end();
    void sooner?.then(end);
  });
}
