/**
 * What the driver and a thread say to each other: {@link file://./executors/threads.ts} and
 * {@link file://./thread.ts}. Tries and outcomes go through piscina, the rest over a port of each thread.
 */
import type { MessagePort } from 'node:worker_threads';

import type { FailureKind } from '../machines/model/failures.ts';
import type { Lease, Try } from './executors/port.ts';
import type { Outcome } from './run-task.ts';

/** What a thread is started with. */
export interface ThreadData {
  readonly registers: readonly string[];
  readonly outputBytes: number;
}

/** Encoded bytes. Short ones go as text, a byte a character: an ArrayBuffer costs 4 µs to clone and work to collect. */
export type Packed = string | Uint8Array;
const SHORT_BYTES = 2048;

export const pack = (bytes: Uint8Array): Packed =>
  bytes.byteLength > SHORT_BYTES ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
export const unpack = (packed: Packed): Uint8Array => (typeof packed === 'string' ? Buffer.from(packed, 'latin1') : packed);

/** What a thread is given to do: as much of a try as it needs. */
export interface ThreadTask extends Omit<Try, 'args' | 'priority' | 'timeLimitMs' | 'shell'> {
  readonly args: Packed;
  readonly shell?: Try['shell'];
  /** Where the module is imported from, when that is not where it is. */
  readonly importUrl?: string;
}

/** What it answers with. */
export type ThreadOutcome =
  | { readonly type: 'done'; readonly result: Packed }
  | { readonly type: 'failed'; readonly kind: FailureKind; readonly error: Packed; readonly output?: string }
  | { readonly type: 'stopped' };

/** A thread's first words; `port` is where everything else goes. */
export interface Hello {
  readonly type: 'troupe.hello';
  readonly threadId: number;
  readonly port: MessagePort;
  /** Process groups of the thread's commands, in shared memory. */
  readonly groups: Int32Array;
}

/** Driver → thread. */
export interface AbortMessage extends Lease {
  readonly type: 'abort';
  readonly reason: Packed;
  readonly graceMs: number;
}

/** Thread → driver. */
export type ThreadMessage = Lease &
  (
    | { readonly type: 'progress'; readonly value: Packed }
    | { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  );

export function taskOf(
  { taskId, tryIndex, kind, name, identity, moduleUrl, resources, outputs, shell }: Try,
  args: Uint8Array,
  importUrl: string,
): ThreadTask {
  return {
    taskId,
    tryIndex,
    kind,
    name,
    identity,
    moduleUrl,
    resources,
    outputs,
    args: pack(args),
    ...(shell === undefined ? undefined : { shell }),
    ...(importUrl === moduleUrl ? undefined : { importUrl }),
  };
}

/** Only for outcomes of a host that copies: they hold bytes. */
export function packOutcome(outcome: Outcome): ThreadOutcome {
  if (outcome.type === 'stopped') return outcome;
  if (outcome.type === 'done') return { type: 'done', result: pack(bytesOf(outcome.result)) };
  return { ...outcome, error: pack(bytesOf(outcome.error)) };
}

export function unpackOutcome(outcome: ThreadOutcome): Outcome {
  if (outcome.type === 'stopped') return outcome;
  if (outcome.type === 'done') return { type: 'done', result: { bytes: unpack(outcome.result) } };
  return { ...outcome, error: { bytes: unpack(outcome.error) } };
}

function bytesOf(payload: { readonly bytes: Uint8Array } | { readonly value: unknown }): Uint8Array {
  if ('bytes' in payload) return payload.bytes;
  throw new TypeError('a thread gives bytes');
}
