/**
 * A flat machine as plain actor logic: the same object's states, guards, actions and assignments, in the same order,
 * at a fraction of the cost, for machines that exist by the thousand. XState runs it like any other logic, with
 * snapshots, inspection and errors as usual. `test/property/compiled.test.ts` shows that both mean the same.
 *
 * Flat means: named states, guards and actions only; no nesting, history, invoke, spawn, after or always.
 */
import type { AnyStateMachine, EventObject, Snapshot } from 'xstate';

type Context = Readonly<Record<string, unknown>>;
type Args = { readonly context: Context; readonly event: EventObject; readonly self: unknown; readonly system: unknown };
type Params = Readonly<Record<string, unknown>> | ((args: Args) => unknown) | undefined;
type Guard = (args: Args, params: undefined) => boolean;
type Assignment = (args: Args, params: unknown) => Context;

/** One action with its implementation; without one it is only a name. */
interface Step {
  readonly type: string;
  readonly params: Params;
  readonly assignment: Assignment | undefined;
  readonly exec: CompiledAction['exec'] | undefined;
}
interface Transition {
  readonly guard: Guard | undefined;
  /** `undefined` stays, without leaving. */
  readonly target: State | undefined;
  readonly actions: readonly Step[];
}
interface State {
  readonly name: string;
  readonly machine: AnyStateMachine;
  readonly entry: readonly Step[];
  readonly exit: readonly Step[];
  readonly on: ReadonlyMap<string, readonly Transition[]>;
  readonly status: 'active' | 'done';
  readonly tags: ReadonlySet<string>;
}

/** An effect that is due. */
export interface CompiledAction {
  readonly type: string;
  readonly info: unknown;
  readonly params: unknown;
  readonly exec: (info: unknown, params: unknown) => void;
}
/** As much of an actor's scope as this logic uses. */
export interface CompiledScope {
  readonly self: unknown;
  readonly system: unknown;
  actionExecutor(action: CompiledAction): void;
}
/** What XState, or `actors/lean-actor.ts`, runs. */
export interface CompiledLogic {
  readonly id: string;
  readonly isCompiled: true;
  getInitialSnapshot(scope: CompiledScope, input: unknown): Snapshot<unknown>;
  transition(snapshot: Snapshot<unknown>, event: EventObject, scope: CompiledScope): Snapshot<unknown>;
}

/** As much of a machine snapshot as its readers use; methods are on the prototype, so it is small. */
class FlatSnapshot {
  readonly status: 'active' | 'done';
  readonly value: string;
  readonly context: Context;
  readonly output = undefined;
  readonly error = undefined;
  readonly #state: State;

