/**
 * Runs tries in worker threads, one try a thread at a time. The pool is piscina; the queue is ours (`slots.ts`), so
 * piscina never holds more tries than it has threads. The thread's half is {@link file://./../thread.ts}.
 *
 * A try that ignores its abort is ended with its thread, and so is what the thread kept in memory. A thread that
 * ends in any other way (`process.exit()`, an uncaught exception, no memory left) takes its try with it, and another
 * comes up in its place.
 */
import { totalmem } from 'node:os';

import { ExecutorError, InternalError, TaskNotFoundError, WorkerLostError } from '../../machines/model/errors.ts';
import { tryOutput } from '../console.ts';
import { loadPlan, type LoaderOption, type LoadPlan } from '../load-plan.ts';
import type { Outcome } from '../run-task.ts';
import { pack, taskOf, unpack, unpackOutcome, type ThreadMessage } from '../thread-protocol.ts';
import { threadPool, type Lane, type PooledRun, type ThreadOptions, type ThreadPool } from '../thread-pool.ts';
import type { ExecutorPlugin, ExecutorPort, OpenExecutor, Try } from './port.ts';
import { slots, type SlotHooks, type SlotRun } from './slots.ts';

export interface ThreadsExecutorOptions extends ThreadOptions {
  readonly label: string;
  readonly loader: LoaderOption;
  /** The module that composes what a thread runs. */
  readonly program: URL;
}

export function threadsExecutor(options: ThreadsExecutorOptions): ExecutorPlugin {
  return Object.freeze({ kind: 'threads', label: options.label, copies: true, open: (port: ExecutorPort) => openThreads(options, port) });
}

function openThreads(options: ThreadsExecutorOptions, port: ExecutorPort): OpenExecutor {
  const { label, workers } = options;
  let running: Threads | undefined;
  let ready = (): void => {};
  let refuse = (_: ExecutorError): void => {};

  const all = slots({
    label,
    port,
    workers,
    capacity: { cores: workers, memoryBytes: totalmem() },
    run: (attempt, hooks) => threadRun(attempt, hooks, port, running as Threads), // no slot is up before
  });

  function giveUp(cause: unknown): void {
    const why = cause instanceof Error ? cause.message : 'each ends as soon as it has started';
    const error = new ExecutorError(`executor ${label} has no threads, and none will come up: ${why}`, { label, cause });
    all.giveUp(error);
    port.broken(error.message);
    refuse(error);
  }

  async function start(): Promise<void> {
    const plan = loadPlan(options.loader);
    const program = await plan.programUrlOf(options.program.href);
    const pool = await threadPool(
      options,
      { ...plan, program },
      {
        onLanes(lanes) {
          all.offer(lanes);
          if (lanes > 0) ready();
        },
        onIdleLoss: (worker, cause) => port.note('worker.lost', { worker, message: cause instanceof Error ? cause.message : 'it ended' }),
        onBroken: giveUp,
      },
    );
    running = { pool, plan };
  }

  const up = new Promise<void>((resolve, reject) => {
    ready = resolve;
    refuse = reject;
  });
  up.catch(() => {}); // whoever asks for it is told
  const started = start().catch(giveUp);

  return {
    ready: up,
    misfit: all.misfit,
    load: all.load,
    submit: all.submit,
    stop: all.stop,
    why: all.why,
    async close() {
      await all.close();
      await started;
      await running?.pool.close();
      refuse(new ExecutorError(`executor ${label} was closed before it was ready`, { label }));
    },
  };
}

interface Threads {
  readonly pool: ThreadPool;
  readonly plan: LoadPlan;
}

