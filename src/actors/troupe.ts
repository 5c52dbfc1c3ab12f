/**
 * The root of the actor system: makes the dataflow and the executors, puts the policies behind the firewall, and
 * ends all of it in order. Knows no concrete plugin: the api hands them over.
 */
import { performance } from 'node:perf_hooks';

import type { Actor, InspectionEvent } from 'xstate';

import { SerializationError } from '../machines/model/errors.ts';
import { messageOf } from '../machines/model/failures.ts';
import type { Counts, ExecutorState } from '../machines/model/states.ts';
import type { DependencyPolicy } from '../machines/policies/dependency/port.ts';
import { asker, MAX_FAULTS, type Watch } from '../machines/policies/firewall.ts';
import { dependencyKind, retryKind, routingKind } from '../machines/policies/kinds.ts';
import { provided } from '../machines/policies/provided.ts';
import type { RetryPolicy } from '../machines/policies/retry/port.ts';
import type { RoutingPolicy } from '../machines/policies/routing/port.ts';
import { taskMachine, taskPluggable, type TaskMachine } from '../machines/task.ts';
import { troupeMachine, type TroupeMachine } from '../machines/troupe.ts';
import { UnserializableError, type Serializer } from '../transport/serializers/port.ts';
import { dataflow, type Dataflow } from './dataflow.ts';
import { executor, type Executor } from './executor.ts';
import type { ExecutorPlugin, Payload } from './executors/port.ts';
import type { Arrived, TaskRecord } from './records.ts';
import { recorder, type Listener, type Recorder } from './recorder.ts';
import { actorSystem } from './spawn.ts';
import { abandon, taskLogic } from './task.ts';
import { timers, type Clock } from './timers.ts';

export interface TroupeSettings {
  readonly name: string;
  readonly runId: string;
  /** Folder of this run, when something is written. */
  readonly runDir?: string | undefined;
  readonly executors: readonly ExecutorPlugin[];
  readonly policies: { readonly retry: RetryPolicy; readonly routing: RoutingPolicy; readonly dependency: DependencyPolicy };
  readonly machines: { readonly task: TaskMachine };
  readonly serializer: Serializer;
  readonly clock: Clock;
  readonly random: () => number;
  readonly stopGraceMs: number;
  readonly inspect?: (event: InspectionEvent) => void;
  /** Told of everything, from the first actor on. */
  readonly listener?: Listener;
  /** Output of tasks, as it comes. */
  output(record: TaskRecord, stream: 'stdout' | 'stderr', text: string): void;
}

/** An open troupe, as the api sees it. */
export interface OpenTroupe {
  readonly actor: Actor<TroupeMachine>;
  readonly dataflow: Dataflow;
  readonly executors: ReadonlyMap<string, Executor>;
  readonly recorder: Recorder;
  addExecutor(plugin: ExecutorPlugin): Executor;
  /** Resolves when no task is live. */
  idle(): Promise<void>;
  close(pending: 'wait' | 'cancel'): Promise<Counts>;
  /** Actors that have not ended; timers that are set. */
  readonly live: { readonly actors: ReadonlySet<string>; readonly timers: number };
}

