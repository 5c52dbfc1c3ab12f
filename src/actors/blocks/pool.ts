/**
 * Everything that a blocks executor consists of, put together: the interchange, the managers, the blocks, the listener
 * that managers connect to, and the folder with what each block is told. It knows nothing of tasks: work and outcomes
 * are bytes, so that a host without a task graph uses the very same.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

import type { BlocksSnapshot, BlockView, JobEnd, JobSpec } from '../../machines/model/blocks.ts';
import { messageOf } from '../../machines/model/failures.ts';
import { misfit, type Capacity, type Resources } from '../../machines/model/resources.ts';
import { slotPlan } from '../../machines/model/slots.ts';
import { blockErrorsKind, handshakeKind, orderingKind, scalingKind, selectionKind } from '../../machines/policies/block-kinds.ts';
import { asker, MAX_FAULTS, type Watch } from '../../machines/policies/firewall.ts';
import type { Listener } from '../../transport/port.ts';
import type { ExecutorPort } from '../executors/port.ts';
import type { LoadPlan } from '../load-plan.ts';
import { timers } from '../timers.ts';
import { blockSet, type BlockSet } from './block-set.ts';
import { blockControl, type BlockControl, type Held } from './control.ts';
import { openFolder, type Folder } from './folder.ts';
import { interchange, type Interchange } from './interchange.ts';
import { managers, managerView, type Manager, type Managers } from './managers.ts';
import { managerConfig, type PoolOptions } from './pool-options.ts';
import { loadOf, scaled, withPort } from './pool-parts.ts';
import type { Work, WorkSink } from './work.ts';

export interface PoolHost extends Pick<
  ExecutorPort,
  'clock' | 'note' | 'degraded' | 'restored' | 'broken' | 'actors' | 'runId' | 'runDir' | 'random'
> {
  readonly sink: WorkSink;
  /** Anything that a snapshot shows has changed. */
  changed?(): void;
}

/** A pool of blocks that is open. */
export interface Pool {
  /** Resolves when managers can connect and the first blocks are asked for. */
  readonly ready: Promise<void>;
  submit(work: Work): void;
  stop(key: string, reason: Uint8Array, graceMs: number): boolean;
  why(key: string): string | undefined;
  misfit(resources: Resources, timeRequestMs?: number): string | undefined;
  readonly queued: number;
  readonly running: number;
  /** Tries that could run at once, with the blocks there are; at least those of one. */
  readonly slots: number;
  snapshot(): BlocksSnapshot;
  readonly control: BlockControl;
  close(): Promise<void>;
}

