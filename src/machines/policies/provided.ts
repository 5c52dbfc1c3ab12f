/**
 * The long way to replace a policy: a published machine with other implementations of its pluggable members.
 * Once a troupe, the given machine is provided anew with each of those members behind the firewall; bounds and
 * effects must be the published ones.
 */
import type { AnyStateMachine } from 'xstate';

import { ConfigError } from '../model/errors.ts';
import { describe, trust, type Watch } from './firewall.ts';

/** The members of a machine that may be replaced. */
export interface Pluggable {
  readonly guards?: readonly string[];
  /** Actions made with `assign()`; each with the context fields it owns. */
  readonly actions?: Readonly<Record<string, { readonly fields: readonly string[]; check(context: Readonly<Record<string, unknown>>): string | undefined }>>;
  readonly delays?: Readonly<Record<string, { readonly maxMs: number }>>;
}

type Loose = Readonly<Record<string, unknown>>;
type Implementations = Readonly<Record<'guards' | 'actions' | 'delays', Loose>>;
type Guard = ((args: Loose, params: unknown) => unknown) & { readonly check?: (snapshot: unknown, args: Loose, self: unknown) => unknown };
type Resolved = readonly [{ readonly context: Loose }, ...unknown[]];
type Assign = ((args: unknown, params: unknown) => unknown) & {
  readonly type: string;
  readonly resolve: (scope: unknown, snapshot: { readonly context: Loose }, args: unknown, params: unknown, self: unknown, extra: unknown) => Resolved;
};

/**
 * @param base - The machine as published: what it implements decides after a fault.
 * @param given - `base.provide(…)`, or `base` itself.
 * @throws ConfigError for another machine, a replaced bound or effect, or a guard or action that cannot be wrapped.
 */
export function provided<M extends AnyStateMachine>(base: M, given: M, pluggable: Pluggable, watch: Watch): M {
  const field = `machines.${base.id}`;
  if (given === base) return base;
  if (given.config !== base.config) {
    throw new ConfigError(`${field} must be made with ${base.id}Machine.provide(…); its states and transitions are the contract`, { field });
  }
  const ours = base.implementations as unknown as Implementations;
  const theirs = given.implementations as unknown as Implementations;
  for (const kind of ['guards', 'actions', 'delays'] as const) {
    const open = Object.keys(toNames(pluggable[kind]));
    const closed = Object.keys(theirs[kind]).find((name) => ours[kind][name] !== theirs[kind][name] && !open.includes(name));
    if (closed !== undefined) {
      throw new ConfigError(`${field}.${kind}.${closed} is not a policy and cannot be replaced; pluggable ${kind}: ${open.join(', ') || 'none'}`, { field: `${field}.${kind}.${closed}` });
    }
  }
  const changed = (kind: keyof Implementations) => (name: string) => ours[kind][name] !== theirs[kind][name];
  const context: Wrapping = { base, ours, theirs, watch, field };
  return given.provide({
    guards: fromNames((pluggable.guards ?? []).filter(changed('guards')), (name) => wrapGuard(name, context)),
    actions: fromNames(Object.keys(pluggable.actions ?? {}).filter(changed('actions')), (name) => wrapAction(name, pluggable, context)),
    delays: fromNames(Object.keys(pluggable.delays ?? {}).filter(changed('delays')), (name) => wrapDelay(name, pluggable, context)),
  } as never) as M;
}

interface Wrapping {
  readonly base: AnyStateMachine;
  readonly ours: Implementations;
  readonly theirs: Implementations;
  readonly watch: Watch;
  readonly field: string;
}

const toNames = (members: readonly string[] | Loose | undefined): Loose => (Array.isArray(members) ? fromNames(members, () => true) : ((members ?? {}) as Loose));
const fromNames = <T>(names: readonly string[], make: (name: string) => T): Record<string, T> => Object.fromEntries(names.map((name) => [name, make(name)]));

/** What foreign code sees of the context cannot be written to. */
const shown = (args: unknown): Loose => ({ ...(args as Loose), context: Object.freeze({ ...((args as Loose)['context'] as Loose) }) });

function wrapGuard(name: string, { ours, theirs, watch, field }: Wrapping): unknown {
  const theirGuard = theirs.guards[name] as Guard;
  const ourGuard = ours.guards[name] as Guard;
  if (typeof theirGuard !== 'function' || theirGuard.check !== undefined) {
    throw new ConfigError(`${field}.guards.${name} must be a plain function; combine conditions inside it rather than with and(), or(), not()`, { field: `${field}.guards.${name}` });
  }
  const guarded = trust(`${field}.guards.${name}`, theirGuard.name || name, watch);
  return (args: Loose, params: unknown) =>
    guarded(
      () => theirGuard(shown(args), params),
      (answer) => (typeof answer === 'boolean' ? undefined : `answered ${describe(answer)}, not a boolean`),
      (answer) => answer as boolean,
      () => ourGuard(args, params),
    );
}

function wrapDelay(name: string, pluggable: Pluggable, { ours, theirs, watch, field }: Wrapping): unknown {
  const maxMs = pluggable.delays?.[name]?.maxMs ?? 0;
  const guarded = trust(`${field}.delays.${name}`, name, watch);
  const run = (delay: unknown, args: unknown, params: unknown): unknown => (typeof delay === 'function' ? (delay as (a: unknown, p: unknown) => unknown)(args, params) : delay);
  return (args: unknown, params: unknown) =>
    guarded(
      () => run(theirs.delays[name], shown(args), params),
      (ms) => (typeof ms === 'number' && ms >= 0 && ms <= maxMs ? undefined : `answered ${describe(ms)}, not 0…${maxMs} ms`),
      (ms) => ms as number,
      () => run(ours.delays[name], args, params) as number,
    );
}

function wrapAction(name: string, pluggable: Pluggable, { ours, theirs, watch, field }: Wrapping): unknown {
  const theirAction = theirs.actions[name] as Assign;
  const ourAction = ours.actions[name] as Assign;
  const { fields = [], check = () => undefined } = pluggable.actions?.[name] ?? {};
  if (typeof theirAction !== 'function' || theirAction.type !== 'xstate.assign') {
    throw new ConfigError(`${field}.actions.${name} must be made with assign()`, { field: `${field}.actions.${name}` });
  }
  const guarded = trust(`${field}.actions.${name}`, name, watch);
  const resolve: Assign['resolve'] = (scope, snapshot, args, params, _self, extra) =>
    guarded<Resolved>(
      () => theirAction.resolve(scope, { ...snapshot, context: Object.freeze({ ...snapshot.context }) }, args, params, theirAction, extra),
      (answer) => {
        const { context } = (answer as Resolved)[0];
        const wrote = Object.keys({ ...snapshot.context, ...context }).find((key) => !fields.includes(key) && context[key] !== snapshot.context[key]);
        return wrote === undefined ? check(context) : `wrote context.${wrote}`;
      },
      (answer) => answer as Resolved,
      () => ourAction.resolve(scope, snapshot, args, params, ourAction, extra),
    );
  return Object.assign(() => {}, { type: 'xstate.assign', assignment: (theirAction as unknown as Loose)['assignment'], resolve });
}
