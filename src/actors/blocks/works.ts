/**
 * Binds the machine of work to a pool: the work of a host that has no task graph. Payloads, results and errors stay
 * here, beside the machines; what a host sees of its work is a promise and the events that led to its end.
 */
import { compiled } from '../../machines/compiled.ts';
import { ExecutorError, InternalError, UnroutableError } from '../../machines/model/errors.ts';
import { messageOf, type FailureKind } from '../../machines/model/failures.ts';
import type { Place } from '../../machines/model/story.ts';
import type { BlockWork, WorkEvent } from '../../machines/model/work-events.ts';
import { workMachine, type WorkEnd, type WorkMachineEvent } from '../../machines/work.ts';
import type { Serializer } from '../../transport/serializers/port.ts';
import type { LoadPlan } from '../load-plan.ts';
import type { ActorSystem, Target } from '../spawn.ts';
import type { Timers } from '../timers.ts';
import { encodeCall, encodeReason } from '../work.ts';
import { nameOf, notPrepared, workError, type LiveWork, type WorkRequest } from './live-work.ts';
import type { Pool } from './pool.ts';
import { replayed } from './replayed.ts';
import type { WorkSink } from './work.ts';
import { workReports, type Named } from './work-reports.ts';

export interface WorksHost {
  readonly label: string;
  readonly system: ActorSystem;
  readonly parent: Target;
  readonly pool: () => Pool;
  readonly plan: () => LoadPlan;
  readonly serializer: Serializer;
  readonly timers: Timers;
  readonly nowMs: () => number;
  /** Of work that is to stop. */
  readonly graceMs: number;
  /** Why nothing is taken; `undefined` while something is. */
  refusal(): string | undefined;
  output(work: Named, stream: 'stdout' | 'stderr', text: string): void;
  progress(work: Named, bytes: Uint8Array): void;
  /** Nothing is live any more. */
  emptied(): void;
  note(type: string, data: Readonly<Record<string, unknown>>): void;
}

export interface Works {
  readonly sink: WorkSink;
  submit(request: WorkRequest): BlockWork;
  /** Nothing for work that has ended. */
  cancel(id: string, reason: unknown): void;
  cancelAll(reason: unknown): void;
  failAll(why: string): void;
  /** Its actor has failed. False: it is none of ours. */
  abandon(actorId: string, error: unknown): boolean;
  /** Whether it has not ended. */
  has(id: string): boolean;
  readonly size: number;
  /** Those that are not in the pool yet: their module is being bundled. */
  readonly unprepared: number;
}

const KEPT_EVENTS = 64;
/** A kill, and word of it, take a moment: from the end of a grace to the end of waiting for it. */
const GRACE_MARGIN_MS = 2000;

