/**
 * Starts the worker processes of a manager: each in a process group of its own, bound to its cores, with a pipe for
 * each direction, so that what it has sent can be read to the end when it is gone. The process's side is
 * {@link file://./worker.ts}.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { binding } from './affinity.ts';
import { CONNECT } from './config.ts';
import { descriptors } from './descriptors.ts';
import { exitText, type SpawnWorker, type SpawnWorkerOptions, type WorkerExit, type WorkerProcess } from './handle.ts';
import { outOfMemory } from './out-of-memory.ts';
import type { FromWorker, ToWorker } from './pipe-protocol.ts';
import { MARK, strayGroups } from './strays.ts';
import { openWatchdog, type Watchdog } from './watchdog.ts';

export interface WorkerSpawnerOptions {
  /** URL of the worker's program. */
  readonly program: string;
  readonly execArgv: readonly string[];
  /** Folder for what workers write. */
  readonly logDir: string | undefined;
  readonly openPipe: OpenPipe;
  log(text: string): void;
}

/** The manager's end of the pipe; comes from a transport. */
export type OpenPipe = (
  ends: { readonly readable: Readable; readonly writable: Writable },
  handlers: {
    messages(messages: readonly FromWorker[]): void;
    closed(reason: string): void;
    faulted(what: string): void;
  },
) => { send(message: ToWorker): void; destroy(): void };

/** What is kept of the end of what a worker writes. */
const TAIL_BYTES = 4096;
/** A process that is gone closes its pipes at once; one that was left behind may hold some of them open. */
const LINGER_MS = 500;

/** When strays are looked for again: what is just being started has no environment for a moment. */
const SWEEPS_MS = [100, 500] as const;

export function workerSpawner(options: WorkerSpawnerOptions): SpawnWorker {
  const memory = outOfMemory();
  const watchdog = openWatchdog((why) => options.log(`the watchdog of the workers is gone: ${why}`));
  let started = 0;
  return (asked) => {
    const mark = `${process.pid}.${++started}.${Date.now()}`;
    try {
      return watched(start(options, asked, mark), asked, options, {
        watchdog,
        hasRunOutOfMemory: memory.hasStruck,
        strays: () => strayGroups(mark),
      });
    } catch (error) {
      const stderr = `${error instanceof Error ? error.message : String(error)}\n`; // no memory, no descriptors, no such flag
      setImmediate(() => asked.onClosed({ code: undefined, signal: undefined, stderr, isOutOfMemory: false }));
      return { pid: 0, send() {}, kill() {} };
    }
  };
}