  constructor(state: State, context: Context) {
    this.status = state.status;
    this.value = state.name;
    this.context = context;
    this.#state = state;
  }
  get machine(): AnyStateMachine {
    return this.#state.machine;
  }
  get tags(): ReadonlySet<string> {
    return this.#state.tags;
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
    return select(this.#state, this.context, event, undefined) !== undefined;
  }
  getMeta(): object {
    return {};
  }
  toJSON(): object {
    const { status, value, context } = this;
    return { status, value, context, children: {}, historyValue: {}, tags: [...this.tags] };
  }
  /** What follows; itself when nothing does. */
  after(event: EventObject, scope: CompiledScope): FlatSnapshot {
    const { context } = this;
    const taken = select(this.#state, context, event, scope);
    if (taken === undefined) return this;
    const { target, actions } = taken;
    if (target === undefined) return new FlatSnapshot(this.#state, run(actions, context, event, scope));
    const left = run(this.#state.exit, context, event, scope);
    const moved = run(actions, left, event, scope);
    return new FlatSnapshot(target, run(target.entry, moved, event, scope));
  }
}

/** Whether logic is a compiled machine. */
export const isCompiled = (logic: object): logic is CompiledLogic => 'isCompiled' in logic;

/** @throws TypeError for a machine that is not flat. */
export function compiled<M extends AnyStateMachine>(machine: M): M {
  const states = statesOf(machine);
  const { initial, context } = machine.config as {
    readonly initial: string;
    readonly context: Context | ((args: { readonly input: unknown; readonly self: unknown }) => Context);
  };
  const first = states.get(initial) as State;
  return {
    id: machine.id,
    config: machine.config,
    implementations: machine.implementations,
    isCompiled: true,
    getInitialSnapshot(scope: CompiledScope, input: unknown) {
      const given = typeof context === 'function' ? context({ input, self: scope.self }) : context;
      if (first.entry.length === 0) return new FlatSnapshot(first, given);
      return new FlatSnapshot(first, run(first.entry, given, { type: 'xstate.init', input } as EventObject, scope));
    },
    transition: (snapshot: FlatSnapshot, event: EventObject, scope: CompiledScope) => snapshot.after(event, scope),
    getPersistedSnapshot: (snapshot: FlatSnapshot) => snapshot.toJSON(),
    restoreSnapshot: (saved: { readonly value: string; readonly context: Context }) =>
      new FlatSnapshot(states.get(saved.value) as State, saved.context),
  } as unknown as M;
}

/** The first enabled transition: of the state, then of the machine. */
function select(state: State, context: Context, event: EventObject, scope: CompiledScope | undefined): Transition | undefined {
  const candidates = state.on.get(event.type);
  if (candidates === undefined) return undefined;
  let args: Args | undefined;
  for (const candidate of candidates) {
    const { guard } = candidate;
    if (guard === undefined) return candidate;
    args ??= { context, event, self: scope?.self, system: scope?.system };
    if (guard(args, undefined)) return candidate;
  }
  return undefined;
}

/** Assignments and effects in their order: each sees what the ones before it have assigned. */
function run(steps: readonly Step[], before: Context, event: EventObject, scope: CompiledScope): Context {
  let context = before;
  for (const { type, params, assignment, exec } of steps) {
    if (assignment === undefined && exec === undefined) continue;
    const args: Args = { context, event, self: scope.self, system: scope.system };
    const given = typeof params === 'function' ? params(args) : params;
    if (assignment !== undefined) context = Object.assign({ ...context }, assignment(args, given));
    else if (exec !== undefined) scope.actionExecutor({ type, info: args, params: given, exec });
  }
  return context;
}

// Reading the config. Source: XState v5, `StateMachine` and `formatTransition`.
type Raw = Readonly<Record<string, unknown>>;
const list = (value: unknown): readonly unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
const nested = ['states', 'invoke', 'after', 'always', 'onDone', 'history', 'parallel'] as const;

function statesOf(machine: AnyStateMachine): ReadonlyMap<string, State> {
  const { on = {}, states = {} } = machine.config as unknown as { readonly on?: Raw; readonly states?: Readonly<Record<string, Raw>> };
  const made = new Map<string, State>();
  // first the states, then where their transitions lead
  const lists = Object.entries(states).map(([name, raw]) => {
    const list = new Map<string, readonly Transition[]>();
    made.set(name, stateOf(machine, name, raw, list));
    return [name, raw, list] as const;
  });
  for (const [name, raw, transitions] of lists) {
    const own = (raw['on'] ?? {}) as Raw;
    for (const type of new Set([...Object.keys(own), ...Object.keys(on)]))
      transitions.set(
        type,
        [...list(own[type]), ...list(on[type])].map((each) => transitionOf(machine, name, each, made)),
      );
  }
  return made;
}

function stateOf(machine: AnyStateMachine, name: string, raw: Raw, on: State['on']): State {
  const deep = nested.find((key) => key in raw || raw['type'] === key);
  if (deep !== undefined) throw new TypeError(`${machine.id}.${name} has ${deep}: only flat machines can be compiled`);
  return {
    name,
    machine,
    entry: stepsOf(machine, raw['entry']),
    exit: stepsOf(machine, raw['exit']),
    on,
    status: raw['type'] === 'final' ? 'done' : 'active',
    tags: new Set(list(raw['tags']) as string[]),
  };
}

function transitionOf(machine: AnyStateMachine, from: string, raw: unknown, states: ReadonlyMap<string, State>): Transition {
  const { target, guard, actions, reenter = false } = (typeof raw === 'string' ? { target: raw } : raw) as Raw;
  const to = typeof target === 'string' ? target.replace(/^\./, '') : undefined;
  if (guard !== undefined && typeof guard !== 'string')
    throw new TypeError(`${machine.id}.${from} has an inline guard: only named ones can be compiled`);
  return {
    guard: guard === undefined ? undefined : (machine.implementations.guards[guard] as unknown as Guard),
    target: to === undefined || (to === from && reenter !== true) ? undefined : states.get(to),
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
      | (CompiledAction['exec'] & { readonly type?: string; readonly assignment?: Assignment | Raw })
      | undefined;
    if (implementation === undefined) return { type, params, assignment: undefined, exec: undefined };
    if (implementation.type === 'xstate.assign')
      return { type, params, assignment: assignmentOf(implementation.assignment), exec: undefined };
    if (implementation.type?.startsWith('xstate.') === true)
      throw new TypeError(`${machine.id}: action ${type} is ${implementation.type}: only assign() and functions can be compiled`);
    return { type, params, assignment: undefined, exec: implementation };
  });
}

/** An object of assignments, one a field, becomes a function, as the other form is one. */
function assignmentOf(assignment: Assignment | Raw | undefined): Assignment {
  if (typeof assignment === 'function') return assignment;
  const fields = Object.entries(assignment ?? {});
  return (args, params) => {
    const assigned: Record<string, unknown> = {};
    for (const [key, value] of fields)
      assigned[key] = typeof value === 'function' ? (value as (args: Args, params: unknown) => unknown)(args, params) : value;
    return assigned;
  };
}
