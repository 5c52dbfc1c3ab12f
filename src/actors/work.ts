/**
 * What a worker is given and what it answers, as bytes that nobody between the driver and the worker reads. Work is
 * either a try of a task of ours or a call of the host's own entry, with bytes for its argument.
 */
import { Decoder, Encoder } from 'cbor-x/encode';

import type { Outcome } from './run-task.ts';
import type { Try } from './executors/port.ts';
import { outcomeTags } from '../machines/model/outcome-tags.ts';
import { messageOf, type FailureKind } from '../machines/model/failures.ts';
import type { Serializer } from '../transport/serializers/port.ts';

/** A call of a function of the host: `(payload, call) => Uint8Array`, exported by a module of its own. */
export interface EntryCall {
  readonly id: string;
  readonly tryIndex: number;
  /** URL of the module. */
  readonly module: string;
  /** Name of the export. */
  readonly entry: string;
  readonly payload: Uint8Array;
}

/** A try as a worker gets it: as much of it as the worker needs. */
export interface TryOrder {
  readonly type: 'try';
  readonly attempt: Omit<Try, 'args' | 'priority' | 'timeLimitMs'> & { readonly args: { readonly bytes: Uint8Array } };
  /** Where the module is imported from, when that is not where it is. */
  readonly importUrl: string | undefined;
}
export type Order = TryOrder | { readonly type: 'call'; readonly call: EntryCall };

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });
const decoder = new Decoder({ useRecords: false });
const TRY = 0;
const CALL = 1;

export function encodeTry(attempt: Try, args: Uint8Array, importUrl: string | undefined): Uint8Array {
  const { kind, taskId, tryIndex, name, identity, moduleUrl, resources, shell, outputs } = attempt;
  return own(
    encoder.encode([TRY, kind, taskId, tryIndex, name, identity, moduleUrl, importUrl ?? null, resources, shell ?? null, outputs, args]),
  );
}

export const encodeCall = ({ id, tryIndex, module, entry, payload }: EntryCall): Uint8Array =>
  own(encoder.encode([CALL, id, tryIndex, module, entry, payload]));

/** cbor-x hands out a view of a buffer that it goes on using: what is kept is copied. */
const own = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

/** Only for bytes that the driver has made: a worker trusts its driver. */
export function decodeOrder(bytes: Uint8Array): Order {
  const [type, ...rest] = decoder.decode(bytes) as [number, ...unknown[]];
  if (type === CALL) {
    const [id, tryIndex, module, entry, payload] = rest as [string, number, string, string, Uint8Array];
    return { type: 'call', call: { id, tryIndex, module, entry, payload } };
  }
  const [kind, taskId, tryIndex, name, identity, moduleUrl, importUrl, resources, shell, outputs, args] = rest as [
    Try['kind'],
    string,
    number,
    string,
    string,
    string,
    string | null,
    Try['resources'],
    Try['shell'] | null,
    string[],
    Uint8Array,
  ];
  return {
    type: 'try',
    attempt: { kind, taskId, tryIndex, name, identity, moduleUrl, resources, shell: shell ?? undefined, outputs, args: { bytes: args } },
    importUrl: importUrl ?? undefined,
  };
}

/** For outcomes of a host that copies: they hold bytes. */
export function encodeOutcome(outcome: Outcome, serializer: Serializer): Uint8Array {
  if (outcome.type === 'stopped') return Uint8Array.of(outcomeTags.stopped);
  if (outcome.type === 'done') return tagged(outcomeTags.done, bytesOf(outcome.result));
  const { kind, error, output } = outcome;
  return tagged(outcomeTags.failed, serializer.encode([kind, bytesOf(error), output ?? null], 'outcome'));
}

/** @throws TypeError for bytes that are no outcome: they come from another process. */
export function decodeOutcome(bytes: Uint8Array, serializer: Serializer): Outcome {
  const payload = bytes.subarray(1);
  if (bytes[0] === outcomeTags.done) return { type: 'done', result: { bytes: payload } };
  if (bytes[0] === outcomeTags.stopped) return { type: 'stopped' };
  if (bytes[0] !== outcomeTags.failed) throw new TypeError(`an outcome starts with ${bytes[0] ?? 'nothing'}`);
  const fields: unknown = serializer.decode(payload);
  if (!Array.isArray(fields)) throw new TypeError('a failure is a list');
  const [kind, error, output] = fields as readonly unknown[];
  if (typeof kind !== 'string' || !workerKinds.has(kind) || !(error instanceof Uint8Array))
    throw new TypeError('a failure has a kind and an error');
  return {
    type: 'failed',
    kind: kind as FailureKind,
    error: { bytes: error },
    ...(typeof output === 'string' ? { output } : undefined),
  };
}

/** Why a try is to stop, for its abort signal; what cannot cross arrives as its text. */
export function encodeReason(reason: unknown, serializer: Serializer): Uint8Array {
  try {
    return serializer.encode(reason, 'reason');
  } catch {
    return serializer.encode(new Error(messageOf(reason)), 'reason');
  }
}

/** What a worker may say of its own tries. */
const workerKinds: ReadonlySet<string> = new Set<FailureKind>(['app', 'serialization', 'unroutable', 'internal', 'oom']);

function tagged(tag: number, payload: Uint8Array): Uint8Array {
  const all = new Uint8Array(payload.length + 1);
  all[0] = tag;
  all.set(payload, 1);
  return all;
}

function bytesOf(payload: { readonly bytes: Uint8Array } | { readonly value: unknown }): Uint8Array {
  if ('bytes' in payload) return payload.bytes;
  throw new TypeError('a worker gives bytes');
}
