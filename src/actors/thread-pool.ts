/**
 * The threads of one executor: piscina starts them, replaces them and hands tries to them; here is what piscina does
 * not tell: which thread a try runs in, a way to speak with it meanwhile, and that no thread will come up any more.
 */
import { hostname } from 'node:os';
import { receiveMessageOnPort, type ResourceLimits } from 'node:worker_threads';

import type { Place } from './executors/port.ts';
import { killAllGroups } from './run-shell.ts';
import type { AbortMessage, Hello, ThreadData, ThreadMessage, ThreadOutcome, ThreadTask } from './thread-protocol.ts';

export interface ThreadOptions {
  readonly workers: number;
  /** What a try may forward of its console output. */
  readonly outputBytes: number;
  /** Of each thread; see `node:worker_threads`. */
  readonly resourceLimits: ResourceLimits | undefined;
  /** Laid over the driver's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** What threads are started with. */
export interface ThreadStart {
  /** Of the module whose `runTry` a thread runs. */
  readonly program: string;
  readonly execArgv: readonly string[];
  readonly registers: readonly string[];
}

/** One thread that is up. */
export interface Lane {
  readonly place: Place;
  /** Told of every message of the thread: set by the try that runs in it. */
  listener: ((message: ThreadMessage) => void) | undefined;
  post(message: AbortMessage): void;
  /** Delivers what the thread has sent so far: it may have been overtaken by the outcome. */
  drain(): void;
  /** Resolves when the thread is gone, and every process group of it. */
  readonly gone: Promise<void>;
}

/** A try on its way through a thread. */
export interface PooledRun {
  /** Rejects when the thread ends before the try does. */
  readonly outcome: Promise<ThreadOutcome>;
  /** Ends the thread that runs it. */
  kill(): void;
}

export interface ThreadPool {
  /** `placed` is called before the try starts, once it has a thread. */
  run(task: ThreadTask, placed: (lane: Lane) => void): PooledRun;
  close(): Promise<void>;
}

export interface PoolEvents {
  /** So many threads are up. */
  onLanes(lanes: number): void;
  /** A thread has ended that ran no try. */
  onIdleLoss(worker: string, cause: unknown): void;
  /** No thread is up, and none will be. */
  onBroken(cause: unknown): void;
}

/** Threads that end without having run anything: so many in a row mean that something ends them all. */
const IDLE_LOSSES = 8;

export async function threadPool(options: ThreadOptions, start: ThreadStart, events: PoolEvents): Promise<ThreadPool> {
  const { Piscina } = await import('piscina');
  const { workers, outputBytes, env, resourceLimits } = options;
  const { program, execArgv, registers } = start;
  const lanes = new Map<number, Lane>();
  let isClosing = false;
  let idleLosses = 0;
  let lastError: unknown;

  const pool = new Piscina({
    filename: program,
    name: 'runTry',
    minThreads: workers,
    maxThreads: workers,
    idleTimeout: Number.POSITIVE_INFINITY,
    recordTiming: false,
    // no slower, and what tasks leave behind in a thread (sockets, timers) goes on between them
    atomics: 'disabled',
    execArgv: [...execArgv],
    argv: process.argv.slice(2),
    env: { ...process.env, ...env } as Record<string, string>,
    workerData: { registers, outputBytes } satisfies ThreadData,
    ...(resourceLimits === undefined ? undefined : { resourceLimits }),
    loadBalancer: (task, threads) => {
      const free = threads.find(({ id, currentUsage }) => currentUsage === 0 && lanes.has(id));
      if (free === undefined) return null;
      (task as unknown as { readonly [symbol: symbol]: Ticket })[Piscina.queueOptionsSymbol]?.placed(lanes.get(free.id) as Lane);
      return free;
    },
  });
  pool.on('error', (error: unknown) => (lastError = error)); // of a thread that runs no try
  pool.on('message', (message: unknown) => {
    if ((message as Partial<Hello> | null)?.type === 'troupe.hello') welcome(message as Hello);
  });
  pool.on('workerDestroy', () =>
    queueMicrotask(() => {
      if (pool.threads.length === 0 || idleLosses > IDLE_LOSSES) breakDown(); // else another one is coming up
    }),
  );

  function breakDown(): void {
    if (isClosing) return;
    isClosing = true;
    void pool.destroy();
    events.onBroken(lastError);
  }

  function welcome({ threadId, port, groups }: Hello): void {
    if (isClosing) {
      port.close(); // it came up after the end, and has run nothing
      return;
    }
    const place = Object.freeze({ host: hostname(), worker: `${process.pid}/${threadId}` });
    const gone = new Promise<void>((resolve) => {
      port.once('close', () => {
        lanes.delete(threadId);
        killAllGroups(groups); // nobody is left to do it
        forget(groups);
        resolve();
        if (isClosing) return;
        events.onLanes(lanes.size);
        if (lane.listener !== undefined) return; // the try says so
        idleLosses++;
        events.onIdleLoss(place.worker, lastError);
      });
    });
    const lane: Lane = {
      place,
      listener: undefined,
      post: (message) => port.postMessage(message),
      drain() {
        for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
          lane.listener?.(next.message as ThreadMessage);
      },
      get gone() {
        port.ref(); // who waits for the end of a thread keeps the process alive until it has come
        return gone;
      },
    };
    port.on('message', (message: ThreadMessage) => lane.listener?.(message));
    port.unref(); // an idle executor keeps no process alive
    lanes.set(threadId, lane);
    remember(groups);
    events.onLanes(lanes.size);
  }

  return {
    run(task, placed) {
      let abort = (): void => {};
      const signal = {
        aborted: false,
        addEventListener: (_: 'abort', listener: () => void) => (abort = listener),
        removeEventListener: () => {},
      };
      const ticket: Ticket = { placed };
      const outcome = pool.run({ ...task, [Piscina.queueOptionsSymbol]: ticket }, { signal }) as Promise<ThreadOutcome>;
      outcome.then(
        () => (idleLosses = 0),
        () => {},
      );
      return {
        outcome,
        kill() {
          if (signal.aborted) return;
          signal.aborted = true;
          abort();
        },
      };
    },
    async close() {
      isClosing = true;
      await pool.destroy();
      await Promise.all([...lanes.values()].map(({ gone }) => gone));
    },
  };
}

/** Process groups of all threads: threads run no code of theirs when the process exits. */
const live = new Set<Int32Array>();
const onExit = (): void => {
  for (const groups of live) killAllGroups(groups);
};

function remember(groups: Int32Array): void {
  if (live.size === 0) process.on('exit', onExit);
  live.add(groups);
}

function forget(groups: Int32Array): void {
  live.delete(groups);
  if (live.size === 0) process.off('exit', onExit);
}

/** Travels with a task through piscina as far as its balancer, and not into the thread: a symbol is not cloned. */
interface Ticket {
  placed(lane: Lane): void;
}
