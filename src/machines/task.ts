/**
 * One task, from pending to settled.
 *
 *   pending ─deps.met→ queued ─try.launched→ launched ─try.started→ running ─try.done→ done
 *      │                 ↑                        │ try.failed         │ try.joining→ joining ─join.done→ done
 *      │             retrying ←[shouldRetry]─ deciding → failed        │
 *      └─deps.failed→ depFailed         task.cancel, time limit → stopping → cancelled | deciding
 *
 * Flat and pure: no nesting, history, invoke, spawn or after; every effect is a named action that
 * `actors/task.ts` provides, so the machine can be compiled, replayed and drawn as it stands.
 * Told by the dataflow. Compare Parsl, `parsl/dataflow/states.py`.
 */
import { assign, setup } from 'xstate';

import type { Failure } from './model/failures.ts';
import type { SettledState } from './model/states.ts';
import type { RetryDecision, TaskContext, TaskEvent, TaskInput } from './model/task.ts';
import { readPlacement, readResources } from './policies/kinds.ts';
import type { Pluggable } from './policies/provided.ts';
import { MAX_BACKOFF_MS } from './policies/retry/port.ts';
import * as guards from './task-guards.ts';

/** Shared: contexts are replaced, never changed. */
const none: readonly never[] = [];

/** An effect: `actors/task.ts` provides it. Without one the machine is only drawn, tested or replayed. */
function effect(): void {}

type Failed = Extract<TaskEvent, { readonly failure: Failure }>;
const keepFailure = { type: 'recordFailure', params: ({ event }: { event: Failed }) => ({ failure: event.failure }) } as const;

// transitions that several states have
const failed = { guard: 'isCurrentTry', target: 'deciding', actions: keepFailure } as const;
const tooLong = { guard: 'isTimeLimit', target: 'stopping', actions: ['recordTimeLimit', 'stopForTimeLimit'] } as const;
/** A try that was to stop has ended without a result. */
const stopped = [
  { guard: 'isCancelledTry', target: 'cancelled' },
  { guard: 'isCurrentTry', target: 'deciding' },
  { actions: 'recordLate' },
] as const;

