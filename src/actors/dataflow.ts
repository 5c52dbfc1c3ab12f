/**
 * Binds the dataflow machine to the graph and the records of the tasks: admits tasks and releases those whose inputs
 * have settled. The effects of one task are in `task.ts`; what executors report comes in through `reports.ts`.
 */
import type { Actor } from 'xstate';

import { compiled } from '../machines/compiled.ts';
import { dataflowMachine, type DataflowEvent, type DataflowMachine } from '../machines/dataflow.ts';
import { CancelledError, ConfigError, DependencyError, InternalError, JoinError, type FailedInput } from '../machines/model/errors.ts';
import { failureOf } from '../machines/model/failures.ts';
import { graph } from '../machines/model/graph.ts';
import type { SettledState } from '../machines/model/states.ts';
import type { TaskDigest } from '../machines/model/story.ts';
import type { Asker } from '../machines/policies/firewall.ts';
import type { DependencyDecision, DependencySnapshot } from '../machines/policies/dependency/port.ts';
import type { TaskEvent } from '../machines/model/task.ts';
import type { TaskMachine } from '../machines/task.ts';
import type { TryReport } from './executors/port.ts';
import { taskRecord, type Arrived, type Inputs, type Submission, type TaskRecord } from './records.ts';
import { reports, tryIndexOf, type ReportsPort } from './reports.ts';
import type { ActorSystem, Target } from './spawn.ts';

/** What the dataflow needs of the troupe. */
export interface DataflowPort extends Omit<ReportsPort, 'records' | 'tell'> {
  readonly system: ActorSystem;
  readonly parent: Target;
  /** The task machine with its effects; see `taskLogic`. */
  readonly machine: TaskMachine;
  readonly askDependency: Asker<DependencySnapshot, DependencyDecision>;
  /** A value made in the driver. @throws SerializationError when it is outside the contract for values. */
  check(record: TaskRecord, value: unknown): Arrived;
  /** The actor of a task has failed and was settled for it: what it had started is to be stopped. */
  onBroken(record: TaskRecord, digest: TaskDigest): void;
  onIdle(): void;
  onClosed(): void;
}

export interface Dataflow {
  readonly actor: Actor<DataflowMachine>;
  readonly records: ReadonlyMap<string, TaskRecord>;
  /** `cancelled`: it is settled as such without a try. */
  submit(submission: Submission, cancelled?: TaskRecord['cancelled']): void;
  /** `by`: the task whose cancellation reaches this one. */
  cancel(taskId: string, reason: unknown, by?: string): void;
  settled(taskId: string, state: SettledState, tries: number): void;
  /** From executors: anything about a try that is not the current one is late, recorded and dropped. */
  report(report: TryReport): void;
  tell(taskId: string, event: TaskEvent): void;
  /** Waits for the inputs of a join's result, then tells the join. */
  awaitJoined(record: TaskRecord): void;
  waitingFor(taskId: string): readonly string[];
}

const CLOSING = 'the troupe is closing';
/** Nodes of the graph that are not tasks: a join's wait for what its body returned, and promises that are not ours. */
const JOIN = '/join';
const joinNode = (taskId: string): string => taskId + JOIN;
const PROMISE = 'p';