export function works(host: WorksHost): Works {
  const { system, timers, serializer, nowMs, note } = host;
  const live = new Map<string, LiveWork>();
  const unprepared = new Set<string>();
  let last = 0;

  const logic = compiled(
    workMachine.provide({
      actions: {
        tell: ({ context }, { state, place }) => {
          const work = live.get(context.workId);
          if (work === undefined) return;
          work.place = place;
          work.events.push({ type: state, atMs: nowMs(), ...place });
        },
        stopWork: ({ context: { workId } }) => {
          const work = live.get(workId);
          if (work === undefined) return;
          const isInPool = !unprepared.delete(workId) && host.pool().stop(work.key, encodeReason(work.reason, serializer), host.graceMs);
          if (!isInPool) post(work, { type: 'work.stopped' });
        },
        startGrace: ({ context: { workId } }) =>
          timers.start(`grace/${workId}`, host.graceMs + GRACE_MARGIN_MS, () => {
            const work = live.get(workId);
            if (work !== undefined) post(work, { type: 'timer.fired' });
          }),
        cancelGrace: ({ context: { workId } }) => timers.cancel(`grace/${workId}`),
        recordLate: ({ context: { workId } }) => note('work.late', { workId, report: 'done', why: 'it was being cancelled' }),
        settle: ({ context: { workId } }, { state }) => settle(workId, state),
      },
    }),
  );

  const post = (work: LiveWork, event: WorkMachineEvent): void => {
    if (work.actor !== undefined) system.post(work.actor, event);
  };

  function settle(workId: string, state: WorkEnd): void {
    const work = live.get(workId);
    if (work === undefined) return;
    live.delete(workId);
    unprepared.delete(workId);
    const { request, place, result } = work;
    if (state === 'done' && result !== undefined) {
      work.events.push({ type: 'done', atMs: nowMs(), ...place });
      work.resolve(result);
    } else {
      const error =
        (state === 'failed' ? work.error : undefined) ?? workError(work, 'cancelled', work.reason ?? new Error('it was cancelled'), host);
      work.events.push({ type: state, atMs: nowMs(), ...place, failure: error.failure });
      work.reject(error);
    }
    work.events.end();
    noteEnd(work, state);
    request.settled?.(workId);
    if (live.size === 0) host.emptied();
  }

  function noteEnd({ taskId: workId, name, request: { correlationId }, place, error, submittedMs }: LiveWork, state: WorkEnd): void {
    const failure = state === 'failed' ? error?.failure : undefined;
    note('work.settled', {
      workId,
      name,
      correlationId,
      state,
      submittedMs,
      ...place,
      ...(failure === undefined ? undefined : { failure }),
    });
  }

  function fail(work: LiveWork, kind: FailureKind, cause: unknown, place?: Place): void {
    if (place !== undefined) work.place = place;
    work.error = workError(work, kind, cause, { label: host.label, at: place });
    post(work, { type: 'work.failed', failure: work.error.failure });
  }

  const sink = workReports({ ...host, live, post, fail });

  function submit(request: WorkRequest): BlockWork {
    const workId = `w${++last}`;
    const { resources, priority, timeRequestMs, correlationId } = request;
    const events = replayed<WorkEvent>(KEPT_EVENTS);
    const submittedMs = nowMs();
    let ends: Pick<LiveWork, 'resolve' | 'reject'> | undefined;
    const promise = new Promise<Uint8Array>((resolve, reject) => (ends = { resolve, reject }));
    promise.catch(() => {}); // a failure that nobody asks for raises nothing
    let importUrl = request.module;
    const work: LiveWork = {
      key: `${workId}/0`,
      taskId: workId,
      tryIndex: 0,
      name: nameOf(request),
      priority,
      resources,
      timeRequestMs,
      encode: () =>
        encodeCall({ id: correlationId ?? workId, tryIndex: 0, module: importUrl, entry: request.entry, payload: request.payload }),
      request,
      events,
      submittedMs,
      ...(ends as unknown as Pick<LiveWork, 'resolve' | 'reject'>), // the executor of a promise runs at once
      result: undefined,
      error: undefined,
      reason: undefined,
      place: {},
      actor: undefined,
    };
    live.set(workId, work);
    events.push({ type: 'queued', atMs: submittedMs });
    work.actor = system.spawn(logic, { id: `work/${workId}`, input: { workId }, parent: host.parent });
    enter(work, (url) => (importUrl = url));
    return { id: workId, correlationId, promise, events: events.items };
  }

  /** Into the pool, as soon as workers can import its module. */
  function enter(work: LiveWork, prepared: (importUrl: string) => void): void {
    const { taskId: workId, name, request } = work;
    const refusal = host.refusal();
    if (refusal !== undefined) return fail(work, 'submit', new ExecutorError(refusal, { label: host.label }));
    const why = host.pool().misfit(request.resources, request.timeRequestMs);
    if (why !== undefined) {
      const message = `${name} (${workId}) could never run on ${host.label}: ${why}`;
      return fail(work, 'unroutable', new UnroutableError(message, { taskId: workId, candidates: { [host.label]: why } }));
    }
    const go = (url: string): void => {
      prepared(url);
      host.pool().submit(work);
    };
    let url: string | Promise<string>;
    try {
      url = host.plan().importUrlOf(request.module);
    } catch (cause) {
      return fail(work, 'unroutable', notPrepared(work, cause));
    }
    if (typeof url === 'string') return go(url);
    unprepared.add(workId);
    url.then(
      (ready) => {
        if (unprepared.delete(workId)) go(ready);
      },
      (cause: unknown) => {
        if (unprepared.delete(workId)) fail(work, 'unroutable', notPrepared(work, cause));
      },
    );
  }

  function cancel(id: string, reason: unknown): void {
    const work = live.get(id);
    if (work === undefined) return;
    work.reason ??= reason;
    post(work, { type: 'work.cancel' });
  }

  return {
    sink,
    submit,
    cancel,
    cancelAll(reason) {
      for (const id of live.keys()) cancel(id, reason);
    },
    failAll(why) {
      for (const work of live.values()) fail(work, 'submit', new ExecutorError(why, { label: host.label }));
    },
    abandon(actorId, error) {
      const work = live.get(actorId.replace(/^work\//, ''));
      if (work === undefined) return false;
      const message = `the actor of ${work.name} (${work.taskId}) has failed: ${messageOf(error)}`;
      work.error = workError(work, 'internal', new InternalError(message, { actor: actorId, cause: error }), host);
      settle(work.taskId, 'failed');
      return true;
    },
    has: (id) => live.has(id),
    get size() {
      return live.size;
    },
    get unprepared() {
      return unprepared.size;
    },
  };
}