/** One try, from its module (which may have to be bundled first) to the outcome. */
function threadRun(attempt: Try, hooks: SlotHooks, { serializer, note }: ExecutorPort, { pool, plan }: Threads): SlotRun {
  const { taskId, tryIndex } = attempt;
  /** Kept here too, for a thread that ends and takes what it knows along. */
  const output = tryOutput(Number.POSITIVE_INFINITY, hooks.output);
  let pooled: PooledRun | undefined;
  let lane: Lane | undefined;
  let isKilled = false;
  let abort: { readonly reason: unknown; readonly graceMs: number } | undefined;

  const listen = (message: ThreadMessage): void => {
    if (message.taskId !== taskId || message.tryIndex !== tryIndex) return; // of the try before
    if (message.type === 'output') output.print(message.stream, message.text);
    else hooks.progress(serializer.decode(unpack(message.value)));
  };

  function end(outcome: Outcome): void {
    if (lane?.listener === listen) lane.listener = undefined;
    hooks.ended(outcome);
  }

  async function run(importUrl: string): Promise<Outcome> {
    if (abort !== undefined) return { type: 'stopped' };
    pooled = pool.run(taskOf(attempt, argsOf(attempt), importUrl), (place) => {
      lane = place;
      lane.listener = listen;
      hooks.started(lane.place);
      if (abort !== undefined) tell(abort);
    });
    try {
      const outcome = await pooled.outcome;
      lane?.drain();
      return unpackOutcome(outcome);
    } catch (error) {
      lane?.drain();
      if (error instanceof Error && error.name === 'DataCloneError') return unsent(error);
      await lane?.gone; // the slot and its process groups are free when they are
      return abort === undefined ? lost(error) : { type: 'stopped' };
    }
  }

  const argsOf = ({ args }: Try): Uint8Array => ('bytes' in args ? args.bytes : serializer.encode(args.values, 'args'));
  const unsent = (cause: Error): Outcome =>
    failed('internal', new InternalError(`${who} could not be sent: ${cause.message}`, { actor: taskId, cause }));

  function lost(error: unknown): Outcome {
    const cause = error instanceof Error ? error : new Error(String(error));
    const { code } = cause as { readonly code?: unknown };
    const worker = lane?.place.worker ?? 'a thread';
    const why = code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'it had no memory left' : cause.message;
    note('worker.lost', { taskId, tryIndex, worker, message: why });
    const loss = new WorkerLostError(`the thread (${worker}) that ran ${who} has ended: ${why}`, {
      taskId,
      tryIndex,
      hostname: lane?.place.host ?? '',
      cause,
    });
    return failed(code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'oom' : 'workerLost', loss);
  }

  function failed(kind: 'oom' | 'workerLost' | 'internal' | 'unroutable', error: Error): Outcome {
    const tail = output.end();
    return { type: 'failed', kind, error: { value: error }, ...(tail === undefined ? undefined : { output: tail }) };
  }

  function tell({ reason, graceMs }: NonNullable<typeof abort>): void {
    lane?.post({ type: 'abort', taskId, tryIndex, reason: pack(encoded(reason)), graceMs });
  }

  function encoded(reason: unknown): Uint8Array {
    try {
      return serializer.encode(reason, 'reason');
    } catch {
      return serializer.encode(new Error(String(reason)), 'reason');
    }
  }

  const who = `${attempt.name} (${taskId})`;
  const url = plan.importUrlOf(attempt.moduleUrl);
  const unbundled = (cause: unknown): Outcome => {
    const { identity, moduleUrl } = attempt;
    const message = `${who} was not found: ${moduleUrl} could not be prepared for threads: ${cause instanceof Error ? cause.message : String(cause)}`;
    return failed('unroutable', new TaskNotFoundError(message, { taskId, tryIndex, identity, moduleUrl, known: [], cause }));
  };
  const outcome = typeof url === 'string' ? run(url) : url.then(run, unbundled);
  outcome.then(end, (error: unknown) =>
    end(failed('internal', new InternalError(`${who}: ${String(error)}`, { actor: taskId, cause: error }))),
  );

  return {
    abort(reason, graceMs) {
      abort = { reason, graceMs };
      tell(abort);
    },
    kill() {
      if (isKilled) return;
      isKilled = true;
      if (pooled === undefined) end({ type: 'stopped' });
      else pooled.kill();
    },
  };
}
