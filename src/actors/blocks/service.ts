/**
 * A pool of blocks without a task graph: a host gives it bytes and the name of a function of its own, and gets bytes.
 * It has an actor system to itself, so that a process may have several; it installs no handlers of signals or exits,
 * and keeps nothing outside of what it opens. It does not try again: `failure.budget` says what is worth it.
 */
import type { Actor } from 'xstate';

import type { BlocksView } from '../../machines/model/block-control.ts';
import type { BlockWork } from '../../machines/model/work-events.ts';
import { messageOf } from '../../machines/model/failures.ts';
import type { ExecutorState } from '../../machines/model/states.ts';
import { executorMachine, type ExecutorMachine } from '../../machines/executor.ts';
import type { Serializer } from '../../transport/serializers/port.ts';
import { loadPlan, type LoaderOption, type LoadPlan } from '../load-plan.ts';
import { actorSystem, spaceOf, type Target } from '../spawn.ts';
import { timers, type Clock } from '../timers.ts';
import { blockPool, type Pool } from './pool.ts';
import type { PoolOptions } from './pool-options.ts';
import type { WorkRequest } from './live-work.ts';
import { works, type Works } from './works.ts';

export interface ServiceOptions extends PoolOptions {
  readonly loader: LoaderOption;
}

/** What is told of a service while it runs. */
export type ServiceEvent =
  /** What a snapshot shows has changed. */
  | { readonly type: 'change'; readonly atMs: number }
  /** One thing that happened to blocks, managers, workers or policies: as in an event log. */
  | { readonly type: 'note'; readonly atMs: number; readonly note: string; readonly data: Readonly<Record<string, unknown>> }
  /** Work has printed something. */
  | {
      readonly type: 'output';
      readonly atMs: number;
      readonly workId: string;
      readonly correlationId: string | undefined;
      readonly stream: 'stdout' | 'stderr';
      readonly text: string;
    }
  /** Work has told how far it is. */
  | {
      readonly type: 'progress';
      readonly atMs: number;
      readonly workId: string;
      readonly correlationId: string | undefined;
      readonly bytes: Uint8Array;
    };

export interface ServiceSettings {
  readonly runId: string;
  /** Folder of this run; without one, a temporary folder that is gone at the end. */
  readonly runDir: string | undefined;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly serializer: Serializer;
  /** In order. Must not throw, and must not call the service before it has returned. */
  onEvent(event: ServiceEvent): void;
}

export interface OpenService extends BlocksView {
  /** Resolves when managers can connect and the first blocks are asked for. */
  readonly ready: Promise<void>;
  readonly state: ExecutorState;
  submit(request: WorkRequest): BlockWork;
  cancel(id: string, reason: unknown): void;
  /** Whether it has not ended. */
  has(id: string): boolean;
  /** Work that has not ended. */
  readonly size: number;
  /** Waits for what there is, or cancels it, then ends everything. Called again, it may hurry. */
  shutdown(mode: 'drain' | 'kill'): Promise<void>;
}

