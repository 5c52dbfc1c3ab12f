/**
 * A flat machine as plain actor logic: the same object's states, guards, actions and assignments, in the same order,
 * at a fraction of the cost, for machines that exist by the thousand. XState runs it like any other logic, with
 * snapshots, inspection and errors as usual. `test/property/compiled.test.ts` shows that both mean the same.
 *
 * Flat means: named states, guards and actions only; no nesting, history, invoke, spawn, after or always.
 */
import type { AnyActorScope, AnyStateMachine, EventObject } from 'xstate';

type Context = Readonly<Record<string, unknown>>;
type Args = { readonly context: Context; readonly event: EventObject; readonly self: unknown; readonly system: unknown };
type Params = Readonly<Record<string, unknown>> | ((args: Args) => unknown) | undefined;
type Guard = (args: Args, params: undefined) => boolean;
type Assignment = ((args: Args, params: unknown) => Context) | Readonly<Record<string, unknown>>;

/** One action with its implementation. */
interface Step {
  readonly type: string;
  readonly params: Params;
  readonly assignment: Assignment | undefined;
  readonly exec: ((args: Args, params: unknown) => void) | undefined;
}
interface Transition {
  readonly guard: Guard | undefined;
  /** `undefined` stays, without leaving. */
  readonly target: string | undefined;
  readonly actions: readonly Step[];
}
interface State {
  readonly entry: readonly Step[];
  readonly exit: readonly Step[];
  readonly on: Readonly<Record<string, readonly Transition[]>>;
  readonly isFinal: boolean;
  readonly tags: ReadonlySet<string>;
}
interface Table {
  readonly machine: AnyStateMachine;
  readonly states: Readonly<Record<string, State>>;
}

/** As much of a machine snapshot as its readers use; methods are on the prototype, so it is small. */
class FlatSnapshot {
  readonly status: 'active' | 'done';
  readonly value: string;
  readonly context: Context;
  readonly output = undefined;
  readonly error = undefined;
  readonly #table: Table;

