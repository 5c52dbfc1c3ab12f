/**
 * Finds the function of a try in a worker: imports the module that defines it, once, and takes it from the table of
 * definitions. A script may define tasks and start a troupe in one file: in a worker `Troupe.start()` never settles,
 * and tells the loader, which does not wait for the rest of that module.
 */
import { knownIdentities, definitionOf, type Definition } from './definitions.ts';
import type { Try } from './executors/port.ts';
import { TaskNotFoundError } from '../machines/model/errors.ts';

/** What marks a realm (a process or a thread) as a worker's; hangs under a `Symbol.for`, for any copy of troupe. */
interface WorkerRealm {
  /** `Troupe.start()` was called. */
  started(): void;
  readonly hasStarted: boolean;
  /** Resolves when `Troupe.start()` is called the next time. */
  nextStart(): Promise<void>;
}
const key = Symbol.for('troupe.worker');
const holder = globalThis as { [key]?: WorkerRealm };

/** Marks this realm as a worker's: before any module of the user is imported. */
export function markWorker(): void {
  let hasStarted = false;
  let waiting: (() => void)[] = [];
  holder[key] = {
    started() {
      hasStarted = true;
      for (const resolve of waiting) resolve();
      waiting = [];
    },
    get hasStarted() {
      return hasStarted;
    },
    nextStart: () => new Promise((resolve) => waiting.push(resolve)),
  };
}

/** For `Troupe.start()`: what it is to await in a worker; `undefined` elsewhere. */
export function inWorker(): { neverStart(): Promise<never> } | undefined {
  const realm = holder[key];
  return (
    realm && {
      neverStart() {
        realm.started();
        return new Promise<never>(() => {});
      },
    }
  );
}

/** Gives a try its function. @throws TaskNotFoundError */
export type TaskFinder = (attempt: Wanted, importUrl?: string) => Definition | Promise<Definition>;
export type Wanted = Pick<Try, 'taskId' | 'tryIndex' | 'name' | 'identity' | 'moduleUrl'>;

/**
 * How long an import may take when a `Troupe.start()` of an earlier one never settles: a module that imports that
 * one waits for it for ever, and nothing tells.
 */
const STALLED_MS = 10_000;

export function taskFinder({ stalledMs = STALLED_MS }: { readonly stalledMs?: number } = {}): TaskFinder {
  const imports = new Map<string, Promise<void>>();

  function load(url: string): Promise<void> {
    const loading = imports.get(url) ?? importModule(url, stalledMs);
    imports.set(url, loading);
    return loading;
  }

  async function find(attempt: Wanted, importUrl: string): Promise<Definition> {
    try {
      await load(importUrl);
    } catch (cause) {
      imports.delete(importUrl); // Node remembers what failed by itself; a file that is there by now may be found
      throw notImported(attempt, cause);
    }
    const found = definitionOf(attempt.identity);
    if (found === undefined) throw notFound(attempt);
    return found;
  }

  return (attempt, importUrl = attempt.moduleUrl) => definitionOf(attempt.identity) ?? find(attempt, importUrl);
}

async function importModule(url: string, stalledMs: number): Promise<void> {
  const realm = holder[key];
  if (realm === undefined) {
    await import(url);
    return;
  }
  const started = realm.nextStart();
  const stalled = realm.hasStarted ? timeout(stalledMs) : undefined;
  const imported = import(url) as Promise<unknown>;
  imported.catch(() => {}); // when it fails after the race
  try {
    await Promise.race([imported, started, ...(stalled === undefined ? [] : [stalled.over])]);
  } finally {
    stalled?.cancel();
  }
}

function timeout(ms: number): { readonly over: Promise<void>; cancel(): void } {
  const { promise: over, resolve } = pending();
  const timer = setTimeout(resolve, ms);
  return { over, cancel: () => clearTimeout(timer) };
}

function pending(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  return { promise: new Promise<void>((done) => (resolve = done)), resolve: () => resolve() };
}

function notFound({ taskId, tryIndex, name, identity, moduleUrl }: Wanted): TaskNotFoundError {
  const known = knownIdentities();
  const list = known.length === 0 ? 'no task function at all' : known.join(', ');
  const way =
    holder[key]?.hasStarted === true
      ? 'Troupe.start() was reached there, and a worker stops reading at it: tasks must be defined above Troupe.start(), in the same file or in one that is imported'
      : 'tasks must be defined at the top level of their module, under the name they are called by';
  return new TaskNotFoundError(`${name} (${taskId}) was not found by the worker: having imported ${moduleUrl}, it knows ${list}. ${way}`, {
    taskId,
    tryIndex,
    identity,
    moduleUrl,
    known,
  });
}

function notImported({ taskId, tryIndex, name, identity, moduleUrl }: Wanted, cause: unknown): TaskNotFoundError {
  const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  const hint = codeOf(cause) === 'ERR_UNKNOWN_FILE_EXTENSION' ? "; set loader: 'bundle' (esbuild) or loader: 'tsx' on the executor" : '';
  return new TaskNotFoundError(`${name} (${taskId}) was not found: the worker could not import ${moduleUrl}: ${text}${hint}`, {
    taskId,
    tryIndex,
    identity,
    moduleUrl,
    known: knownIdentities(),
    cause,
  });
}

/** A finder for modules that need loaders, and a way to import modules before they are wanted. */
export interface RegisteredFinder {
  readonly find: TaskFinder;
  /** Settles when the loaders are there. Rejects when they cannot be. */
  readonly registered: Promise<unknown>;
  /** Imports a module that may be wanted: what is wrong with it is said when it is. */
  preload(url: string): Promise<void>;
}

/** @param registers - URLs of modules with a `register()`: called before the first module is imported. */
export function registeredFinder(registers: readonly string[]): RegisteredFinder {
  const find = taskFinder();
  const registered = Promise.all(registers.map(register));
  registered.catch(() => {}); // every try says so
  const preload = (url: string): Promise<void> => registered.then(() => importModule(url, STALLED_MS)).catch(() => {});
  if (registers.length === 0) return { find, registered, preload };
  return {
    registered,
    preload,
    async find(attempt, importUrl) {
      try {
        await registered;
      } catch (cause) {
        const { taskId, tryIndex, name, identity, moduleUrl } = attempt;
        const text = cause instanceof Error ? cause.message : String(cause);
        throw new TaskNotFoundError(
          `${name} (${taskId}) was not found: the loader ${registers.join(', ')} could not be registered: ${text}`,
          { taskId, tryIndex, identity, moduleUrl, known: [], cause },
        );
      }
      return find(attempt, importUrl);
    },
  };
}

async function register(url: string): Promise<void> {
  const module = (await import(url)) as { readonly register?: () => void; readonly default?: { readonly register?: () => void } };
  (module.register ?? module.default?.register)?.();
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code;