function start({ program, execArgv }: WorkerSpawnerOptions, { env, cores }: SpawnWorkerOptions, mark: string): ChildProcess {
  const { [CONNECT]: _secret, ...inherited } = process.env; // not for code of the user
  const [file, ...args] = [...binding(cores), process.execPath, ...execArgv, fileURLToPath(program)];
  return spawn(file, args, {
    detached: true, // a session and group of its own
    env: { ...inherited, ...env, [MARK]: mark },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
}

interface Surroundings {
  readonly watchdog: Watchdog;
  hasRunOutOfMemory(): boolean;
  strays(): readonly number[];
}

function watched(
  child: ChildProcess,
  { slot, onMessages, onClosed }: SpawnWorkerOptions,
  { openPipe, logDir }: WorkerSpawnerOptions,
  { watchdog, hasRunOutOfMemory, strays }: Surroundings,
): WorkerProcess {
  const { pid = 0 } = child;
  let groups: readonly number[] = [];
  let wasKilled = false;
  let failure = '';
  let exit: Pick<WorkerExit, 'code' | 'signal'> | undefined;
  let isClosed = false;
  const tail = tailOf([child.stdout, child.stderr], logDir === undefined ? undefined : join(logDir, `worker-${slot}.log`));

  const kill = (): void => {
    for (const group of pid === 0 ? groups : [pid, ...groups]) killGroup(group);
  };
  function setGroups(now: readonly number[]): void {
    for (const group of now) if (!groups.includes(group)) watchdog.add(group);
    for (const group of groups) if (!now.includes(group)) watchdog.remove(group);
    groups = now;
  }

  const { readable, writable } = endsOf(child);
  let isRead = false;
  const pipe = openPipe(
    { readable, writable },
    {
      messages(messages) {
        const live = messages.findLast((message) => message.t === 'groups');
        if (live !== undefined) setGroups(live.pids);
        onMessages(messages);
      },
      closed() {
        isRead = true;
        if (exit === undefined) patience.start(); // it closes when it exits, which it is about to tell
        settle();
      },
      faulted(what) {
        failure = `what it sent could not be read: ${what}\n`;
        kill();
      },
    },
  );

  /** Waits for what should come at once; then does without. */
  const patience = onceAfter(LINGER_MS, () => {
    if (exit === undefined) kill();
    else {
      isRead = true;
      pipe.destroy();
      tail.close();
    }
    settle();
  });

  const sweep = (): void => strays().forEach(killGroup);

  function gone(how: NonNullable<typeof exit>): void {
    if (exit !== undefined) return;
    exit = how;
    kill(); // what it has left behind
    if (how.signal !== undefined) {
      sweep();
      for (const ms of SWEEPS_MS) setTimeout(sweep, ms).unref();
    }
    patience.restart();
    settle();
  }
  child.once('error', ({ message }) => {
    failure = `${message}\n`;
    gone({ code: undefined, signal: undefined });
  });
  child.once('exit', (code, signal) => gone({ code: code ?? undefined, signal: signal ?? undefined }));
  tail.whenClosed(settle);
  if (pid !== 0) watchdog.add(pid);

  function settle(): void {
    if (isClosed || exit === undefined || !isRead || !(tail.isClosed() || pid === 0)) return;
    isClosed = true;
    patience.stop();
    setGroups([]);
    if (pid !== 0) watchdog.remove(pid);
    const stderr = tail.text() + failure;
    const isKilled = exit.signal === 'SIGKILL' && !wasKilled;
    onClosed({ ...exit, stderr, isOutOfMemory: /heap out of memory/i.test(stderr) || (isKilled && hasRunOutOfMemory()) });
    tail.end(`troupe: process ${pid}: ${exitText({ ...exit, stderr: '', isOutOfMemory: false })}\n`);
  }

  return {
    pid,
    send: (message) => pipe.send(message),
    kill() {
      wasKilled = true;
      kill();
    },
  };
}

function endsOf({ stdio }: ChildProcess): { readonly readable: Readable; readonly writable: Writable } {
  return { readable: stdio[descriptors.answers] as Readable, writable: stdio[descriptors.orders] as Writable };
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // gone already
  }
}

/** The end of what comes on some streams; all of it goes to a file, when there is one. */
function tailOf(streams: readonly (Readable | null)[], file: string | undefined) {
  let text = Buffer.alloc(0);
  let open = streams.length;
  const log = file === undefined ? undefined : openLog(file);
  for (const stream of streams) {
    stream?.on('data', (chunk: Buffer) => {
      log?.write(chunk);
      text = Buffer.concat([text, chunk]);
      if (text.length > TAIL_BYTES) text = Buffer.from(text.subarray(-TAIL_BYTES));
    });
    stream?.on('error', () => {}); // it closes as well
    stream?.once('close', () => open--);
  }
  return {
    text: () => text.toString('utf8'),
    isClosed: () => open === 0,
    whenClosed(fn: () => void) {
      for (const stream of streams) stream?.once('close', fn);
    },
    close() {
      open = 0;
      for (const stream of streams) stream?.destroy();
    },
    end: (line: string) => log?.end(line),
  };
}

/** A disk that is full is no reason to end anything. */
function openLog(file: string): Writable {
  try {
    mkdirSync(join(file, '..'), { recursive: true });
  } catch {
    // the stream says so
  }
  const log = createWriteStream(file, { flags: 'a' });
  log.on('error', () => {});
  return log;
}

function onceAfter(ms: number, fn: () => void): { start(): void; restart(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  const start = (): void => void (timer ??= setTimeout(fn, ms));
  const stop = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    start,
    stop,
    restart() {
      stop();
      start();
    },
  };
}
