/**
 * What a worker does with one try, wherever the worker is: finds the function, makes its arguments, runs it in the
 * scope of the try, and makes of what comes out a result or a failure of one kind. It never rejects.
 */
import type { Line, ShellResult } from '../machines/model/command.ts';
import { MissingOutputsError, RemoteError, SerializationError } from '../machines/model/errors.ts';
import type { FailureKind } from '../machines/model/failures.ts';
import type { Resources } from '../machines/model/resources.ts';
import { UnserializableError, type Serializer } from '../transport/serializers/port.ts';
import { tryOutput, type TryOutput } from './console.ts';
import { inTry, outsideTry, type Current, type TryScope } from './current.ts';
import type { Definition } from './definitions.ts';
import type { Lease, Payload, ShellSettings, Try } from './executors/port.ts';
import type { TaskFinder } from './loader.ts';
import { missingOutputs, runShell } from './run-shell.ts';
import type { TryControl } from './try-control.ts';

/** How a try ended in its worker. */
export type Outcome =
  | { readonly type: 'done'; readonly result: Payload }
  | { readonly type: 'failed'; readonly kind: FailureKind; readonly error: Payload; readonly output?: string }
  | { readonly type: 'stopped' };

/** What a worker lends to its tries. */
export interface TaskHost {
  readonly serializer: Serializer;
  /** False: values pass as they are. */
  readonly copies: boolean;
  readonly find: TaskFinder;
  /** What a try may forward of its console output. */
  readonly outputBytes: number;
  /** Names of the accelerators that its tries may use. */
  readonly accelerators?: readonly string[];
}

/** One try under way, as the worker around it sees it. */
export interface TryHooks {
  readonly control: TryControl;
  /** URL to import the module by, where it is not the one that defines it. */
  readonly importUrl?: string;
  /** @throws UnserializableError for a value that cannot cross to the driver. */
  progress(value: unknown): void;
  output(stream: 'stdout' | 'stderr', text: string): void;
}

export const runTask = (attempt: Try, host: TaskHost, hooks: TryHooks): Promise<Outcome> =>
  inScope(attempt, host, hooks, (scope) => outcomeOf(attempt, host, hooks, scope));

/** What a scope needs to know of what runs in it. */
export interface Scoped extends Lease {
  readonly resources: Resources;
  readonly shell: ShellSettings | undefined;
}

/** Makes the scope of a try, in which it is `current()` and prints, and ends it with the try. */
export async function inScope(
  { taskId, tryIndex, resources, shell }: Scoped,
  { outputBytes, accelerators = [] }: Pick<TaskHost, 'outputBytes' | 'accelerators'>,
  hooks: TryHooks,
  body: (scope: TryScope) => Promise<Outcome>,
): Promise<Outcome> {
  const { control } = hooks;
  const printed: { output?: TryOutput } = {}; // most tries print nothing
  let isOver = false;
  let current: Current | undefined; // nor asks for it
  const scope: TryScope = {
    current: () =>
      (current ??= Object.freeze({
        taskId,
        tryIndex,
        signal: control.signal(),
        resources,
        accelerators,
        workDir: shell?.cwd ?? process.cwd(),
        progress(value: unknown) {
          if (!isOver) outsideTry(() => hooks.progress(value));
        },
      })),
    print(stream, text) {
      if (isOver) return false; // left behind by a try that has ended: nobody's
      printed.output ??= tryOutput(outputBytes, (from, part) => outsideTry(() => hooks.output(from, part)));
      printed.output.print(stream, text);
      return true;
    },
  };
  const outcome = await body(scope);
  isOver = true;
  const tail = printed.output?.end();
  if (control.isAborted()) return { type: 'stopped' };
  return outcome.type === 'failed' && tail !== undefined ? { ...outcome, output: tail } : outcome;
}

