/**
 * The manager of a node: between the driver and the worker processes of this node, with no code of the user in it, so
 * that it always answers. It starts its workers before it has found its driver, keeps what the driver must be told
 * until it knows that it was heard, and ends when its driver is gone, and its workers with it.
 *
 * The driver's side is {@link file://../blocks/managers.ts}; the program that composes this is `api/bin/manager.ts`.
 */
import type { ConnectionState } from '../../machines/connection.ts';
import { slotPlan } from '../../machines/model/slots.ts';
import type { Build } from '../../machines/policies/handshake/port.ts';
import { exitCodes, type PoolState } from '../../machines/pool.ts';
import type { FromWorker, FromWorkerOf } from './pipe-protocol.ts';
import { defaultLimits, type Limits, type Transport } from '../../transport/port.ts';
import type { Downward, Message, MessageOf } from '../../transport/protocol.ts';
import { actorSystem } from '../spawn.ts';
import { timers as openTimers, type Clock } from '../timers.ts';
import type { ManagerConfig, NodeFacts } from './config.ts';
import { openDispatch } from './dispatch.ts';
import type { Handle, SpawnWorker } from './handle.ts';
import { openDriverLink } from './link.ts';
import { openPool } from './pool.ts';
import { openReports } from './reports.ts';
import { slotsOf } from './slots.ts';

export interface ManagerOptions {
  readonly config: ManagerConfig;
  readonly transport: Pick<Transport, 'connect'>;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly build: Build;
  readonly node: NodeFacts;
  readonly spawnWorker: SpawnWorker;
  /** Where the driver is now, when that can change. */
  readonly addresses?: () => readonly string[] | undefined;
  /** Runs something when what has come at once has been taken in. @defaultValue `queueMicrotask` */
  readonly defer?: (run: () => void) => void;
  readonly limits?: Limits;
  /** What whoever reads the log of the block should know. */
  log(text: string): void;
  /** Once: nothing of it is left but what the caller has opened. */
  onEnded(code: number): void;
}

export interface Manager {
  readonly managerId: string;
  /** Stops what runs, and ends. */
  end(why: string): void;
}

