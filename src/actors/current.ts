/**
 * What a task function can ask about the try that it runs in. The scope of a try is an `AsyncLocalStorage` under a
 * `Symbol.for`, so that `current()` of a second copy of troupe (a bundle that carries one) sees it too.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

import { NoTroupeError } from '../machines/model/errors.ts';
import type { Resources } from '../machines/model/resources.ts';

/** The try that is running, as its task function sees it. */
export interface Current {
  readonly taskId: string;
  /** From 0. */
  readonly tryIndex: number;
  /** Aborted when the try is to stop: cancelled, or over its time limit. Its `reason` says why. */
  readonly signal: AbortSignal;
  /** What the task asked for. */
  readonly resources: Resources;
  /** Accelerators given to this try, as the system names them (`0`, `GPU-3f…`); empty without any. */
  readonly accelerators: readonly string[];
  /** Where relative paths of the task start. */
  readonly workDir: string;
  /**
   * Tells the driver how far the task is; it is shown, never waited for.
   * @throws UnserializableError for a value that cannot cross to the driver.
   */
  progress(value: unknown): void;
}

/** One try of this realm and what it prints. */
export interface TryScope {
  current(): Current;
  /** Told of what the try writes to the console. True: it is taken, and does not go to the console of this process. */
  print(stream: 'stdout' | 'stderr', text: string): boolean;
}

const key = Symbol.for('troupe.current');
const holder = globalThis as { [key]?: AsyncLocalStorage<TryScope> };
const scopes: AsyncLocalStorage<TryScope> = (holder[key] ??= new AsyncLocalStorage<TryScope>());

/**
 * The try that calls this.
 * @throws NoTroupeError outside of a task function.
 */
export function current(): Current {
  const scope = scopes.getStore();
  if (scope === undefined) {
    throw new NoTroupeError('current() was called outside of a task; it says something only inside a task function while it runs', {
      candidates: [],
    });
  }
  return scope.current();
}

/** The scope of the try that calls this; `undefined` outside of a task function. */
export const scopeOfTry = (): TryScope | undefined => scopes.getStore();

/** Runs `fn`, and all that it starts, as part of a try. */
export const inTry = <T>(scope: TryScope, fn: () => T): T => scopes.run(scope, fn);

/** Runs `fn` as the driver's own code, whatever try has caused it. */
export const outsideTry = <T>(fn: () => T): T => (scopes.getStore() === undefined ? fn() : scopes.exit(fn));