  constructor(table: Table, value: string, context: Context) {
    this.#table = table;
    this.value = value;
    this.context = context;
    this.status = table.states[value]?.isFinal === true ? 'done' : 'active';
  }
  get machine(): AnyStateMachine {
    return this.#table.machine;
  }
  get tags(): ReadonlySet<string> {
    return this.#table.states[this.value]?.tags ?? new Set();
  }
  get children(): object {
    return {};
  }
  matches(value: unknown): boolean {
    return value === this.value;
  }
  hasTag(tag: string): boolean {
    return this.tags.has(tag);
  }
  can(event: EventObject): boolean {
    return select(this.#table, this, event, undefined) !== undefined;
  }
  getMeta(): object {
    return {};
  }
  toJSON(): object {
    const { status, value, context } = this;
    return { status, value, context, children: {}, historyValue: {}, tags: [...this.tags] };
  }
}

/** @throws TypeError for a machine that is not flat. */
export function compiled<M extends AnyStateMachine>(machine: M): M {
  const table = tableOf(machine);
  const { initial, context } = machine.config as {
    readonly initial: string;
    readonly context: Context | ((args: { readonly input: unknown; readonly self: unknown }) => Context);
  };
  return {
    id: machine.id,
    config: machine.config,
    implementations: machine.implementations,
    getInitialSnapshot(scope: AnyActorScope, input: unknown) {
      const first = typeof context === 'function' ? context({ input, self: scope.self }) : context;
      return new FlatSnapshot(
        table,
        initial,
        run(table.states[initial]?.entry ?? [], first, { type: 'xstate.init', input } as EventObject, scope),
      );
    },
    transition(snapshot: FlatSnapshot, event: EventObject, scope: AnyActorScope) {
      const taken = select(table, snapshot, event, scope);
      if (taken === undefined) return snapshot;
      const { target, actions } = taken;
      if (target === undefined) return new FlatSnapshot(table, snapshot.value, run(actions, snapshot.context, event, scope));
      const left = run(table.states[snapshot.value]?.exit ?? [], snapshot.context, event, scope);
      const moved = run(actions, left, event, scope);
      return new FlatSnapshot(table, target, run(table.states[target]?.entry ?? [], moved, event, scope));
    },
    getPersistedSnapshot: (snapshot: FlatSnapshot) => snapshot.toJSON(),
    restoreSnapshot: (saved: { readonly value: string; readonly context: Context }) => new FlatSnapshot(table, saved.value, saved.context),
  } as unknown as M;
}

/** The first enabled transition: of the state, then of the machine. */
function select(
  table: Table,
  { value, context }: FlatSnapshot,
  event: EventObject,
  scope: AnyActorScope | undefined,
): Transition | undefined {
  const candidates = table.states[value]?.on[event.type];
  if (candidates === undefined) return undefined;
  const args = { context, event, self: scope?.self, system: scope?.system };
  return candidates.find(({ guard }) => guard === undefined || guard(args, undefined));
}

/** Assignments and effects in their order: each sees what the ones before it have assigned. */
function run(steps: readonly Step[], before: Context, event: EventObject, scope: AnyActorScope): Context {
  let context = before;
  for (const { type, params, assignment, exec } of steps) {
    const args: Args = { context, event, self: scope.self, system: scope.system };
    const given = typeof params === 'function' ? params(args) : params;
    if (assignment !== undefined) context = { ...context, ...assigned(assignment, args, given) };
    else if (exec !== undefined) scope.actionExecutor({ type, info: args as never, params: given as never, exec: exec as never });
  }
  return context;
}

function assigned(assignment: Assignment, args: Args, params: unknown): Context {
  if (typeof assignment === 'function') return assignment(args, params);
  return Object.fromEntries(
    Object.entries(assignment).map(([key, value]) => [
      key,
      typeof value === 'function' ? (value as (args: Args, params: unknown) => unknown)(args, params) : value,
    ]),
  );
}

// Reading the config. Source: XState v5, `StateMachine` and `formatTransition`.
type Raw = Readonly<Record<string, unknown>>;
const list = (value: unknown): readonly unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
const nested = ['states', 'invoke', 'after', 'always', 'onDone', 'history', 'parallel'] as const;

function tableOf(machine: AnyStateMachine): Table {
  const { on = {}, states = {} } = machine.config as unknown as { readonly on?: Raw; readonly states?: Readonly<Record<string, Raw>> };
  const flat = Object.entries(states).map(([name, state]) => [name, stateOf(machine, name, state, on)] as const);
  return { machine, states: Object.fromEntries(flat) };
}

function stateOf(machine: AnyStateMachine, name: string, state: Raw, root: Raw): State {
  const deep = nested.find((key) => key in state || state['type'] === key);
  if (deep !== undefined) throw new TypeError(`${machine.id}.${name} has ${deep}: only flat machines can be compiled`);
  const own = (state['on'] ?? {}) as Raw;
  const types = new Set([...Object.keys(own), ...Object.keys(root)]);
  return {
    entry: stepsOf(machine, state['entry']),
    exit: stepsOf(machine, state['exit']),
    on: Object.fromEntries(
      [...types].map((type) => [type, [...list(own[type]), ...list(root[type])].map((raw) => transitionOf(machine, name, raw))]),
    ),
    isFinal: state['type'] === 'final',
    tags: new Set(list(state['tags']) as string[]),
  };
}

function transitionOf(machine: AnyStateMachine, from: string, raw: unknown): Transition {
  const { target, guard, actions, reenter = false } = (typeof raw === 'string' ? { target: raw } : raw) as Raw;
  const to = typeof target === 'string' ? target.replace(/^\./, '') : undefined;
  if (guard !== undefined && typeof guard !== 'string')
    throw new TypeError(`${machine.id}.${from} has an inline guard: only named ones can be compiled`);
  return {
    guard: guard === undefined ? undefined : (machine.implementations.guards[guard] as unknown as Guard),
    target: to === from && reenter !== true ? undefined : to,
    actions: stepsOf(machine, actions),
  };
}

function stepsOf(machine: AnyStateMachine, actions: unknown): readonly Step[] {
  return list(actions).map((action) => {
    const { type, params } = (typeof action === 'string' ? { type: action, params: undefined } : action) as {
      readonly type: string;
      readonly params: Params;
    };
    const implementation = machine.implementations.actions[type] as unknown as
      | (Step['exec'] & { readonly type?: string; readonly assignment?: Assignment })
      | undefined;
    if (implementation === undefined) return { type, params, assignment: undefined, exec: undefined };
    if (implementation.type === 'xstate.assign') return { type, params, assignment: implementation.assignment, exec: undefined };
    if (implementation.type?.startsWith('xstate.') === true)
      throw new TypeError(`${machine.id}: action ${type} is ${implementation.type}: only assign() and functions can be compiled`);
    return { type, params, assignment: undefined, exec: implementation };
  });
}
