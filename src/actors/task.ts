/**
 * The effects of the task machine: provided once a troupe, they find the task's record by its id. What they start
 * comes back as an event of the task, by the dataflow.
 */
import { budgets, failureOf, type FailureKind } from '../machines/model/failures.ts';
import { SerializationError } from '../machines/model/errors.ts';
import type { SettledState } from '../machines/model/states.ts';
import type { TaskDigest } from '../machines/model/story.ts';
import type { TaskContext, TaskTimer } from '../machines/model/task.ts';
import type { Asker } from '../machines/policies/firewall.ts';
import type { RetryDecision, RetrySnapshot } from '../machines/policies/retry/port.ts';
import type { RoutingDecision, RoutingSnapshot } from '../machines/policies/routing/port.ts';
import { compiled } from '../machines/compiled.ts';
import type { TaskMachine } from '../machines/task.ts';
import { UnserializableError, type Serializer } from '../transport/serializers/port.ts';
import { candidatesFor, unroutable } from './candidates.ts';
import type { Dataflow } from './dataflow.ts';
import type { Executor } from './executor.ts';
import { digestOf, outcomeOf, reasonToStop } from './outcome.ts';
import type { TaskRecord } from './records.ts';
import type { Timers } from './timers.ts';

/** What the effects of tasks need of the troupe. */
export interface TaskPort {
  readonly dataflow: () => Dataflow;
  /** In the order of the configuration. */
  readonly executors: ReadonlyMap<string, Executor>;
  readonly serializer: Serializer;
  readonly timers: Timers;
  readonly nowMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** How long a try that is to stop may take before its worker is killed. */
  readonly stopGraceMs: number;
  readonly askRetry: Asker<RetrySnapshot, RetryDecision>;
  readonly askRouting: Asker<RoutingSnapshot, RoutingDecision>;
  fact(type: string, data: Readonly<Record<string, unknown>>): void;
  /** The back-off that the machine's delay answers. */
  readonly backoffMs: (context: TaskContext) => number;
  onSettled(digest: TaskDigest): void;
}

/** Ends the machine's wait for a confirmation some time after the executor should have killed the worker. */
const GRACE_MARGIN_MS = 1000;
const timerNames = ['backoff', 'limit', 'grace'] as const satisfies readonly TaskTimer[];

