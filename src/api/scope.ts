/**
 * Which troupe a direct call of a task function means: the innermost scope or join body of this async context; else
 * the only ambient open troupe of this process; else nobody can tell, and the error names the candidates.
 * Never `enterWith`: where it binds depends on awaits inside other people's functions (docs/adr/0003).
 */
import { AsyncLocalStorage } from 'node:async_hooks';

import { outsideTry, scopeOfTry } from '../actors/current.ts';
import { NoTroupeError } from '../machines/model/errors.ts';

/** What is found: a troupe that takes calls. */
export interface Ambient {
  readonly name: string;
  readonly isAmbient: boolean;
}

/** Kept small: every timer made inside a scope keeps it alive. */
export interface Scope<T extends Ambient = Ambient> {
  readonly troupe: T;
  /** The join whose body this is. */
  readonly parentId: string | undefined;
  /** Aborted when that body is to stop: what it makes from then on is cancelled. */
  readonly signal: AbortSignal | undefined;
}

const scopes = new AsyncLocalStorage<Scope>();
const open = new Set<Ambient>();

export const opened = (troupe: Ambient): void => void open.add(troupe);
export const closed = (troupe: Ambient): void => void open.delete(troupe);

/** Runs `fn` as code of the driver that means this troupe. */
export const inScope = <T>(scope: Scope, fn: () => T): T => outsideTry(() => scopes.run(scope, fn));

export const currentScope = (): Scope | undefined => (scopeOfTry() === undefined ? scopes.getStore() : undefined);

/** A task that made tasks and waited for them would hold its worker, and with few workers for ever. @throws NoTroupeError */
export function refuseInTask(task: string): void {
  if (scopeOfTry() === undefined) return;
  throw new NoTroupeError(
    `${task}() was called inside the body of a task, which computes and makes no tasks; make the caller a join(), or call ${task}.fn()`,
    {
      candidates: [],
    },
  );
}

/** @throws NoTroupeError */
export function currentTroupe(task: string): Ambient {
  refuseInTask(task);
  const scope = scopes.getStore();
  if (scope !== undefined) return scope.troupe;
  const ambient = [...open].filter(({ isAmbient }) => isAmbient);
  const [only] = ambient;
  if (ambient.length === 1 && only !== undefined) return only;
  const candidates = ambient.map(({ name }) => name);
  throw new NoTroupeError(
    candidates.length === 0
      ? `${task}() was called while no troupe is open; await Troupe.start() first, or use troupe.run(${task}, …)`
      : `${task}() was called while ${candidates.length} troupes are open (${candidates.join(', ')}); say which: troupe.run(${task}, …) or troupe.scope(() => …)`,
    { candidates },
  );
}
