/**
 * The long way to replace a policy: a published machine with other implementations of its pluggable members.
 * Once a troupe, the given machine is provided anew with each of those members behind the firewall; bounds and
 * effects must be the published ones.
 */
import { assign, type AnyStateMachine } from 'xstate';

import { ConfigError } from '../model/errors.ts';
import { asRecord, describe, sealed, trust, type Watch } from './firewall.ts';
import type { Read } from './port.ts';

/** The members of a machine that may be replaced, each with the kind of policy whose answer it carries out. */
export interface Pluggable {
  readonly guards?: Readonly<Record<string, Member>>;
  /** Actions made with `assign()`: how each context field that they own is read of what they assign. */
  readonly actions?: Readonly<Record<string, Member & { readonly fields: Readonly<Record<string, (value: unknown) => Read<unknown>>> }>>;
  readonly delays?: Readonly<Record<string, Member & { readonly maxMs: number }>>;
}
interface Member {
  readonly policy: string;
}

type Loose = Readonly<Record<string, unknown>>;
type Call = (args: Loose, params: unknown) => unknown;
type Implementations = Readonly<Record<'guards' | 'actions' | 'delays', Loose>>;

/**
 * @param base - The machine as published: what it implements decides after a fault.
 * @param given - `base.provide(…)`, or `base` itself.
 * @throws ConfigError for another machine, a replaced bound or effect, or a guard or action that cannot be wrapped.
 */
export function provided<M extends AnyStateMachine>(base: M, given: M, pluggable: Pluggable, watch: Watch): M {
  const field = `machines.${base.id}`;
  if (given === base) return base;
  if (given.config !== base.config) {
    throw new ConfigError(`${field} must be made with ${base.id}Machine.provide(…); its states and transitions are the contract`, {
      field,
    });
  }
  const ours = base.implementations as unknown as Implementations;
  const theirs = given.implementations as unknown as Implementations;
  const wrapped = { guards: {}, actions: {}, delays: {} } as Record<keyof Implementations, Record<string, unknown>>;
  for (const kind of ['guards', 'actions', 'delays'] as const) {
    const open = pluggable[kind] ?? {};
    for (const name of Object.keys(theirs[kind]).filter((each) => ours[kind][each] !== theirs[kind][each])) {
      const path = `${field}.${kind}.${name}`;
      if (!Object.hasOwn(open, name)) {
        throw new ConfigError(
          `${path} is not a policy and cannot be replaced; pluggable ${kind}: ${Object.keys(open).join(', ') || 'none'}`,
          { field: path },
        );
      }
      wrapped[kind][name] = wrap[kind]({ path, theirs: theirs[kind][name], ours: ours[kind][name], pluggable, name, watch });
    }
  }
  return given.provide(wrapped as never) as M;
}

interface Wrapping {
  /** For faults and errors: `machines.task.guards.shouldRetry`. */
  readonly path: string;
  readonly name: string;
  readonly theirs: unknown;
  readonly ours: unknown;
  readonly pluggable: Pluggable;
  readonly watch: Watch;
}

/** What foreign code is given: nothing to write to, and no actor to speak to. */
const shown = ({ context, event }: Loose): Loose => ({ context: sealed(context), event: sealed(event) });

const wrap: { readonly [K in keyof Implementations]: (wrapping: Wrapping) => unknown } = {
  guards({ path, name, theirs, ours, watch }) {
    if (typeof theirs !== 'function' || 'check' in theirs) {
      throw new ConfigError(`${path} must be a plain function; combine conditions inside it rather than with and(), or(), not()`, {
        field: path,
        value: theirs,
      });
    }
    const guarded = trust(path, theirs.name || name, watch);
    return (args: Loose, params: unknown) =>
      guarded<boolean>(
        () => (theirs as Call)(shown(args), params),
        (answer) => (typeof answer === 'boolean' ? { ok: answer } : { wrong: `answered ${describe(answer)}, not a boolean` }),
        () => (ours as Call)(args, params) as boolean,
      );
  },
  actions({ path, name, theirs, ours, pluggable, watch }) {
    if (!isAssign(theirs)) throw new ConfigError(`${path} must be made with assign()`, { field: path, value: theirs });
    const fields = pluggable.actions?.[name]?.fields ?? {};
    const guarded = trust(path, name, watch);
    return assign((args: Loose, params: unknown) =>
      guarded<object>(
        () => assigned(theirs, shown(args), params),
        (update) => readUpdate(update, fields, args['context'] as Loose),
        () => assigned(ours as Assign, args, params) as object,
      ),
    );
  },
  delays({ path, name, theirs, ours, pluggable, watch }) {
    const maxMs = pluggable.delays?.[name]?.maxMs ?? 0;
    const guarded = trust(path, name, watch);
    return (args: Loose, params: unknown) =>
      guarded<number>(
        () => called(theirs, shown(args), params),
        (ms) => (typeof ms === 'number' && ms >= 0 && ms <= maxMs ? { ok: ms } : { wrong: `answered ${describe(ms)}, not 0…${maxMs} ms` }),
        () => called(ours, args, params) as number,
      );
  },
};

/** What `assign(…)` returns: XState resolves it, by calling what it was made of. */
interface Assign {
  readonly type: 'xstate.assign';
  readonly assignment: Loose | Call;
}
const isAssign = (action: unknown): action is Assign =>
  typeof action === 'function' && 'assignment' in action && 'type' in action && action.type === 'xstate.assign';

const called = (value: unknown, args: Loose, params: unknown): unknown =>
  typeof value === 'function' ? (value as Call)(args, params) : value;

/** As XState does, but without an actor to spawn from or to send to. */
function assigned({ assignment }: Assign, args: Loose, params: unknown): unknown {
  if (typeof assignment === 'function') return assignment(args, params);
  return Object.fromEntries(Object.entries(assignment).map(([key, value]) => [key, called(value, args, params)]));
}

function readUpdate(update: unknown, fields: Readonly<Record<string, (value: unknown) => Read<unknown>>>, context: Loose): Read<object> {
  const given = asRecord(update);
  if (typeof given === 'string') return { wrong: `assigned ${describe(update)}, not fields` };
  const read: Record<string, unknown> = {};
  for (const key of Object.keys(given)) {
    const value = given[key];
    const reader = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (reader === undefined) {
      if (value === context[key]) continue; // a copy of the whole context
      return { wrong: `wrote context.${key}` };
    }
    const field = reader(value);
    if ('wrong' in field) return field;
    read[key] = field.ok;
  }
  return { ok: read };
}