/** @param machine - The published machine, or the user's behind the firewall. */
export function taskLogic(machine: TaskMachine, port: TaskPort): TaskMachine {
  const { timers } = port;

  /** Effects are asked for by live tasks only; a broken one has no record, and owes nothing. */
  type Effect = (record: TaskRecord, context: TaskContext, tell: Dataflow['tell']) => void;
  const effect =
    (run: Effect) =>
    ({ context }: { context: TaskContext }): void => {
      const dataflow = port.dataflow();
      const record = dataflow.records.get(context.taskId);
      if (record !== undefined) run(record, context, dataflow.tell);
    };

  const startTimer = (record: TaskRecord, { taskId, tryIndex }: TaskContext, timer: TaskTimer, ms: number): void => {
    record.hasTimers = true;
    timers.start(`${taskId}/${timer}`, ms, () => port.dataflow().tell(taskId, { type: 'timer.fired', timer, tryIndex }));
  };
  const stopTimer = ({ taskId }: TaskContext, timer: TaskTimer): void => timers.cancel(`${taskId}/${timer}`);
  const executorOf = ({ executor }: TaskContext): Executor | undefined =>
    executor === undefined ? undefined : port.executors.get(executor);

  const routeTry: Effect = (record, context, tell) => {
    const { taskId, tryIndex, placement } = context;
    if (context.kind === 'join') {
      tell(taskId, { type: 'task.routed', tryIndex, executor: DRIVER, policy: 'join' });
      return;
    }
    const { candidates, reasons } = candidatesFor(record, context, port.executors);
    if (candidates.length === 0) {
      fail(record, context, 'unroutable', unroutable(record, context, reasons), tell);
      return;
    }
    const placed = candidates.find(({ label }) => label === placement);
    if (placed !== undefined) {
      tell(taskId, { type: 'task.routed', tryIndex, executor: placed.label, policy: 'retry' });
      return;
    }
    const { name, resources, failures } = context;
    const { priority } = record.submission.settings;
    const { decision, policy } = port.askRouting({
      taskId,
      name,
      tryIndex,
      priority,
      resources,
      failures,
      candidates,
      random: port.random(),
    });
    tell(taskId, {
      type: 'task.routed',
      tryIndex,
      executor: decision.executor,
      policy,
      ...(decision.why === undefined ? undefined : { why: decision.why }),
    });
  };

  function fail(record: TaskRecord, context: TaskContext, kind: FailureKind, error: unknown, tell: Dataflow['tell']): void {
    const { taskId, tryIndex, executor } = context;
    record.error = error;
    tell(taskId, {
      type: 'try.failed',
      tryIndex,
      failure: failureOf(kind, error, { tryIndex, ...(executor === undefined ? undefined : { executor }) }),
    });
  }

  const submitTry: Effect = (record, context, tell) => {
    const { taskId, tryIndex, name, kind, resources, timeLimitMs } = context;
    // what the try before has left
    record.place = undefined;
    record.startedMs = undefined;
    record.output = undefined;
    if (kind === 'join') {
      runJoin(record, context, tell);
      return;
    }
    const executor = executorOf(context);
    if (executor === undefined) {
      fail(record, context, 'unroutable', unroutable(record, context, { [String(context.executor)]: 'there is no such executor' }), tell);
      return;
    }
    const { definition, settings } = record.submission;
    const values = record.values ?? [];
    try {
      if (executor.copies) record.encoded ??= port.serializer.encode(values, 'args');
    } catch (cause) {
      fail(record, context, 'serialization', refused(cause, context), tell);
      return;
    }
    executor.submit({
      taskId,
      tryIndex,
      kind,
      name,
      identity: definition.identity,
      moduleUrl: definition.moduleUrl,
      args: executor.copies && record.encoded !== undefined ? { bytes: record.encoded } : { values },
      priority: settings.priority,
      resources,
      timeLimitMs,
      timeRequestMs: settings.timeRequestMs,
      shell: settings.shell,
      outputs: settings.outputs,
    });
  };

  /** The body of a join runs in the driver, outside of this macrostep: it is the user's code, and it makes tasks. */
  function runJoin(record: TaskRecord, context: TaskContext, tell: Dataflow['tell']): void {
    const { taskId, tryIndex } = context;
    const abort = new AbortController();
    const { signal } = abort;
    record.abort = abort;
    /** False for a body that runs on after its try was stopped: nothing it says counts any more. */
    const isCurrent = (): boolean => {
      if (signal.aborted) tell(taskId, { type: 'try.stopped', tryIndex });
      return !signal.aborted;
    };
    const failed = (error: unknown, kind: FailureKind = 'app'): void => {
      if (!isCurrent()) return;
      record.error = error;
      tell(taskId, { type: 'try.failed', tryIndex, failure: failureOf(kind, error, { tryIndex }) });
    };
    queueMicrotask(() => {
      if (signal.aborted) return;
      let args: readonly unknown[];
      try {
        args = port.serializer.decode(port.serializer.encode(record.values, 'args')) as readonly unknown[];
      } catch (cause) {
        failed(refused(cause, context), 'serialization');
        return;
      }
      record.startedMs = port.nowMs();
      tell(taskId, { type: 'try.started', tryIndex });
      void (async () => record.submission.body?.(args, signal))().then((joined) => {
        if (!isCurrent()) return;
        record.joined = joined;
        tell(taskId, { type: 'try.joining', tryIndex, waits: joined === undefined ? 0 : joined.sources.length + joined.foreign.length });
      }, failed);
    });
  }

  const askRetry: Effect = (record, context, tell) => {
    stopTimer(context, 'limit');
    stopTimer(context, 'grace');
    const { taskId, tryIndex, name, failures, executor, resources, cost, retries } = context;
    const failure = failures.at(-1);
    if (failure === undefined) return;
    if (budgets[failure.kind] === 'never') {
      tell(taskId, {
        type: 'retry.decided',
        tryIndex,
        policy: 'never',
        decision: { again: false, why: `a failure of kind ${failure.kind} is final` },
      });
      return;
    }
    const executors = record.submission.settings.executors ?? [...port.executors.keys()];
    const { decision, policy } = port.askRetry({
      taskId,
      name,
      failure,
      failures,
      tryIndex,
      executor,
      executors,
      resources,
      cost,
      retries,
      random: port.random(),
    });
    port.fact('retry.decided', {
      taskId,
      name,
      tryIndex,
      policy,
      again: decision.again,
      afterMs: decision.again ? (decision.afterMs ?? 0) : 0,
      failure,
      ...(decision.why === undefined ? undefined : { why: decision.why }),
    });
    tell(taskId, { type: 'retry.decided', tryIndex, decision, policy });
  };

  const stopTry: Effect = (record, context) => {
    const reason = reasonToStop(record, context);
    record.abort?.abort(reason);
    stopChildren(record, reason);
    executorOf(context)?.stop({ taskId: context.taskId, tryIndex: context.tryIndex }, reason, port.stopGraceMs);
  };

  function stopChildren({ taskId, children }: TaskRecord, reason: unknown): void {
    for (const child of children ?? []) port.dataflow().cancel(child, reason, taskId);
  }

  function settle(context: TaskContext, state: SettledState): void {
    const dataflow = port.dataflow();
    const record = dataflow.records.get(context.taskId);
    if (record === undefined) return;
    if (record.hasTimers) for (const timer of timerNames) stopTimer(context, timer);
    if (state === 'cancelled') stopChildren(record, record.cancelled?.reason); // also those of a body that has thrown
    const outcome = outcomeOf(state, record, context);
    const digest = digestOf(state, record, context, port.nowMs());
    record.submission.settle(outcome, digest);
    port.onSettled(digest);
    dataflow.settled(context.taskId, state, digest.tries);
  }

  const bound = machine.provide({
    actions: {
      routeTry: effect(routeTry),
      submitTry: effect(submitTry),
      askRetry: effect(askRetry),
      startBackoff: effect((record, context) => startTimer(record, context, 'backoff', port.backoffMs(context))),
      startLimit: effect((record, context) => {
        if (context.timeLimitMs !== undefined) startTimer(record, context, 'limit', context.timeLimitMs);
      }),
      startGrace: effect((record, context) => {
        stopTimer(context, 'limit');
        startTimer(record, context, 'grace', port.stopGraceMs + GRACE_MARGIN_MS);
      }),
      stopTry: effect(stopTry),
      awaitJoined: effect((record) => port.dataflow().awaitJoined(record)),
      stopJoined: effect((record, context) => stopChildren(record, reasonToStop(record, context))),
      recordLate: ({ context, event }) => port.fact('try.late', { taskId: context.taskId, report: event.type }),
      settle: ({ context }, { state }) => settle(context, state),
    },
  });
  return compiled(bound);
}

/** Stops what the actor of a task has started, when it cannot do so itself. */
export function abandon(
  record: TaskRecord,
  { timers, executors, stopGraceMs }: Pick<TaskPort, 'timers' | 'executors' | 'stopGraceMs'>,
): void {
  const { taskId } = record;
  for (const timer of timerNames) timers.cancel(`${taskId}/${timer}`);
  record.abort?.abort();
  const { executor, tryIndex } = record.actor?.getSnapshot().context ?? {};
  if (executor !== undefined && tryIndex !== undefined) executors.get(executor)?.stop({ taskId, tryIndex }, undefined, stopGraceMs);
}

/** Where the bodies of joins run: not an executor, so the label cannot be asked for. */
const DRIVER = 'driver';

function refused(cause: unknown, { taskId, tryIndex, name }: TaskContext): unknown {
  if (!(cause instanceof UnserializableError)) return cause;
  const message = `${name} (${taskId}) was not sent: ${cause.message}; pass plain data, or a File for large data`;
  return new SerializationError(message, { taskId, tryIndex, side: 'arguments', path: cause.path, cause });
}