export function dataflow(port: DataflowPort): Dataflow {
  const { system } = port;
  const records = new Map<string, TaskRecord>();
  const nodes = graph();
  const tasks = system.supervisor('tasks', port.parent);
  let promises = 0;

  const { report, arrive } = reports({ ...port, records, tell });

  const self: Dataflow = {
    actor: undefined as never, // set below: the effects and the actor refer to each other
    records,
    submit(submission, cancelled) {
      const { taskId, definition, parentId, args } = submission;
      const record = taskRecord(submission, port.nowMs());
      record.cancelled = cancelled;
      records.set(taskId, record);
      const parent = parentId === undefined ? undefined : records.get(parentId);
      if (parent !== undefined) (parent.children ??= new Set()).add(taskId);
      const { name, kind } = definition;
      const waits = args.sources.length + args.foreign.length;
      system.post(self.actor, {
        type: 'task.submitted',
        taskId,
        name,
        kind,
        waits,
        ...(parentId === undefined ? undefined : { parentId }),
      });
    },
    cancel,
    settled: (taskId, state, tries) => system.post(self.actor, { type: 'task.settled', taskId, state, tries }),
    report,
    tell,
    awaitJoined(record) {
      const { joined } = record;
      if (joined === undefined) return;
      const missing = await_(joinNode(record.taskId), joined);
      const circle = circleOf(record.taskId);
      if (circle !== undefined) failJoin(record, [{ source: record.taskId, name: record.submission.definition.name, error: circle }]);
      else if (missing === 0) release(joinNode(record.taskId));
    },
    waitingFor: (taskId) => [...nodes.waitingFor(taskId), ...nodes.waitingFor(joinNode(taskId))],
  };

  function cancel(taskId: string, reason: unknown, by?: string): void {
    const record = records.get(taskId);
    if (record === undefined) return; // settled
    record.cancelled ??= { reason, by };
    tell(taskId, { type: 'task.cancel', ...(by === undefined ? undefined : { by }) });
  }

  function tell(taskId: string, event: TaskEvent): void {
    const actor = records.get(taskId)?.actor;
    if (actor !== undefined) system.post(actor, event);
  }

  /** Adds a node for a group of inputs; returns how many are still to settle. */
  function await_(
    id: string,
    inputs: { readonly sources: readonly string[]; readonly foreign: readonly ((onSettled: (ok: boolean) => void) => void)[] },
  ): number {
    const live = inputs.sources.every(nodes.has) ? inputs.sources : inputs.sources.filter(nodes.has);
    if (inputs.foreign.length === 0) return nodes.add(id, live);
    const sources = [...live];
    for (const subscribe of inputs.foreign) {
      const inputId = `${PROMISE}${++promises}`;
      nodes.add(inputId, []);
      sources.push(inputId);
      subscribe((ok) => system.post(self.actor, { type: 'input.settled', inputId, ok }));
    }
    return nodes.add(id, sources);
  }

  function admit(taskId: string): void {
    const record = records.get(taskId);
    if (record === undefined) return;
    const { definition, settings, args } = record.submission;
    const { name, kind } = definition;
    const { retries, resources, timeLimitMs } = settings;
    record.actor = system.spawn(port.machine, {
      id: taskId,
      parent: tasks,
      input: { taskId, name, kind, retries, resources, timeLimitMs },
    });
    const by = args.cancelledBy();
    if (by !== undefined) record.cancelled ??= { reason: reasonOf(args, by), by };
    if (record.cancelled === undefined) {
      if (await_(taskId, args) === 0) release(taskId);
      return;
    }
    nodes.add(taskId, []);
    tell(taskId, { type: 'task.cancel', ...(by === undefined ? undefined : { by }) });
  }

  /** Every input of the node has settled. */
  function release(node: string): void {
    const isJoin = node.endsWith(JOIN);
    const record = records.get(isJoin ? node.slice(0, -JOIN.length) : node);
    if (record?.actor?.getSnapshot().status !== 'active') return; // cancelled in the meantime
    contained(record.taskId, () => (isJoin ? releaseJoin(record) : releaseTask(record)));
  }

  /** What goes wrong with one task must not end the dataflow. */
  function contained(taskId: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      const actor = records.get(taskId)?.actor;
      if (actor !== undefined) system.stop(actor);
      settleBroken({ actorId: taskId, message: failureOf('internal', error, { tryIndex: 0 }).message });
    }
  }

  function releaseTask(record: TaskRecord): void {
    const { taskId, submission } = record;
    const { name } = submission.definition;
    const bound = submission.args.bind();
    if ('values' in bound) {
      record.values = bound.values;
      tell(taskId, { type: 'deps.met' });
      return;
    }
    const by = submission.args.cancelledBy();
    if (by !== undefined) {
      cancel(taskId, reasonOf(submission.args, by), by);
      return;
    }
    const { failed, inputs } = bound;
    const { decision, policy } = port.askDependency({
      taskId,
      name,
      inputs,
      failed: failed.map(({ source, name: of, error }) => ({
        source,
        name: of,
        message: failureOf('dependency', error, { tryIndex: 0 }).message,
      })),
    });
    const error = new DependencyError({ taskId, name, causes: failed });
    record.error = error;
    // also when the policy says no: a replaced guard may run the task all the same
    const stood = submission.args.bind({ value: decision.run ? decision.value : undefined });
    if ('values' in stood) record.values = stood.values;
    tell(taskId, { type: 'deps.failed', run: decision.run, policy, failure: failureOf('dependency', error, { tryIndex: 0 }) });
  }

  function releaseJoin(record: TaskRecord): void {
    const { taskId, joined } = record;
    nodes.settle(joinNode(taskId));
    const bound = joined?.bind();
    if (bound === undefined) return;
    if ('values' in bound) {
      arrive(
        record,
        () => port.check(record, bound.values),
        () => tell(taskId, { type: 'join.done', bytes: 0 }),
        (failure) => tell(taskId, { type: 'join.failed', failure }),
      );
      return;
    }
    failJoin(record, bound.failed);
  }

  function failJoin(record: TaskRecord, causes: readonly FailedInput[]): void {
    const { taskId, submission } = record;
    const error = new JoinError({ taskId, name: submission.definition.name, causes });
    record.error = error;
    tell(taskId, { type: 'join.failed', failure: failureOf('dependency', error, { tryIndex: tryIndexOf(record) }) });
  }

  /** A join whose body returned what waits for the join itself would wait for ever. */
  function circleOf(taskId: string): ConfigError | undefined {
    if (!nodes.isAwaited(taskId)) return undefined;
    const todo = [...nodes.waitingFor(joinNode(taskId))];
    const seen = new Set<string>();
    for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
      if (id === taskId)
        return new ConfigError(
          `the body of ${taskId} returned what waits for ${taskId} itself; return futures that do not depend on the join`,
          { field: 'result' },
        );
      if (seen.has(id)) continue;
      seen.add(id);
      for (const next of self.waitingFor(id)) todo.push(next);
    }
    return undefined;
  }

  /** The node waits for nothing any more. */
  function leave(node: string): void {
    // promises that it no longer waits for: nobody else does
    for (const source of nodes.waitingFor(node)) if (source.startsWith(PROMISE)) nodes.settle(source);
    nodes.detach(node);
  }

  /** A task has settled: whoever waited for it waits no longer, and nothing but its digest is kept. */
  function forget(taskId: string, wasCancelled: boolean): void {
    const record = records.get(taskId);
    records.delete(taskId);
    if (record?.submission.parentId !== undefined) records.get(record.submission.parentId)?.children?.delete(taskId);
    leave(taskId);
    if (record?.joined !== undefined) {
      leave(joinNode(taskId));
      nodes.settle(joinNode(taskId));
    }
    for (const { id, missing } of nodes.settle(taskId)) {
      if (wasCancelled && records.has(id)) cancel(id, record?.cancelled?.reason, taskId);
      else if (missing === 0) release(id);
    }
  }

  const machine = dataflowMachine.provide({
    actions: {
      admit: ({ event }) => {
        if (event.type === 'task.submitted') system.afterStep(() => contained(event.taskId, () => admit(event.taskId)));
      },
      release: ({ event }) => void (event.type === 'task.settled' && forget(event.taskId, event.state === 'cancelled')),
      releaseInput: ({ event }) => {
        if (event.type === 'input.settled') for (const { id, missing } of nodes.settle(event.inputId)) if (missing === 0) release(id);
      },
      cancelAll: () => {
        for (const taskId of records.keys()) cancel(taskId, CLOSING);
      },
      cancelSubmitted: ({ event }) => void (event.type === 'task.submitted' && cancel(event.taskId, CLOSING)),
      settleBroken: ({ event }) => void (event.type === 'actor.failed' && settleBroken(event)),
      announceIdle: () => port.onIdle(),
      announceClosed: () => port.onClosed(),
    },
  });

  /** Promise 1: an actor that errors settles what it owed. */
  function settleBroken({ actorId, message }: Pick<Extract<DataflowEvent, { type: 'actor.failed' }>, 'actorId' | 'message'>): void {
    const record = records.get(actorId);
    if (record === undefined) return;
    const error = new InternalError(`the actor of task ${actorId} has failed (${message}); this is a defect of troupe`, { actor: actorId });
    const { definition, parentId } = record.submission;
    const digest: TaskDigest = {
      taskId: actorId,
      name: definition.name,
      identity: definition.identity,
      kind: definition.kind,
      state: 'failed',
      ...(parentId === undefined ? undefined : { parentId }),
      dependsOn: [],
      inputs: record.submission.args.sources.length,
      tries: 0,
      submittedMs: record.submittedMs,
      settledMs: port.nowMs(),
      failure: failureOf('internal', error, { tryIndex: 0 }),
    };
    for (const child of record.children ?? []) cancel(child, undefined, actorId);
    record.submission.settle({ state: 'failed', error }, digest);
    port.onBroken(record, digest);
    system.post(self.actor, { type: 'task.settled', taskId: actorId, state: 'failed', tries: 0 });
  }

  return Object.assign(self, { actor: system.spawn(compiled(machine), { id: 'dataflow', input: undefined, parent: port.parent }) });
}

/** What was given to the cancel that has reached one of the inputs. */
function reasonOf(inputs: Inputs<unknown>, by: string): unknown {
  const bound = inputs.bind();
  const error = 'failed' in bound ? bound.failed.find(({ source }) => source === by)?.error : undefined;
  return error instanceof CancelledError ? error.reason : undefined;
}
