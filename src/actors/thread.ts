/**
 * The thread's half of the threads executor: runs one try at a time, and speaks with the driver over a port of its
 * own about what happens meanwhile. The driver's half is {@link file://./executors/threads.ts}; the program that
 * composes this with a serializer is `api/bin/thread.ts`.
 */
import { MessageChannel, parentPort, threadId, workerData } from 'node:worker_threads';

import type { Serializer } from '../transport/serializers/port.ts';
import { openConsole } from './console.ts';
import type { Lease, Try } from './executors/port.ts';
import { markWorker, registeredFinder } from './loader.ts';
import { shareGroups } from './run-shell.ts';
import { runTask, type TaskHost } from './run-task.ts';
import {
  pack,
  packOutcome,
  unpack,
  type AbortMessage,
  type Hello,
  type ThreadData,
  type ThreadMessage,
  type ThreadOutcome,
  type ThreadTask,
} from './thread-protocol.ts';
import { tryControl, type TryControl } from './try-control.ts';

/** Room for the commands of tries that were abandoned in this thread, beside the one that runs. */
const GROUPS = 16;
/** From this size on, bytes are moved rather than copied. */
const MOVED_BYTES = 64 * 1024;

/** Makes this thread a worker. Synchronous, so that the driver hears of it before it is given work. */
export function openThread(serializer: Serializer): (task: ThreadTask) => Promise<ThreadOutcome> {
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
  const abort = ({ abort: stop }: TryControl, { reason, graceMs }: AbortMessage): void => stop(serializer.decode(unpack(reason)), graceMs);

  const host: TaskHost = { serializer, copies: true, find: registeredFinder(registers).find, outputBytes };

  return async ({ importUrl, ...task }) => {
    const { taskId, tryIndex } = task;
    const attempt: Try = { shell: undefined, ...task, args: { bytes: unpack(task.args) }, priority: 0, timeLimitMs: undefined };
    const control = tryControl();
    running = { lease: { taskId, tryIndex }, control };
    if (early !== undefined && isSame(early, attempt)) abort(control, early);
    early = undefined;
    if (importUrl !== undefined) process.setSourceMapsEnabled(true);
    const send = (message: ThreadMessage): void => port.postMessage(message);
    const outcome = await runTask(attempt, host, {
      control,
      ...(importUrl === undefined ? undefined : { importUrl }),
      progress: (value) => send({ type: 'progress', taskId, tryIndex, value: pack(serializer.encode(value, 'progress')) }),
      output: (stream, text) => send({ type: 'output', taskId, tryIndex, stream, text }),
    });
    running = undefined;
    return moved(packOutcome(outcome));
  };
}

const isSame = (a: Lease, b: Lease): boolean => a.taskId === b.taskId && a.tryIndex === b.tryIndex;

/** Large results are handed over; piscina is loaded only when there is one. */
async function moved(outcome: ThreadOutcome): Promise<ThreadOutcome> {
  if (outcome.type !== 'done' || typeof outcome.result === 'string') return outcome;
  const { buffer, byteLength } = outcome.result;
  if (byteLength < MOVED_BYTES || byteLength !== buffer.byteLength) return outcome;
  const { Piscina } = await import('piscina');
  return Piscina.move({ [Piscina.transferableSymbol]: buffer, [Piscina.valueSymbol]: outcome } as never) as unknown as ThreadOutcome;
}