async function outcomeOf(attempt: Try, host: TaskHost, hooks: TryHooks, scope: TryScope): Promise<Outcome> {
  const fail = (kind: FailureKind, error: unknown): Outcome => ({ type: 'failed', kind, error: errorPayload(error, host) });
  let definition: Definition;
  try {
    const found = host.find(attempt, hooks.importUrl);
    definition = found instanceof Promise ? await found : found;
  } catch (error) {
    return fail('unroutable', error);
  }
  if (hooks.control.isAborted()) return { type: 'stopped' };
  let args: readonly unknown[];
  try {
    args = argumentsOf(attempt, host);
  } catch (cause) {
    return fail('serialization', refused('arguments', 'args', attempt, cause));
  }
  let value: unknown;
  try {
    value = await inTry(scope, () => bodies[attempt.kind](definition, args, attempt, hooks.control, scope));
    if (attempt.outputs.length > 0 && attempt.kind === 'function') await checkOutputs(attempt);
  } catch (error) {
    return fail('app', error);
  }
  try {
    return { type: 'done', result: host.copies ? { bytes: host.serializer.encode(crossable(value), 'result') } : { value } };
  } catch (cause) {
    return fail('serialization', refused('result', 'result', attempt, cause));
  }
}

type Body = (definition: Definition, args: readonly unknown[], attempt: Try, control: TryControl, scope: TryScope) => unknown;

const bodies: Readonly<Record<Try['kind'], Body>> = {
  function: ({ fn }, args) => fn(...(args as never)),
  async shell({ fn, parse }, args, attempt, control, scope) {
    const { taskId, tryIndex, name, shell } = attempt;
    const line = (await fn(...(args as never))) as Line;
    const result: ShellResult = await runShell(line, shell, {
      taskId,
      tryIndex,
      name,
      signal: control.signal(),
      get graceMs() {
        return control.graceMs();
      },
      output: (stream, text) => {
        scope.print(stream, text);
      },
    });
    await checkOutputs(attempt);
    return parse === undefined ? result : parse(result as never);
  },
};

async function checkOutputs({ taskId, tryIndex, name, outputs }: Try): Promise<void> {
  const missing = outputs.length === 0 ? [] : await missingOutputs(outputs);
  if (missing.length === 0) return;
  throw new MissingOutputsError(`${name} (${taskId}) ended well, but did not make ${missing.join(', ')}`, {
    taskId,
    tryIndex,
    outputs: missing,
  });
}

function argumentsOf({ args }: Try, { serializer }: TaskHost): readonly unknown[] {
  const values = 'bytes' in args ? serializer.decode(args.bytes) : args.values;
  if (!Array.isArray(values)) throw new TypeError('args is not a list');
  return values as readonly unknown[];
}

/** What a function may return by mistake, named as its author would; the serializer refuses everything else. */
function crossable(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { next, pipe, getReader } = value as { readonly next?: unknown; readonly pipe?: unknown; readonly getReader?: unknown };
  if (typeof next === 'function' && (Symbol.iterator in value || Symbol.asyncIterator in value))
    throw new UnserializableError('result', 'a generator');
  if (typeof pipe === 'function' || typeof getReader === 'function') throw new UnserializableError('result', 'a stream');
  return value;
}

function refused(side: 'arguments' | 'result', root: string, { taskId, tryIndex, name }: Try, cause: unknown): SerializationError {
  const path = cause instanceof UnserializableError ? cause.path : root;
  const what = cause instanceof Error ? cause.message : String(cause);
  const way =
    side === 'result'
      ? '; a task returns one plain value: collect what a generator or stream gives, or write a file and return a File'
      : '';
  const verb = side === 'result' ? 'returned what cannot be sent back' : 'got arguments that cannot be read';
  return new SerializationError(`${name} (${taskId}) ${verb}: ${what}${way}`, { taskId, tryIndex, side, path, cause });
}

/** An error always arrives: what cannot be encoded (somebody threw a function) goes as a {@link RemoteError}. */
export function errorPayload(error: unknown, { serializer, copies }: TaskHost): Payload {
  if (!copies) return { value: error };
  try {
    return { bytes: serializer.encode(error, 'error') };
  } catch {
    return { bytes: serializer.encode(described(error), 'error') };
  }
}

function described(error: unknown): RemoteError {
  if (error instanceof Error) return new RemoteError(textOf(error.message), { name: textOf(error.name), stack: textOf(error.stack) });
  return new RemoteError(`the task threw what cannot be sent back: ${textOf(error)}`, { name: 'RemoteError' });
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value; // an object without a usable toString
  }
}