export function openTroupe(settings: TroupeSettings): OpenTroupe {
  const { clock, serializer } = settings;
  const nowMs = (): number => clock.now();
  const executors = new Map<string, Executor>();
  const stopped = new Set<string>();
  const wheel = timers(clock);
  const records = recorder(nowMs, (id) => graph?.records.get(id));
  const { fact } = records;
  if (settings.listener !== undefined) records.add(settings.listener);

  const watch: Watch = {
    nowMs: () => performance.now(),
    onFault: ({ error, ...fault }) => {
      fact('policy.faulted', {
        ...fault,
        ...(error === undefined ? undefined : { error: messageOf(error) }),
      });
      if (fault.faults === MAX_FAULTS)
        for (const { actor } of executors.values())
          system.post(actor, {
            type: 'executor.degraded',
            message: `${fault.member} has faulted ${MAX_FAULTS} times; the built-in decides`,
          });
    },
    onSlow: (slow) => fact('policy.slow', { ...slow }),
  };

  const system = actorSystem(
    {
      onStep: records.step,
      onSpawn: records.spawned,
      onStop: records.stopped,
      onDeadLetter: (letter) => {
        records.deadLetter(letter);
        const { seq, causeId, actorId, event } = letter;
        if (!expected.has(event.type)) fact('actor.deadLetter', { seq, causeId, actorId, event: event.type });
      },
      onError: (actorId, error) => {
        const message = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
        fact('actor.failed', { actorId, message });
        system.post(graph.actor, { type: 'actor.failed', actorId, message });
      },
    },
    { clock: clock, ...(settings.inspect === undefined ? undefined : { inspect: settings.inspect }) },
  );

  let onIdle: (() => void)[] = [];
  let onClosed: ((counts: Counts) => void)[] = [];
  let counts: Counts | undefined;

  const root = system.spawn(
    troupeMachine.provide({
      actions: {
        closeDataflow: ({ context }) => system.post(graph.actor, { type: 'dataflow.close', pending: context.pending ?? 'wait' }),
        closeExecutors: () => {
          if (executors.size === 0) system.post(root, { type: 'executors.closed' });
          for (const { drain } of executors.values()) drain();
        },
        announceClosed: () => {
          wheel.close();
          counts = graph.actor.getSnapshot().context.settled;
          for (const resolve of onClosed) resolve(counts);
          onClosed = [];
        },
      },
    }),
    { id: 'troupe', input: { name: settings.name, runId: settings.runId } },
  );

  const machine = provided(taskMachine, settings.machines.task, taskPluggable, watch);
  const backoff = machine.implementations.delays['backoff'] as unknown as (args: { readonly context: unknown }) => number;

  const graph: Dataflow = dataflow({
    system,
    parent: root,
    nowMs,
    fact,
    askDependency: asker(dependencyKind, settings.policies.dependency, watch),
    machine: taskLogic(machine, {
      dataflow: () => graph,
      executors,
      serializer,
      timers: wheel,
      nowMs,
      random: settings.random,
      stopGraceMs: settings.stopGraceMs,
      askRetry: asker(retryKind, settings.policies.retry, watch),
      askRouting: asker(routingKind, settings.policies.routing, watch),
      backoffMs: (context) => backoff({ context }),
      onSettled: records.settled,
      fact,
    }),
    decode: (payload) => read(payload, serializer),
    check(record, value) {
      try {
        serializer.check(value, 'result');
      } catch (cause) {
        if (!(cause instanceof UnserializableError)) throw cause;
        const { taskId, submission } = record;
        throw new SerializationError(`${submission.definition.name} (${taskId}): ${cause.message}`, {
          taskId,
          side: 'result',
          path: cause.path,
          cause,
        });
      }
      return { value, bytes: 0 };
    },
    output: settings.output,
    onBroken(record, digest) {
      abandon(record, { timers: wheel, executors, stopGraceMs: settings.stopGraceMs });
      records.settled(digest);
    },
    onIdle: () => {
      for (const resolve of onIdle) resolve();
      onIdle = [];
    },
    onClosed: () => system.post(root, { type: 'dataflow.closed' }),
  });

  function addExecutor(plugin: ExecutorPlugin): Executor {
    const added = executor(plugin, {
      system,
      parent: root,
      clock,
      serializer,
      runId: settings.runId,
      runDir: settings.runDir,
      random: settings.random,
      report: graph.report,
      note: fact,
      onState: (label: string, state: ExecutorState, why) =>
        fact('executor.state', { executor: label, state, ...(why === undefined ? undefined : { why }) }),
      onClosed: (label) => {
        stopped.add(label);
        if (stopped.size === executors.size) system.post(root, { type: 'executors.closed' });
      },
    });
    executors.set(plugin.label, added);
    return added;
  }

  for (const plugin of settings.executors) addExecutor(plugin);
  system.post(root, { type: 'troupe.started' });

  return {
    actor: root,
    dataflow: graph,
    executors,
    recorder: records,
    addExecutor,
    idle: () => (graph.actor.getSnapshot().context.live === 0 ? Promise.resolve() : new Promise((resolve) => onIdle.push(resolve))),
    close(pending) {
      if (counts !== undefined) return Promise.resolve(counts);
      const result = new Promise<Counts>((resolve) => onClosed.push(resolve));
      system.post(root, { type: 'troupe.close', pending });
      return result;
    },
    live: {
      actors: system.live,
      get timers() {
        return wheel.size;
      },
    },
  };
}

/** What may well reach an actor that has just ended. */
const expected: ReadonlySet<string> = new Set(['task.cancel', 'timer.fired', 'try.stopped', 'executor.started', 'input.settled']);

function read(payload: Payload, serializer: Serializer): Arrived {
  return 'bytes' in payload
    ? { value: serializer.decode(payload.bytes), bytes: payload.bytes.byteLength }
    : { value: payload.value, bytes: 0 };
}
