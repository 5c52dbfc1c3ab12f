/**
 * Builders for tests of machines: a snapshot in any state, one step of the pure transition function, the effects that
 * a step asks for, and what a machine's configuration says of itself.
 */
import { transition, type AnyMachineSnapshot, type AnyStateMachine, type EventFromLogic, type SnapshotFrom } from 'xstate';

import type { Failure, FailureKind } from '../../src/machines/model/failures.ts';
import type { TaskContext, TaskEvent, TaskInput } from '../../src/machines/model/task.ts';
import { taskMachine } from '../../src/machines/task.ts';

/** A snapshot of a machine in a state. */
export function snapshotAt<M extends AnyStateMachine>(machine: M, value: string, context: object): SnapshotFrom<M> {
  return machine.resolveState({ value, context }) as SnapshotFrom<M>;
}

/** The snapshot after one event. */
export const next = <M extends AnyStateMachine>(machine: M, snapshot: SnapshotFrom<M>, event: EventFromLogic<M>): SnapshotFrom<M> =>
  step(machine, snapshot, event).snapshot;

/** The snapshot after one event, and the names of the effects that it asks for, in order. */
export function step<M extends AnyStateMachine>(
  machine: M,
  snapshot: SnapshotFrom<M>,
  event: EventFromLogic<M>,
): { readonly snapshot: SnapshotFrom<M>; readonly effects: readonly string[] } {
  const [after, actions] = transition(machine, snapshot as never, event) as unknown as [
    SnapshotFrom<M>,
    readonly { readonly type: string }[],
  ];
  return { snapshot: after, effects: actions.map(({ type }) => type) };
}

export const input: TaskInput = { taskId: 't1', name: 'simulate', kind: 'function', retries: 0, resources: {}, timeLimitMs: undefined };

export const taskContext = (context: Partial<TaskContext> = {}): TaskContext => ({
  ...input,
  tryIndex: 0,
  executor: undefined,
  placement: undefined,
  failures: [],
  cost: 0,
  infrastructureFailures: 0,
  lostWorkers: [],
  decision: undefined,
  stopCause: undefined,
  ...context,
});

/** A task in a state. */
export const at = (value: string, context: Partial<TaskContext> = {}): SnapshotFrom<typeof taskMachine> =>
  snapshotAt(taskMachine, value, taskContext(context));

export const failure = (kind: FailureKind = 'app', more: Partial<Failure> = {}): Failure => ({
  kind,
  name: 'Error',
  message: 'boom',
  tryIndex: 0,
  ...more,
});

/** One event of each kind, of the first try; what they carry is what most often happens. */
export const taskEvents: { readonly [T in TaskEvent['type']]: Extract<TaskEvent, { type: T }> } = {
  'deps.met': { type: 'deps.met' },
  'deps.failed': { type: 'deps.failed', failure: failure('dependency'), run: false, policy: 'fail' },
  'task.routed': { type: 'task.routed', tryIndex: 0, executor: 'here', policy: 'leastLoaded' },
  'try.launched': { type: 'try.launched', tryIndex: 0 },
  'try.started': { type: 'try.started', tryIndex: 0 },
  'try.done': { type: 'try.done', tryIndex: 0, bytes: 8 },
  'try.joining': { type: 'try.joining', tryIndex: 0, waits: 2 },
  'try.failed': { type: 'try.failed', tryIndex: 0, failure: failure() },
  'try.stopped': { type: 'try.stopped', tryIndex: 0 },
  'join.done': { type: 'join.done', bytes: 0 },
  'join.failed': { type: 'join.failed', failure: failure('dependency') },
  'retry.decided': { type: 'retry.decided', tryIndex: 0, decision: { again: true }, policy: 'fixed(1)' },
  'timer.fired': { type: 'timer.fired', tryIndex: 0, timer: 'limit' },
  'task.cancel': { type: 'task.cancel' },
};

/** Every state of a machine by name, with its configuration. */
export function statesOf(machine: AnyStateMachine): readonly {
  readonly name: string;
  readonly description: string | undefined;
  readonly type: string;
  readonly events: readonly string[];
}[] {
  return Object.values(machine.states).map(({ key, description, type, transitions }) => ({
    name: key,
    description,
    type,
    events: [...transitions.keys()],
  }));
}

/** Keys of a machine's configuration that make it more than a flat table of named transitions, with where they are. */
export function notFlat(machine: AnyStateMachine): readonly string[] {
  const found: string[] = [];
  const states: Readonly<Record<string, object>> = machine.config.states ?? {};
  for (const [name, state] of Object.entries(states)) {
    for (const key of ['states', 'invoke', 'after', 'always', 'onDone', 'history', 'parallel'])
      if (key in state) found.push(`${name}.${key}`);
    if ('type' in state && state.type !== 'final') found.push(`${name}.type`);
  }
  for (const key of ['invoke', 'after', 'always']) if (key in machine.config) found.push(key);
  const isSpawning = (action: unknown): boolean => typeof action === 'function' && 'type' in action && action.type !== 'xstate.assign';
  return [...found, ...Object.entries(machine.implementations.actions).flatMap(([name, action]) => (isSpawning(action) ? [name] : []))];
}

/** Equal to itself as JSON, but for fields that are `undefined`. */
export const isSerialisable = ({ context }: AnyMachineSnapshot): boolean => same(context, JSON.parse(JSON.stringify(context)));

function same(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return Object.is(a, b);
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  const read = (of: object, key: string): unknown => (of as Record<string, unknown>)[key];
  return Array.isArray(a) === Array.isArray(b) && [...keys].every((key) => same(read(a, key), read(b, key)));
}