export function openManager(options: ManagerOptions): Manager {
  const { config, node, clock, random, log } = options;
  const { blockId, walltimeMs, drainMs } = config;
  const managerId = `${blockId.slice(0, 30)}-${node.pid}-${Math.floor(random() * 36 ** 8).toString(36)}`;
  const nowMs = (): number => clock.now();
  const openedMs = nowMs();
  const timers = openTimers(clock);
  const system = actorSystem(
    {
      onStep() {},
      onDeadLetter() {},
      onError(actorId, error) {
        log(`${actorId} has failed, which is a defect: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        if (actorId !== 'pool') end('an error of its own');
        else finish(exitCodes.broken);
      },
    },
    { clock },
  );
  const plan = slotPlan(given(config.slots), node);
  let heartbeatMs = config.heartbeatMs;
  let hasSent = false;
  let hasLeft = false;
  let isFinished = false;

  const isOpen = (): boolean => link.state === 'open';
  function send(message: Message): void {
    hasSent = true;
    link.send(message);
  }
  /** For what is of no use later. */
  function say(message: Message): void {
    if (isOpen()) send(message);
  }

  const reports = openReports({ defer: options.defer ?? queueMicrotask, isOpen, send });
  const dispatch = openDispatch({
    system,
    timers,
    nowMs,
    maxCredit: config.maxCredit,
    fastMs: config.fastMs,
    crew: {
      up: () => pool.up,
      workers: () => pool.workers,
      isEnding: () => pool.state === 'ending' || pool.state === 'ended',
      kill: (handle, why) => pool.kill(handle, why),
    },
    report: {
      ...reports,
      started: (leases, workers) => say({ t: 'started', leases, workers }),
      credit: (credit, workers) => say({ t: 'credit', credit, workers }),
    },
  });

  const fromWorker: { readonly [T in FromWorker['t']]?: (handle: Handle, message: FromWorkerOf<T>) => void } = {
    ended: (handle, message) => dispatch.ended(handle, message),
    revoked: (handle, message) => dispatch.revoked(handle, message),
    progress: (_, { lease, value }) => say({ t: 'progress', lease, value }),
    output: (_, { lease, stream, text }) => say({ t: 'output', lease, stream, text }),
  };
  const pool = openPool({
    system,
    timers,
    nowMs,
    random,
    startMs: config.startMs,
    stopGraceMs: config.stopGraceMs,
    slots: slotsOf(config, managerId, plan.workers, node.cores),
    whyNone: `there is no room for a worker: ${plan.limits.map(({ how }) => how).join(', ')}`,
    spawnWorker: options.spawnWorker,
    on: {
      ready: dispatch.ready,
      messages(handle, messages) {
        for (const message of messages)
          (fromWorker[message.t] as ((from: Handle, said: FromWorker) => void) | undefined)?.(handle, message);
        leaveIfDone();
      },
      closed(handle) {
        dispatch.closed(handle);
        leaveIfDone();
      },
      changed: dispatch.changed,
      giveBack: dispatch.giveBack,
      sayLeaving,
      state: onPool,
    },
  });

  function onPool(state: PoolState): void {
    const { why = '', code = 0, stderr } = pool.end ?? {};
    if (state === 'broken') log(`its workers do not come up: ${why}${stderr === undefined ? '' : `\n${stderr}`}`);
    if (state === 'ending' && !hasLeft) say({ t: 'draining', why });
    if (state === 'ended') {
      reports.flush();
      sayLeaving();
      if (link.actor.getSnapshot().status === 'active') link.end(why);
      else finish(code); // the link has ended it
    } else leaveIfDone();
  }

  /** Nothing runs here, and the driver knows how all of it ended. */
  function leaveIfDone(): void {
    const { state } = pool;
    if ((state === 'draining' || state === 'broken') && dispatch.size === 0 && reports.isEmpty && isOpen())
      system.post(pool.actor, { type: 'pool.emptied' });
  }

  function sayLeaving(): void {
    if (hasLeft) return;
    hasLeft = true;
    const { why = '', code, stderr } = pool.end ?? {};
    say({ t: 'leaving', why, isBroken: code === exitCodes.broken, ...(stderr === undefined ? undefined : { stderr }) });
  }

  const link = openDriverLink({
    system,
    timers,
    nowMs,
    random,
    transport: options.transport,
    addresses: () => options.addresses?.() ?? config.addresses,
    connect: {
      peerId: blockId,
      secret: config.secret,
      fingerprint: config.fingerprint,
      timeoutMs: config.connectTimeoutMs,
      limits: options.limits ?? defaultLimits,
    },
    endAfterMs: config.endAfterMs,
    silenceMs: config.silenceMs,
    on: {
      register,
      messages: hear,
      state: onLink,
      over: () => {
        if (pool.state === 'ended') finish(pool.end?.code ?? 0);
      },
      note: log,
    },
  });

  function register(): void {
    reports.flush();
    send({
      t: 'register',
      managerId,
      blockId,
      build: options.build,
      host: node.host.slice(0, 255),
      pid: node.pid,
      workers: pool.workers,
      capacity: plan.capacity,
      credit: dispatch.sayCredit(),
      ...(walltimeMs === undefined ? undefined : { remainingMs: Math.max(0, openedMs + walltimeMs - nowMs()) }),
      holds: [...new Set([...dispatch.leases(), ...reports.leases()])],
      sent: reports.sentSeq,
    });
  }

  const fromDriver: { readonly [T in Downward['t']]?: (message: MessageOf<T>) => void } = {
    welcome(message) {
      heartbeatMs = message.heartbeatMs;
      reports.acknowledge(message.received);
      dispatch.drop(message.drop);
      link.welcomed();
    },
    refused: ({ why }) => link.refused(why),
    grant: ({ leases, works }) => dispatch.grant(leases, works),
    ack: ({ seq }) => reports.acknowledge(seq),
    recall: ({ leases }) => dispatch.recall(leases),
    stop: ({ lease, reason, graceMs }) => dispatch.stop(lease, reason, graceMs),
    drain: () => drain('the driver asks for it'),
    end: ({ why }) => end(why),
  };

  function hear(messages: readonly Message[]): void {
    for (const message of messages) (fromDriver[message.t as Downward['t']] as ((said: Message) => void) | undefined)?.(message);
    leaveIfDone();
  }

  function onLink(state: ConnectionState, why: string | undefined): void {
    if (state === 'open') {
      reports.sendAgain();
      dispatch.announceAgain();
      timers.start('heartbeat', heartbeatMs, beat);
      if (pool.state === 'draining') say({ t: 'draining', why: pool.end?.why ?? '' });
      leaveIfDone();
    } else timers.cancel('heartbeat');
    if (state === 'probing') log(`${why ?? 'the link has closed'}; making it again`);
    const code = state === 'refused' ? exitCodes.refused : state === 'deserted' ? exitCodes.deserted : undefined;
    if (code === undefined) return;
    const text = state === 'refused' ? (why ?? '') : `the driver is gone: ${why ?? 'it does not answer'}`;
    log(text);
    if (pool.state === 'ended') return;
    system.post(pool.actor, { type: 'pool.end', why: text, code });
  }

  function beat(): void {
    if (!hasSent) say({ t: 'heartbeat' });
    hasSent = false;
    timers.start('heartbeat', heartbeatMs, beat);
  }

  function drain(why: string): void {
    system.post(pool.actor, { type: 'pool.drain', why });
  }

  function end(why: string): void {
    if (pool.state !== 'ended') system.post(pool.actor, { type: 'pool.end', why, code: exitCodes.done });
  }

  function finish(code: number): void {
    if (isFinished) return;
    isFinished = true;
    timers.close();
    options.onEnded(code);
  }

  if (walltimeMs !== undefined && drainMs > 0) {
    timers.start('walltime', Math.max(0, walltimeMs - drainMs), () => {
      const why = `its walltime of ${Math.round(walltimeMs / 1000)} s is nearly over`;
      say({ t: 'draining', why });
      drain(why);
    });
  }
  return { managerId, end };
}

/** Without the options that are `undefined`. */
function given(slots: ManagerConfig['slots']): Parameters<typeof slotPlan>[0] {
  const { workers, memoryPerWorkerBytes, ...others } = slots;
  return {
    ...others,
    ...(workers === undefined ? undefined : { workers }),
    ...(memoryPerWorkerBytes === undefined ? undefined : { memoryPerWorkerBytes }),
  };
}
