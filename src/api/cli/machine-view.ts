/**
 * A machine as data: states, transitions, and what may be replaced, read from the very object that runs. What draws
 * machines (`troupe machines`, `docs/machines.md`) starts here and knows no machine by name.
 */
import { StateMachine, type AnyStateMachine } from 'xstate';
import { toDirectedGraph, type DirectedGraphEdge, type DirectedGraphNode } from 'xstate/graph';

import { policyKinds } from '../../machines/policies/kinds.ts';
import type { Pluggable } from '../../machines/policies/provided.ts';
import * as published from '../machines.ts';

export interface TransitionView {
  readonly event: string;
  /** Named condition; `null` when there is none. Of several for one event the first that holds is taken. */
  readonly guard: string | null;
  /** `null`: the state is not left. */
  readonly target: string | null;
  readonly actions: readonly string[];
}

export interface StateView {
  readonly name: string;
  readonly description: string;
  /** A final state is never left. */
  readonly final: boolean;
  readonly tags: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly transitions: readonly TransitionView[];
}

/** A named guard, action or delay. */
export interface MemberView {
  readonly kind: 'guard' | 'action' | 'delay';
  readonly name: string;
  /** `condition`, `assignment` (changes the context), `effect` (the actor carries it out) or `delay`. */
  readonly does: 'condition' | 'assignment' | 'effect' | 'delay';
  /** The policy that it carries out, and its built-in; `null` for bounds, bookkeeping and effects. */
  readonly pluggable: { readonly policy: string; readonly builtIn: string } | null;
}

export interface MachineView {
  readonly name: string;
  readonly description: string;
  readonly initial: string;
  readonly states: readonly StateView[];
  /** Taken in every state that has no transition of its own for the event. */
  readonly anyState: readonly TransitionView[];
  /** Every event, in the order of the states that take it. */
  readonly events: readonly string[];
  readonly members: readonly MemberView[];
}

/** The published machines by name, each with what may be replaced in it. */
export function machines(): ReadonlyMap<string, MachineView> {
  const exported: Readonly<Record<string, unknown>> = published;
  const all = Object.values(exported).filter((value): value is AnyStateMachine => value instanceof StateMachine);
  return new Map(all.map((machine) => [machine.id, machineView(machine, exported[`${machine.id}Pluggable`] as Pluggable | undefined)]));
}

export function machineView(machine: AnyStateMachine, pluggable: Pluggable = {}): MachineView {
  const root = toDirectedGraph(machine);
  const nodes = root.children.flatMap(withDescendants);
  const states = nodes.map(({ stateNode, edges }): StateView => ({
    name: nameOf(stateNode),
    description: stateNode.description ?? '',
    final: stateNode.type === 'final',
    tags: [...stateNode.tags],
    entry: stateNode.entry.map(actionName),
    exit: stateNode.exit.map(actionName),
    transitions: edges.map(transitionView),
  }));
  const anyState = root.edges.map(transitionView);
  return {
    name: machine.id,
    description: machine.config.description ?? '',
    initial: machine.root.initial.target.map(nameOf).join(', '),
    states,
    anyState,
    events: [...new Set([...states.flatMap(({ transitions }) => transitions), ...anyState].map(({ event }) => event))],
    members: membersOf(machine, pluggable),
  };
}

const withDescendants = (node: DirectedGraphNode): readonly DirectedGraphNode[] => [node, ...node.children.flatMap(withDescendants)];

const nameOf = ({ path }: { readonly path: readonly string[] }): string => path.join('.');

function transitionView({ transition }: DirectedGraphEdge): TransitionView {
  const { eventType, guard, target, actions } = transition as {
    eventType: string;
    guard?: unknown;
    target: readonly DirectedGraphNode['stateNode'][] | undefined;
    actions: readonly unknown[];
  };
  return {
    event: eventType === '' ? 'always' : eventType,
    guard: guard === undefined ? null : actionName(guard),
    target: target === undefined ? null : target.map(nameOf).join(', '),
    actions: actions.map(actionName),
  };
}

/** Name of an action or guard as it stands in a configuration: text, `{ type, params }`, or (against the rules) a function. */
function actionName(member: unknown): string {
  if (typeof member === 'string') return member;
  const { type, name } = member as { readonly type?: unknown; readonly name?: unknown };
  if (typeof member === 'object' && typeof type === 'string') return type;
  return typeof name === 'string' && name !== '' ? name : 'inline';
}

function membersOf({ implementations }: AnyStateMachine, pluggable: Pluggable): readonly MemberView[] {
  const { guards, actions, delays } = implementations as unknown as Readonly<Record<keyof Pluggable, Readonly<Record<string, unknown>>>>;
  const of = (kind: keyof Pluggable, name: string): MemberView['pluggable'] => {
    const open: Readonly<Record<string, { readonly policy: string }>> = pluggable[kind] ?? {};
    const policy = Object.hasOwn(open, name) ? open[name]?.policy : undefined;
    if (policy === undefined) return null;
    return { policy, builtIn: Object.entries(policyKinds).find(([each]) => each === policy)?.[1].fallback.name ?? policy };
  };
  return [
    ...Object.keys(guards).map((name): MemberView => ({ kind: 'guard', name, does: 'condition', pluggable: of('guards', name) })),
    ...Object.entries(actions).map(([name, action]): MemberView => ({
      kind: 'action',
      name,
      does: isAssignment(action) ? 'assignment' : 'effect',
      pluggable: of('actions', name),
    })),
    ...Object.keys(delays).map((name): MemberView => ({ kind: 'delay', name, does: 'delay', pluggable: of('delays', name) })),
  ];
}

const isAssignment = (action: unknown): boolean => typeof action === 'function' && 'type' in action && action.type === 'xstate.assign';
