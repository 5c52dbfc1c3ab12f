/**
 * What a worker does with one call of a host's own entry: imports the host's module, calls what it exports with bytes,
 * and takes bytes. It has the scope of a try: what it prints is forwarded, and `current()` works. It never rejects.
 */
import { SerializationError, TaskNotFoundError } from '../machines/model/errors.ts';
import type { FailureKind } from '../machines/model/failures.ts';
import { inTry } from './current.ts';
import { errorPayload, inScope, type Outcome, type TaskHost, type TryHooks } from './run-task.ts';
import type { EntryCall } from './work.ts';

/** One call, as the host's function sees it. */
export interface HostCall {
  /** What the host has called it. */
  readonly id: string;
  /** From 0. */
  readonly tryIndex: number;
  /** Aborted when the call is to stop; its `reason` says why. */
  readonly signal: AbortSignal;
  /** Accelerators of this worker, as the system names them. */
  readonly accelerators: readonly string[];
  /** Tells the host how far the call is. */
  progress(bytes: Uint8Array): void;
}

/** A function of the host, exported by a module of its own. */
export type HostEntry = (payload: Uint8Array, call: HostCall) => Uint8Array | Promise<Uint8Array>;

/** @param ready - Settles when the worker's loaders are there. */
export async function runCall(call: EntryCall, host: TaskHost, hooks: TryHooks, ready: Promise<unknown>): Promise<Outcome> {
  const { id, tryIndex, payload } = call;
  const { control } = hooks;
  const { accelerators = [] } = host;
  const fail = (kind: FailureKind, error: unknown): Outcome => ({ type: 'failed', kind, error: errorPayload(error, host) });
  return inScope({ taskId: id, tryIndex, resources: {}, shell: undefined }, host, hooks, async (scope) => {
    let entry: HostEntry;
    try {
      await ready;
      entry = await entryOf(call);
    } catch (error) {
      return fail('unroutable', error);
    }
    if (control.isAborted()) return { type: 'stopped' };
    const given: HostCall = {
      id,
      tryIndex,
      get signal() {
        return control.signal();
      },
      accelerators,
      progress: hooks.progress,
    };
    let bytes: unknown;
    try {
      bytes = await inTry(scope, () => entry(payload, given));
    } catch (error) {
      return fail('app', error);
    }
    try {
      return { type: 'done', result: { bytes: checked(bytes, 'result') } };
    } catch (cause) {
      const message = `${call.entry} (${id}) returned what cannot be sent back: ${cause instanceof Error ? cause.message : ''}`;
      return fail('serialization', new SerializationError(message, { taskId: id, tryIndex, side: 'result', path: 'result', cause }));
    }
  });
}

/** @throws TypeError for what is no bytes. */
export function checked(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`${what} is ${value === null ? 'null' : `of the type ${typeof value}`}: a call gives bytes, a Uint8Array`);
}

async function entryOf({ id, tryIndex, module, entry }: EntryCall): Promise<HostEntry> {
  const notFound = (why: string, known: readonly string[], cause?: unknown): TaskNotFoundError =>
    new TaskNotFoundError(`${entry} (${id}) was not found by the worker: ${why}`, {
      taskId: id,
      tryIndex,
      identity: `${module}#${entry}`,
      moduleUrl: module,
      known,
      ...(cause === undefined ? undefined : { cause }),
    });
  let found: Readonly<Record<string, unknown>>;
  try {
    found = (await import(module)) as typeof found;
  } catch (cause) {
    throw notFound(`it could not import ${module}: ${cause instanceof Error ? cause.message : String(cause)}`, [], cause);
  }
  const value = found[entry];
  if (typeof value === 'function') return value as HostEntry;
  const known = Object.keys(found);
  throw notFound(`${module} exports ${known.length === 0 ? 'nothing' : known.join(', ')}, and no function of that name`, known);
}