export function blockPool(options: PoolOptions, host: PoolHost, plan: () => LoadPlan): Pool {
  const { label, slots, times } = options;
  const { clock, note, sink } = host;
  const nowMs = (): number => clock.now();
  const wheel = timers(clock);
  const secrets = new Map<string, string>();
  const held: Held = { all: false, blocks: new Set() };
  let bad: string | undefined;
  let parts: { readonly blocks: BlockSet; readonly listener: Listener } | undefined;
  let folder: Folder | undefined; // beside them: it is there when the listener could not be
  let closing: Promise<void> | undefined;
  let isReportDue = false;

  const estimate = options.node && slotPlan(slots, options.node);
  let seen: Capacity | undefined;

  const watch: Watch = {
    nowMs: () => performance.now(),
    onFault: ({ error, ...fault }) => {
      note('policy.faulted', { ...fault, ...(error === undefined ? undefined : { error: messageOf(error) }) });
      if (fault.faults === MAX_FAULTS) host.degraded(`${fault.member} has faulted ${MAX_FAULTS} times; the built-in decides`);
    },
    onSlow: (slow) => note('policy.slow', { ...slow }),
  };

  const exchange: Interchange = interchange({
    label,
    space: host.actors,
    timers: wheel,
    nowMs,
    random: host.random,
    askOrdering: asker(orderingKind, options.policies.ordering, watch),
    askSelection: asker(selectionKind, options.policies.selection, watch),
    managers: () => crew.live,
    jobIdOf: (blockId) => jobIds.get(blockId),
    batch: options.wire.batch,
    maxWorkBytes: options.wire.frameBytes / 2,
    sink,
    broken: ({ blockId, managerId }, why) => parts?.blocks.broken(blockId, managerId, why),
    changed: report,
    note,
  });

  const crew: Managers = managers({
    space: host.actors,
    timers: wheel,
    nowMs,
    build: options.build,
    heartbeatMs: times.heartbeatMs,
    silentAfterMs: times.silentAfterMs,
    lostAfterMs: times.lostAfterMs,
    askHandshake: asker(handshakeKind, options.policies.handshake, watch),
    admit: (manager) => {
      const { blockId, managerId, workers, capacity, deadlineMs } = manager;
      seen ??= capacity;
      return (
        parts?.blocks.registered(blockId, managerId, {
          workers,
          capacity,
          ...(deadlineMs === undefined ? undefined : { remainingMs: deadlineMs - nowMs() }),
        }) ?? false
      );
    },
    isHeld: (blockId) => held.all || held.blocks.has(blockId),
    reconcile: exchange.reconcile,
    heard: exchange.heard,
    changed: (manager) => {
      exchange.gained();
      report(manager);
    },
    gone(manager, how) {
      exchange.release(manager, how);
      parts?.blocks.left(manager.blockId, crew.ofBlock(manager.blockId).length);
      report();
    },
    doubted: ({ blockId }) => parts?.blocks.check(blockId),
    note,
  });

  const jobIds = new Map<string, string>();
  /** Blocks whose managers have changed since the last report. */
  const touched = new Set<string>();

  /** Tells the blocks what there is to do, once a turn. */
  function report(manager?: Manager): void {
    if (manager !== undefined) touched.add(manager.blockId);
    if (isReportDue || closing !== undefined) return;
    isReportDue = true;
    queueMicrotask(() => {
      isReportDue = false;
      if (parts === undefined || closing !== undefined) return;
      for (const blockId of touched) parts.blocks.load(blockId, loadOf(crew.ofBlock(blockId)));
      touched.clear();
      parts.blocks.demand({ queued: exchange.queued, running: exchange.granted, demand: { ...exchange.demand } });
      host.changed?.();
    });
  }

  function onState(view: BlockView): void {
    const { blockId, state, jobId } = view;
    if (jobId !== undefined) jobIds.set(blockId, jobId);
    if (state === 'draining') for (const manager of crew.ofBlock(blockId)) crew.drain(manager, 'its block is given back');
    host.changed?.();
  }

  function onEnded(view: BlockView, evidence: JobEnd | undefined): void {
    const { blockId, end = 'unknown', why } = view;
    secrets.delete(blockId);
    held.blocks.delete(blockId);
    jobIds.delete(blockId);
    folder?.forget(blockId);
    const words = [`block ${blockId} has ended (${end})`, why ?? evidence?.message, evidence?.stderr?.trim()].filter(Boolean).join(': ');
    for (const manager of crew.ofBlock(blockId)) crew.end(manager, end, words);
    report();
  }

  async function start(): Promise<void> {
    const own = (folder = await openFolder(label, host.runDir, host.runId));
    const { listen } = options;
    const certificate = listen.usesTls ? await options.makeCertificate() : undefined;
    const [manager, worker] = await Promise.all([
      plan().programUrlOf(options.programs.manager),
      plan().programUrlOf(options.programs.worker),
    ]);
    const listener = await options.transport.listen({
      host: listen.host,
      port: listen.port,
      certificate,
      limits: options.wire,
      secretOf: (blockId) => secrets.get(blockId),
      onLink: (link, blockId) => crew.onLink(link, blockId),
      onRefused: (why) => note('link.refused', { why }),
    });
    const addresses = listen.addresses.map((address) => withPort(address, listener.port));

    async function spec(blockId: string, jobName: string): Promise<JobSpec> {
      const secret = randomBytes(32).toString('base64url');
      secrets.set(blockId, secret);
      const config = managerConfig(options, {
        runId: host.runId,
        plan: plan(),
        blockId,
        secret,
        addresses,
        fingerprint: certificate?.fingerprint,
        worker,
      });
      const path = await own.keep(blockId, config);
      const argv = [process.execPath, fileURLToPath(manager), '--connect', path];
      return {
        blockId,
        name: jobName,
        nodes: options.nodes,
        walltimeMs: options.walltimeMs,
        argv: options.launch(argv, process.cwd()),
        env: {},
        workDir: process.cwd(),
        stdout: join(own.dir, `block-${blockId}.out`),
        stderr: join(own.dir, `block-${blockId}.err`),
      };
    }

    const blocks = blockSet({
      space: host.actors,
      clock,
      random: host.random,
      runId: host.runId,
      label,
      dir: own.dir,
      provider: options.provider,
      limits: options.limits,
      nodes: options.nodes,
      walltimeMs: options.walltimeMs,
      parallelism: options.parallelism,
      perBlock: {
        slots: options.nodes * (estimate?.workers ?? 1),
        capacity: estimate === undefined ? { cores: options.nodes } : scaled(estimate.capacity, options.nodes),
      },
      desertedMs: times.desertedMs,
      askScaling: asker(scalingKind, options.policies.scaling, watch),
      askBlockErrors: asker(blockErrorsKind, options.policies.blockErrors, watch),
      spec,
      onState,
      onEnded,
      onBad(message) {
        bad = message;
        host.broken(message); // which fails what there is
        exchange.abandonAll();
        parts?.blocks.scaleIn(parts.blocks.views().flatMap(({ blockId, state }) => (state === 'ended' ? [] : [blockId]))); // they would run for nobody
      },
      note,
    });
    parts = { blocks, listener };
    exchange.open();
    report();
  }

  async function end(): Promise<void> {
    await starting.catch(() => {});
    exchange.close();
    exchange.stopAll();
    crew.close('the driver is closing');
    await parts?.blocks.close();
    await parts?.listener.close();
    await folder?.close();
    wheel.close();
  }

  const starting = start();
  starting.catch(() => {}); // whoever asks `ready` is told

  return {
    ready: starting,
    submit: exchange.submit,
    stop: exchange.stop,
    why: exchange.why,
    misfit(resources, timeRequestMs) {
      if (timeRequestMs !== undefined && options.walltimeMs !== undefined && timeRequestMs > options.walltimeMs)
        return `timeRequestMs: asks for ${timeRequestMs}, and a block lives ${options.walltimeMs}`;
      if (options.limits.max === 0) return 'it may have no blocks (block.max is 0)';
      const capacity = seen ?? estimate?.capacity;
      return capacity && misfit(resources, capacity);
    },
    get queued() {
      return exchange.queued;
    },
    get running() {
      return exchange.granted;
    },
    get slots() {
      let workers = 0;
      for (const one of crew.live.values()) workers += one.workers;
      return Math.max(workers, options.nodes * (estimate?.workers ?? 1));
    },
    snapshot: () => ({
      label,
      state: String(exchange.actor.getSnapshot().value),
      ...(bad === undefined ? undefined : { why: bad }),
      limits: {
        ...options.limits,
        nodes: options.nodes,
        ...(options.walltimeMs === undefined ? undefined : { walltimeMs: options.walltimeMs }),
      },
      queued: exchange.queued,
      granted: exchange.granted,
      running: exchange.running,
      blocks: parts?.blocks.views() ?? [],
      managers: [...crew.live.values()].map(managerView),
    }),
    control: blockControl({
      blocks: () => parts?.blocks,
      crew,
      held,
      recovered() {
        bad = undefined;
        host.restored();
      },
    }),
    close: () => (closing ??= end()),
  };
}
