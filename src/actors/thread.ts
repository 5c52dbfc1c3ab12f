/**
 * The thread's half of the threads executor: runs one try at a time, and speaks with the driver over a port of its
 * own about what happens meanwhile. The driver's half is {@link file://./executors/threads.ts}; the program that
 * composes this with a serializer is `api/bin/thread.ts`.
 */
import { MessageChannel, parentPort, threadId, workerData, type MessagePort } from 'node:worker_threads';

import { TaskNotFoundError } from '../machines/model/errors.ts';
import type { Serializer } from '../transport/serializers/port.ts';
import { openConsole } from './console.ts';
import type { Lease, Try } from './executors/port.ts';
import { markWorker, taskFinder, type TaskFinder } from './loader.ts';
import { shareGroups } from './run-shell.ts';
import { runTask, type Outcome, type TaskHost } from './run-task.ts';
import { tryControl, type TryControl } from './try-control.ts';

/** What a thread is started with. */
export interface ThreadData {
  readonly registers: readonly string[];
  readonly outputBytes: number;
}

/** What a thread is given to do; it answers with an {@link Outcome}. */
export interface ThreadTask {
  readonly attempt: Try;
  readonly importUrl: string;
}

/** A thread's first words; `port` is where everything else goes. */
export interface Hello {
  readonly type: 'troupe.hello';
  readonly threadId: number;
  readonly port: MessagePort;
  /** Process groups that the thread's command runs in, in shared memory. */
  readonly groups: Int32Array;
}

/** Driver → thread. */
export interface AbortMessage extends Lease {
  readonly type: 'abort';
  /** Encoded. */
  readonly reason: Uint8Array;
  readonly graceMs: number;
}

/** Thread → driver. */
export type ThreadMessage = Lease &
  (
    | { readonly type: 'progress'; readonly value: Uint8Array }
    | { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  );

/** Room for the commands of tries that were abandoned in this thread, beside the one that runs. */
const GROUPS = 16;
/** From this size on, bytes are moved rather than copied. */
const MOVED_BYTES = 64 * 1024;

/** Makes this thread a worker. Synchronous, so that the driver hears of it before it is given work. */
export function openThread(serializer: Serializer): (task: ThreadTask) => Promise<Outcome> {
  const { registers, outputBytes } = workerData as ThreadData;
  markWorker();
  openConsole(); // for as long as the thread lives
  const groups = new Int32Array(new SharedArrayBuffer(GROUPS * Int32Array.BYTES_PER_ELEMENT));
  shareGroups(groups);
  const { port1: port, port2 } = new MessageChannel();
  const hello: Hello = { type: 'troupe.hello', threadId, port: port2, groups };
  parentPort?.postMessage(hello, [port2]);

  let running: { readonly lease: Lease; readonly control: TryControl } | undefined;
  /** The two ways into a thread keep no common order: an abort may arrive before its try does. */
  let early: AbortMessage | undefined;
  port.on('message', (message: AbortMessage) => {
    if (running !== undefined && isSame(running.lease, message)) abort(running.control, message);
    else early = message;
  });
  port.unref();
  const abort = ({ abort: stop }: TryControl, { reason, graceMs }: AbortMessage): void => stop(serializer.decode(reason), graceMs);

  const host: TaskHost = { serializer, copies: true, find: registered(registers), outputBytes };

  return async ({ attempt, importUrl }) => {
    const { taskId, tryIndex } = attempt;
    const control = tryControl();
    running = { lease: { taskId, tryIndex }, control };
    if (early !== undefined && isSame(early, attempt)) abort(control, early);
    early = undefined;
    if (importUrl !== attempt.moduleUrl) process.setSourceMapsEnabled(true);
    const send = (message: ThreadMessage): void => port.postMessage(message);
    const outcome = await runTask(attempt, host, {
      control,
      importUrl,
      progress: (value) => send({ type: 'progress', taskId, tryIndex, value: serializer.encode(value, 'progress') }),
      output: (stream, text) => send({ type: 'output', taskId, tryIndex, stream, text }),
    });
    running = undefined;
    return moved(outcome);
  };
}

/** Registers the loaders of the plan before the first module is imported. */
function registered(registers: readonly string[]): TaskFinder {
  const find = taskFinder();
  if (registers.length === 0) return find;
  const done = Promise.all(registers.map(register));
  done.catch(() => {}); // every try says so
  return async (attempt, importUrl) => {
    try {
      await done;
    } catch (cause) {
      const { taskId, tryIndex, name, identity, moduleUrl } = attempt;
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new TaskNotFoundError(
        `${name} (${taskId}) was not found: the loader ${registers.join(', ')} could not be registered: ${text}`,
        {
          taskId,
          tryIndex,
          identity,
          moduleUrl,
          known: [],
          cause,
        },
      );
    }
    return find(attempt, importUrl);
  };
}

async function register(url: string): Promise<void> {
  const module = (await import(url)) as { readonly register?: () => void; readonly default?: { readonly register?: () => void } };
  (module.register ?? module.default?.register)?.();
}

const isSame = (a: Lease, b: Lease): boolean => a.taskId === b.taskId && a.tryIndex === b.tryIndex;

/** Large results are handed over; piscina is loaded only when there is one. */
async function moved(outcome: Outcome): Promise<Outcome> {
  if (outcome.type !== 'done' || !('bytes' in outcome.result)) return outcome;
  const { bytes } = outcome.result;
  if (bytes.byteLength < MOVED_BYTES || bytes.byteLength !== bytes.buffer.byteLength) return outcome;
  const { Piscina } = await import('piscina');
  return Piscina.move({
    [Piscina.transferableSymbol]: bytes.buffer,
    [Piscina.valueSymbol]: outcome,
  } as never) as unknown as Outcome;
}
