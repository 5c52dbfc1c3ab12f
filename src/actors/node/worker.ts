/**
 * The process's half of a worker: runs what its manager orders, strictly one after another, and says how each ended.
 * The manager's half is {@link file://./handle.ts}; the program that composes this is `api/bin/worker.ts`.
 *
 * What throws outside of a try (an uncaught exception, an unhandled rejection) ends the process, as anywhere in Node,
 * and so does `process.exit()` in a task: the manager says so of the try that ran. When the pipe closes, the manager is
 * gone, and the process ends at once with its commands.
 */
import type { Serializer } from '../../transport/serializers/port.ts';
import { openConsole } from '../console.ts';
import { markWorker, registeredFinder, type RegisteredFinder } from '../loader.ts';
import { watchGroups } from '../run-shell.ts';
import { tryControl, type TryControl } from '../try-control.ts';
import type { FromWorker, ToWorker } from './pipe-protocol.ts';
import { orderRunner } from './run-order.ts';

export interface WorkerOptions {
  readonly serializer: Serializer;
  /** The worker's end of its pipe; comes from a transport. */
  openPipe(handlers: WorkerPipeHandlers): { send(message: FromWorker): void; flush(): void; end(): void };
  /** Largest outcome that fits in a frame. */
  readonly outcomeBytes: number;
}

export interface WorkerPipeHandlers {
  messages(messages: readonly ToWorker[]): void;
  closed(reason: string): void;
  faulted(what: string): void;
}

interface Job {
  readonly lease: number;
  readonly work: Uint8Array;
}
type Setup = Extract<ToWorker, { t: 'setup' }>;

/** So long it may run tries without a look at its pipe. */
const LOOK_MS = 1;
/** Progress and output within so long go together. */
const GATHER_MS = 10;
/** Outcomes of one message, together: what is larger goes alone. */
const COLUMN_BYTES = 1024 ** 2;

export function openWorker({ serializer, openPipe, outcomeBytes }: WorkerOptions): void {
  markWorker();
  openConsole(); // for as long as the process lives
  let queue: Job[] = [];
  let running: { readonly lease: number; readonly control: TryControl } | undefined;
  let isBusy = false;
  let isEnding = false;
  let finder: RegisteredFinder | undefined;
  let runOrder: ReturnType<typeof orderRunner> | undefined;
  let preload: string[] = [];
  let isImporting = false;
  let ends = columns();
  let isDue = false;
  let toldMs = 0;

  function ended(lease: number, outcome: Uint8Array, tookMs: number): void {
    if (ends.bytes > 0 && ends.bytes + outcome.length > COLUMN_BYTES) flush();
    ends.leases.push(lease);
    ends.outcomes.push(outcome);
    ends.bytes += outcome.length;
    ends.totalMs += tookMs;
    ends.longestMs = Math.max(ends.longestMs, tookMs);
    if (isDue) return;
    isDue = true;
    setImmediate(() => {
      isDue = false;
      flush();
    });
  }

  function flush(): void {
    if (ends.leases.length === 0) return;
    const { leases, outcomes, totalMs, longestMs } = ends;
    ends = columns();
    pipe.send({ t: 'ended', leases, outcomes, totalMs, longestMs });
  }

  /** At once, as far as that is possible, since a function may never give its thread back; what comes in numbers is gathered. */
  function tell(message: FromWorker): void {
    pipe.send(message);
    const nowMs = performance.now();
    if (nowMs - toldMs < GATHER_MS) return;
    toldMs = nowMs;
    pipe.flush();
  }

  async function runAll(): Promise<void> {
    isBusy = true;
    let lookedMs = performance.now();
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const { lease, work } = job;
      const control = tryControl();
      running = { lease, control };
      const beganMs = performance.now();
      const outcome = await (runOrder as NonNullable<typeof runOrder>)(work, {
        control,
        progress: (value) => tell({ t: 'progress', lease, value }),
        output: (stream, text) => tell({ t: 'output', lease, stream, text }),
      });
      const nowMs = performance.now();
      running = undefined;
      ended(lease, outcome, nowMs - beganMs);
      if (queue.length > 0 && nowMs - lookedMs > LOOK_MS) {
        await look();
        lookedMs = performance.now();
      }
    }
    isBusy = false;
    flush();
    if (isEnding) pipe.end();
    else if (preload.length > 0) setImmediate(importAhead);
  }

  /** While there is nothing to run. */
  function importAhead(): void {
    if (isBusy || isImporting) return;
    const [url, ...rest] = preload;
    if (url === undefined || finder === undefined) return;
    preload = rest;
    isImporting = true;
    void finder.preload(url).then(() => {
      isImporting = false;
      setImmediate(importAhead);
    });
  }

  /** Takes those that have not started out of the queue. */
  function revoke(leases: readonly number[]): void {
    const wanted = new Set(leases);
    const back = queue.filter(({ lease }) => wanted.has(lease)).map(({ lease }) => lease);
    for (const lease of back) wanted.delete(lease);
    queue = queue.filter(({ lease }) => !back.includes(lease));
    flush(); // what ended before is said before
    pipe.send({ t: 'revoked', leases: back, kept: [...wanted] });
  }

  const handlers: { readonly [T in ToWorker['t']]: (message: Extract<ToWorker, { t: T }>) => void } = {
    setup({ registers, outputBytes, accelerators, preload: urls }: Setup) {
      finder = registeredFinder(registers);
      runOrder = orderRunner({ serializer, finder, outputBytes, accelerators, outcomeBytes });
      preload = [...urls];
      setImmediate(importAhead);
    },
    run({ leases, works }) {
      for (const [i, lease] of leases.entries()) queue.push({ lease, work: works[i] as Uint8Array });
      if (!isBusy) void runAll();
    },
    revoke: ({ leases }) => revoke(leases),
    stop({ lease, reason, graceMs }) {
      if (running?.lease === lease) running.control.abort(decoded(reason), graceMs);
      else revoke([lease]);
    },
    end({ graceMs }) {
      isEnding = true;
      revoke(queue.map(({ lease }) => lease));
      if (isBusy) running?.control.abort(new Error('the manager of this worker is ending'), graceMs);
      else pipe.end();
    },
  };

  function decoded(reason: Uint8Array): unknown {
    try {
      return serializer.decode(reason);
    } catch {
      return undefined; // none was given
    }
  }

  const pipe = openPipe({
    messages(messages) {
      for (const message of messages) (handlers[message.t] as (said: ToWorker) => void)(message);
    },
    closed: () => process.exit(),
    faulted: (what) => process.stderr.write(`troupe: what came from the manager could not be read: ${what}\n`),
  });
  watchGroups((pids) => pipe.send({ t: 'groups', pids }));
  process.on('exit', () => {
    flush();
    pipe.end(); // writes at once
  });
  pipe.send({ t: 'ready' });
}

/**
 * A look at what has come meanwhile. The rest of this turn still belongs to what was there before it; what has come
 * since is read in the next.
 */
const look = (): Promise<void> => new Promise((resolve) => void setImmediate(() => setImmediate(resolve)));

const columns = () => ({ leases: [] as number[], outcomes: [] as Uint8Array[], bytes: 0, totalMs: 0, longestMs: 0 });