export const taskMachine = setup({
  types: {} as { context: TaskContext; events: TaskEvent; input: TaskInput; tags: 'settled' },
  guards: {
    shouldRetry: guards.shouldRetry,
    shouldRunAnyway: guards.shouldRunAnyway,
    isCurrentTry: guards.isCurrentTry,
    isNeverRetried: guards.isNeverRetried,
    isPoison: guards.isPoison,
    isOverBudget: guards.isOverBudget,
    isCancelledTry: guards.isCancelledTry,
    isTimeLimit: guards.isTimeLimit,
    isBackoffOver: guards.isBackoffOver,
    isGraceOver: guards.isGraceOver,
    isCancelGraceOver: guards.isCancelGraceOver,
  },
  actions: {
    // pluggable: moves the next try to where the retry policy wants it
    applyPlacement: assign(({ context: { decision, resources } }) =>
      decision?.again === true
        ? { placement: decision.executor, resources: { ...resources, ...decision.resources } }
        : { placement: undefined },
    ),
    // bookkeeping
    recordFailure: assign(({ context }, { failure }: { failure: Failure }) => guards.withFailure(context, failure)),
    recordTimeLimit: assign(({ context }) =>
      guards.withFailure(context, {
        kind: 'timeLimit',
        name: 'TimeLimitError',
        code: 'ERR_TIME_LIMIT',
        message: `ran longer than its limit of ${context.timeLimitMs} ms`,
        tryIndex: context.tryIndex,
        ...(context.executor === undefined ? undefined : { executor: context.executor }),
      }),
    ),
    keepRoute: assign({ executor: (_, { executor }: { executor: string }) => executor }),
    keepDecision: assign(({ context }, { decision }: { decision: RetryDecision }) => ({
      decision,
      cost: context.cost + (guards.budgetOfLast(context) === 'user' ? guards.costOf(decision) : 0),
    })),
    nextTry: assign({ tryIndex: ({ context }) => context.tryIndex + 1, stopCause: undefined }),
    stopForCancel: assign({ stopCause: 'cancel' }),
    stopForTimeLimit: assign({ stopCause: 'timeLimit' }),
    // effects
    routeTry: effect,
    submitTry: effect,
    askRetry: effect,
    startBackoff: effect,
    startLimit: effect,
    startGrace: effect,
    stopTry: effect,
    awaitJoined: effect,
    stopJoined: effect,
    recordLate: effect,
    settle: (_, _params: { state: SettledState }) => {},
  },
  delays: {
    // pluggable: how long a retry waits
    backoff: ({ context }) => (context.decision?.again === true ? (context.decision.afterMs ?? 0) : 0),
  },
}).createMachine({
  id: 'task',
  description:
    'One task, from pending to settled: waits for its inputs, is routed to an executor and tried there, and tried again while the retry policy wants it and the budgets allow it.',
  // field by field: V8 makes a class of its own for an object that a spread is part of
  context: ({ input: { taskId, name, kind, retries, resources, timeLimitMs } }) => ({
    taskId,
    name,
    kind,
    retries,
    resources,
    timeLimitMs,
    tryIndex: 0,
    executor: undefined,
    placement: undefined,
    failures: none,
    cost: 0,
    infrastructureFailures: 0,
    lostWorkers: none,
    decision: undefined,
    stopCause: undefined,
  }),
  initial: 'pending',
  on: {
    // a report that no state below expects belongs to a try that is over
    'try.launched': { actions: 'recordLate' },
    'try.started': { actions: 'recordLate' },
    'try.done': { actions: 'recordLate' },
    'try.joining': { actions: 'recordLate' },
    'try.failed': { actions: 'recordLate' },
    'try.stopped': { actions: 'recordLate' },
  },
  states: {
    pending: {
      description: 'Waits until each of its inputs has settled.',
      on: {
        'deps.met': 'queued',
        'deps.failed': [
          { guard: 'shouldRunAnyway', target: 'queued' },
          { target: 'depFailed', actions: keepFailure },
        ],
        'task.cancel': 'cancelled',
      },
    },
    queued: {
      description: 'Is being routed to an executor, then waits there for a free worker.',
      entry: 'routeTry',
      on: {
        'task.routed': {
          guard: 'isCurrentTry',
          actions: [{ type: 'keepRoute', params: ({ event }) => ({ executor: event.executor }) }, 'submitTry'],
        },
        'try.launched': { guard: 'isCurrentTry', target: 'launched' },
        'try.started': { guard: 'isCurrentTry', target: 'running' },
        'try.done': { guard: 'isCurrentTry', target: 'done' },
        'try.failed': failed,
        'task.cancel': { target: 'cancelled', actions: 'stopTry' },
      },
    },
    launched: {
      description: 'Sent to a worker that has not been heard from yet. A result may come without a word in between.',
      entry: 'startLimit',
      on: {
        'try.started': { guard: 'isCurrentTry', target: 'running' },
        'try.done': { guard: 'isCurrentTry', target: 'done' },
        'try.failed': failed,
        'timer.fired': tooLong,
        'task.cancel': { target: 'stopping', actions: 'stopForCancel' },
      },
    },
    running: {
      description: 'A worker runs it; the body of a join runs in the driver.',
      entry: 'startLimit',
      on: {
        'try.done': { guard: 'isCurrentTry', target: 'done' },
        'try.joining': { guard: 'isCurrentTry', target: 'joining' },
        'try.failed': failed,
        'timer.fired': tooLong,
        'task.cancel': { target: 'stopping', actions: 'stopForCancel' },
      },
    },
    joining: {
      description: 'Its body has returned futures; waits until each has settled. It is not tried again from here.',
      entry: 'awaitJoined',
      on: {
        'join.done': 'done',
        'join.failed': { target: 'failed', actions: keepFailure },
        'timer.fired': { guard: 'isTimeLimit', target: 'failed', actions: ['recordTimeLimit', 'stopJoined'] },
        'task.cancel': { target: 'cancelled', actions: 'stopJoined' },
      },
    },
    stopping: {
      description:
        'Its try is being stopped, by cancel or time limit; ends when the executor confirms or the grace is over. A result that comes now is recorded and dropped.',
      entry: ['stopTry', 'startGrace'],
      on: {
        'try.stopped': stopped,
        'try.failed': stopped,
        'try.done': [
          { guard: 'isCancelledTry', target: 'cancelled', actions: 'recordLate' },
          { guard: 'isCurrentTry', target: 'deciding', actions: 'recordLate' },
          { actions: 'recordLate' },
        ],
        // the body of a join has made its tasks all the same
        'try.joining': [
          { guard: 'isCancelledTry', target: 'cancelled', actions: ['recordLate', 'stopJoined'] },
          { guard: 'isCurrentTry', target: 'deciding', actions: ['recordLate', 'stopJoined'] },
          { actions: 'recordLate' },
        ],
        'timer.fired': [
          { guard: 'isCancelGraceOver', target: 'cancelled' },
          { guard: 'isGraceOver', target: 'deciding' },
        ],
        'task.cancel': { actions: 'stopForCancel' },
      },
    },
    deciding: {
      description: 'A try has failed: the retry policy is asked once, and its answer is recorded.',
      entry: 'askRetry',
      on: {
        'retry.decided': [
          { guard: 'isNeverRetried', target: 'failed' },
          { guard: 'isPoison', target: 'failed' },
          { guard: 'isOverBudget', target: 'failed' },
          {
            guard: 'shouldRetry',
            target: 'retrying',
            actions: [{ type: 'keepDecision', params: ({ event }) => ({ decision: event.decision }) }, 'applyPlacement'],
          },
          { target: 'failed' },
        ],
        'task.cancel': 'cancelled',
      },
    },
    retrying: {
      description: 'Waits out the back-off before its next try.',
      entry: 'startBackoff',
      on: {
        'timer.fired': { guard: 'isBackoffOver', target: 'queued', actions: 'nextTry' },
        'task.cancel': 'cancelled',
      },
    },
    done: { type: 'final', tags: 'settled', description: 'Settled with a value.', entry: { type: 'settle', params: { state: 'done' } } },
    failed: {
      type: 'final',
      tags: 'settled',
      description: 'Settled with an error: its own, or one nothing could mend.',
      entry: { type: 'settle', params: { state: 'failed' } },
    },
    depFailed: {
      type: 'final',
      tags: 'settled',
      description: 'Settled without a try, because an input has no value.',
      entry: { type: 'settle', params: { state: 'depFailed' } },
    },
    cancelled: {
      type: 'final',
      tags: 'settled',
      description: 'Settled because someone cancelled it, or what it depends on, or the join that made it.',
      entry: { type: 'settle', params: { state: 'cancelled' } },
    },
  },
});
export type TaskMachine = typeof taskMachine;

/** What may be replaced in `taskMachine.provide(…)`; everything else is a bound or an effect. */
export const taskPluggable = {
  guards: { shouldRetry: { policy: 'retry' }, shouldRunAnyway: { policy: 'dependency' } },
  actions: { applyPlacement: { policy: 'retry', fields: { placement: readPlacement, resources: readResources } } },
  delays: { backoff: { policy: 'retry', maxMs: MAX_BACKOFF_MS } },
} as const satisfies Pluggable;