export function openService(options: ServiceOptions, settings: ServiceSettings): OpenService {
  const { label } = options;
  const { clock, runId, runDir, random, serializer } = settings;
  const wheel = timers(clock);
  const nowMs = (): number => clock.now();
  let made: LoadPlan | undefined;
  const plan = (): LoadPlan => (made ??= loadPlan(options.loader));
  let opened: { readonly pool: Pool; readonly all: Works } | undefined;
  let closing: Promise<void> | undefined;
  const onEmpty = new Set<() => void>();
  const onStopped = new Set<() => void>();

  const note = (type: string, data: Readonly<Record<string, unknown>>): void =>
    settings.onEvent({ type: 'note', atMs: nowMs(), note: type, data });
  const changed = (): void => settings.onEvent({ type: 'change', atMs: nowMs() });

  const system = actorSystem(
    {
      onStep: () => {},
      onDeadLetter: ({ actorId, event }) => note('actor.deadLetter', { actorId, event: event.type }),
      onError(actorId, error) {
        note('actor.failed', { actorId, message: error instanceof Error ? (error.stack ?? error.message) : messageOf(error) });
        // without one of its parts a pool would leave work hanging
        if (opened?.all.abandon(actorId, error) === false)
          system.post(root, { type: 'executor.failed', message: `actor ${actorId} has failed: ${messageOf(error)}` });
      },
    },
    { clock },
  );
  const root: Actor<ExecutorMachine> = system.spawn(
    executorMachine.provide({
      actions: {
        open: () => system.afterStep(goOn),
        failAll: ({ context }) => opened?.all.failAll(badText(context.why)),
        close: () => void close(),
        announce: (_, { state }) => {
          note('executor.state', { state });
          changed();
          if (state === 'stopped') for (const resolve of onStopped) resolve();
        },
      },
    }),
    { id: `executor/${label}`, input: { label, kind: 'blocks' } },
  );

  /** Bad is not absorbing: the pool goes on with the blocks that it has. */
  function goOn(): void {
    if (opened === undefined) return; // the machine asks for it before there is anything to open
    opened.pool.control.recover();
    whenReady();
  }

  function whenReady(): void {
    pool.ready.then(
      () => system.post(root, { type: 'executor.started' }),
      (error: unknown) => system.post(root, { type: 'executor.failed', message: messageOf(error) }),
    );
  }

  async function close(): Promise<void> {
    try {
      await opened?.pool.close();
    } catch (error) {
      note('executor.closeFailed', { message: messageOf(error) });
    }
    wheel.close();
    system.post(root, { type: 'executor.closed' });
  }

  const state = (): ExecutorState => root.getSnapshot().value;
  const badText = (why: string | undefined): string => `${label} is in its bad state: ${why ?? 'unknown'}`;

  const supervisor: Target = system.supervisor('works', root);
  const all = works({
    label,
    system,
    parent: supervisor,
    pool: () => pool,
    plan,
    serializer,
    timers: wheel,
    nowMs,
    graceMs: options.times.stopGraceMs,
    refusal: () => (state() === 'bad' ? badText(root.getSnapshot().context.why) : undefined),
    output: ({ id, correlationId }, stream, text) =>
      settings.onEvent({ type: 'output', atMs: nowMs(), workId: id, correlationId, stream, text }),
    progress: ({ id, correlationId }, bytes) => settings.onEvent({ type: 'progress', atMs: nowMs(), workId: id, correlationId, bytes }),
    emptied() {
      for (const resolve of onEmpty) resolve();
      onEmpty.clear();
    },
    note,
  });
  const pool: Pool = blockPool(
    options,
    {
      clock,
      note,
      degraded: (message) => system.post(root, { type: 'executor.degraded', message }),
      restored: () => system.post(root, { type: 'executor.restored' }),
      broken: (message) => system.post(root, { type: 'executor.failed', message }),
      actors: spaceOf(system, root),
      runId,
      runDir,
      random,
      sink: all.sink,
      changed,
    },
    plan,
  );
  opened = { pool, all };
  whenReady();

  async function end(): Promise<void> {
    if (all.size > 0) await new Promise<void>((resolve) => onEmpty.add(resolve));
    if (state() === 'stopped') return;
    const stopped = new Promise<void>((resolve) => onStopped.add(resolve));
    system.post(root, { type: 'executor.drain' });
    await stopped;
  }

  return {
    ...pool.control,
    recover: () => (state() === 'bad' ? system.post(root, { type: 'executor.recover' }) : pool.control.recover()),
    ready: pool.ready,
    get state() {
      return state();
    },
    get size() {
      return all.size;
    },
    submit: all.submit,
    cancel: all.cancel,
    has: all.has,
    snapshot() {
      const { queued, why, ...rest } = pool.snapshot();
      const because = root.getSnapshot().context.why ?? why;
      return { ...rest, queued: queued + all.unprepared, state: state(), ...(because === undefined ? undefined : { why: because }) };
    },
    shutdown(mode) {
      closing ??= end();
      if (mode === 'kill' && state() !== 'stopped') {
        all.cancelAll(new Error(`${label} was shut down`));
        system.post(root, { type: 'executor.drain' }); // not waiting for what is being stopped
      }
      return closing;
    },
  };
}
