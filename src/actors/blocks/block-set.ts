/**
 * The blocks of one executor: how many there should be, each of them from its request to its end, and what becomes of
 * the executor when they fail. Everything between "so much is to be done" and a provider's job.
 */
import type { BlockLimits, BlockView, JobEnd, JobSpec } from '../../machines/model/blocks.ts';
import type { Capacity } from '../../machines/model/resources.ts';
import { ring } from '../../machines/model/ring.ts';
import type { BlockErrorsDecision, BlockErrorsSnapshot } from '../../machines/policies/block-errors/port.ts';
import type { Asker } from '../../machines/policies/firewall.ts';
import type { ScalingDecision, ScalingSnapshot } from '../../machines/policies/scaling/port.ts';
import type { Provider } from '../../providers/port.ts';
import type { ActorSpace } from '../executors/port.ts';
import { inSpace } from '../spawn.ts';
import { timers as timersOf, type Clock } from '../timers.ts';
import { blockHealth } from './block-health.ts';
import { blockOf, type Block, type BlockHost } from './block.ts';
import { driverId } from './driver-id.ts';
import { cameUp, entryOf, isSameLoad, offerOf, viewOf, type BlockLoad, type Entry, type Registration } from './entries.ts';
import { openLedger, type Ledger } from './ledger.ts';
import { providerActor, type ProviderView } from './provider.ts';
import { scalingActor } from './scaling.ts';
import { guarded, jobName } from './set-parts.ts';

export interface BlockSetHost {
  readonly space: ActorSpace;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly runId: string;
  readonly label: string;
  /** Folder for scripts, logs and the ledger; exists. */
  readonly dir: string;
  readonly provider: Provider;
  readonly limits: BlockLimits;
  readonly nodes: number;
  readonly walltimeMs: number | undefined;
  readonly parallelism: number;
  /** What one block offers, before the first one was ready. */
  readonly perBlock: { readonly slots: number; readonly capacity: Capacity };
  /** How long a block may be ready without any manager. */
  readonly desertedMs: number;
  readonly askScaling: Asker<ScalingSnapshot, ScalingDecision>;
  readonly askBlockErrors: Asker<BlockErrorsSnapshot, BlockErrorsDecision>;
  /** Makes what the job runs; called once a block, when it is requested. What it throws fails the submission. */
  spec(blockId: string, jobName: string): JobSpec | Promise<JobSpec>;
  /**
   * The block has entered a state, the last one excepted; or, ready already, has learned the id of its job.
   * Draining: its managers are to be drained.
   */
  onState(view: BlockView): void;
  /** @param evidence - What the provider says; absent when there never was a job. */
  onEnded(view: BlockView, evidence: JobEnd | undefined): void;
  /** The policy `blockErrors` said so, once: no more blocks until `recover`. Those that live, live on. */
  onBad(message: string): void;
  note(type: string, data: Readonly<Record<string, unknown>>): void;
}

/** For tests: what is otherwise made here. */
export interface BlockSetParts {
  readonly ledger?: Ledger;
  /** @defaultValue 60_000 */
  readonly requestTimeoutMs?: number;
}

export interface BlockSet {
  /** What there is to do. Cheap: may be called often. */
  demand(now: { readonly queued: number; readonly running: number; readonly demand: Capacity }): void;
  /** A manager has registered. False: there is no such live block, or it was given back. */
  registered(blockId: string, managerId: string, has: Registration): boolean;
  /** What the managers of a block have and do, all of them together. */
  load(blockId: string, has: BlockLoad): void;
  /** The workers of a manager do not come up, and it leaves. */
  broken(blockId: string, managerId: string, why: string): void;
  /** A manager is gone, and so many are left. */
  left(blockId: string, managers: number): void;
  /** Asks the provider about this block's job now: `onEnded` tells if it is gone. */
  check(blockId: string): void;
  /** By id: those that live, and the last 1,000 that have ended. */
  views(): readonly BlockView[];
  provider(): ProviderView;
  /** @returns ids of the blocks that were asked for: fewer where `max` says so. */
  scaleOut(n: number): readonly string[];
  /** Gives back so many, those that are missed least, or these; below `min`, if it says so. @returns their ids. */
  scaleIn(what: number | readonly string[]): readonly string[];
  /** Asks the scaling policy nothing until `unhold`. */
  hold(): void;
  unhold(): void;
  /** After bad: forgets the history and starts again. */
  recover(): void;
  /** No more blocks; those that live, live on. */
  stop(): void;
  /** Cancels all and waits until they are gone, {@link CLOSE_MS} at most; what is left is for `troupe reap`. */
  close(): Promise<void>;
}

const MAX_ENDED = 1000;
const MAX_STARTUPS = 10;
/** How long `close` waits for jobs to be gone, and then for the provider. */
export const CLOSE_MS = 30_000;

export function blockSet(host: BlockSetHost, parts: BlockSetParts = {}): BlockSet {
  const { clock, label, runId, limits, nodes, walltimeMs } = host;
  const { system, parent } = inSpace(host.space);
  const nowMs = (): number => clock.now();
  const timers = timersOf(clock);
  const ledger = parts.ledger ?? openLedger({ dir: host.dir, runId, label, driver: driverId(), nowMs });
  const note: typeof host.note = (type, data) => guarded(() => host.note(type, data));
  const faulted = (what: string) => (error: unknown) => note('blocks.faulted', { what, message: String(error) });

  const live = new Map<string, Entry>();
  const ended = ring<BlockView>(MAX_ENDED);
  let nextId = ledger.nextBlock;
  let wanted: { readonly queued: number; readonly running: number; readonly demand: Capacity } = { queued: 0, running: 0, demand: {} };
  let perBlock = host.perBlock;
  let startupsMs: readonly number[] = [];
  let closing: Promise<void> | undefined;
  let onEmpty = (): void => {};

  const provider = providerActor(host.provider, {
    ...host,
    note,
    ...(parts.requestTimeoutMs === undefined ? undefined : { timeoutMs: parts.requestTimeoutMs }),
  });
  const health = blockHealth({
    label,
    limits,
    ask: host.askBlockErrors,
    nowMs,
    live: () => [...live.keys()],
    onBad(message) {
      scaling.stop();
      guarded(() => host.onBad(message), faulted('onBad'));
    },
    note,
  });
  const liveViews = (): readonly BlockView[] => [...live.values()].map(viewOf);
  const isLeaving = (blockId: string): boolean => {
    const now = live.get(blockId)?.block.now;
    return now === undefined || now.cancelAs !== undefined;
  };

  const blockHost: BlockHost = {
    system,
    parent,
    clock,
    timers,
    runId,
    label,
    plugin: host.provider,
    provider,
    ledger,
    desertedMs: host.desertedMs,
    spec: (blockId, name) => host.spec(blockId, name),
    onState,
    onJob: ({ blockId }) => {
      const entry = live.get(blockId);
      if (entry !== undefined) guarded(() => host.onState(viewOf(entry)), faulted('onState'));
    },
    onEnded,
    note,
  };

  function request(n: number): readonly string[] {
    return Array.from({ length: n }, () => {
      const blockId = String(nextId++);
      const block = blockOf(blockId, jobName(runId, label, blockId), blockHost);
      live.set(blockId, entryOf(block)); // counts from here on
      system.afterStep(() => block.start());
      return blockId;
    });
  }

  const scaling = scalingActor({
    system,
    parent,
    timers,
    label,
    limits,
    snapshot: () => ({
      executor: label,
      nowMs: nowMs(),
      ...wanted,
      perBlock,
      parallelism: host.parallelism,
      limits,
      blocks: liveViews(),
      ...(startupsMs.length === 0 ? undefined : { startupMs: Math.max(...startupsMs) }),
      failedInRow: health.failedInRow,
      ...(health.failedMs === undefined ? undefined : { failedMs: health.failedMs }),
    }),
    ask: host.askScaling,
    isLeaving,
    request,
    giveBack(blockIds, why) {
      for (const blockId of blockIds) live.get(blockId)?.block.tell({ type: 'block.drain', why });
    },
    note,
  });

  function onState({ blockId, jobName, now: { state, jobId, why } }: Block): void {
    const entry = live.get(blockId);
    if (entry === undefined || state === 'ended') return; // its end is told by onEnded
    if (state === 'pending' || state === 'held') {
      // queued again: what was there is gone
      entry.managers.clear();
      entry.deadlineMs = undefined;
      entry.load = { managers: 0, workers: 0, tries: 0 };
    } else if ((state === 'starting' || state === 'ready') && walltimeMs !== undefined) entry.deadlineMs ??= nowMs() + walltimeMs;
    note(`block.${state}`, {
      blockId,
      jobName,
      ...(jobId === undefined ? undefined : { jobId }),
      ...(why === undefined ? undefined : { why }),
    });
    guarded(() => host.onState(viewOf(entry)), faulted('onState'));
    scaling.changed();
  }

  function onEnded({ blockId, now: { end = 'unknown', hadManager, sinceMs } }: Block, evidence: JobEnd | undefined): void {
    const entry = live.get(blockId);
    if (entry === undefined) return;
    entry.load = { managers: 0, workers: 0, tries: 0 };
    const view = viewOf(entry);
    live.delete(blockId);
    ended.set(blockId, view);
    note('block.ended', { ...view, ...(evidence === undefined ? undefined : { evidence }) });
    guarded(() => host.onEnded(view, evidence), faulted('onEnded'));
    const words = [...entry.broken.values()].at(-1) ?? [view.why ?? evidence?.message, evidence?.stderr?.trim()].filter(Boolean).join(': ');
    if (closing === undefined) health.onEnded({ blockId, end, endedMs: sinceMs, hadManager: hadManager && cameUp(entry) }, words);
    scaling.changed();
    if (live.size === 0) onEmpty();
  }

  async function close(): Promise<void> {
    scaling.close();
    for (const { block } of live.values()) block.tell({ type: 'block.cancel', as: 'scaledIn', why: 'the executor closes' });
    await within(CLOSE_MS, new Promise<void>((resolve) => (live.size === 0 ? resolve() : (onEmpty = resolve))));
    if (live.size > 0) {
      note('blocks.left', {
        blocks: [...live.values()].map(({ block: { blockId, jobName, now } }) => ({ blockId, jobName, jobId: now.jobId })),
      });
      for (const { block } of live.values()) block.abandon();
    }
    await within(CLOSE_MS, provider.close());
    await ledger.close();
    timers.close();
  }

  const within = (ms: number, done: Promise<void>): Promise<void> => {
    const late = new Promise<void>((resolve) => timers.start('close', ms, resolve));
    return Promise.race([done, late]).finally(() => timers.cancel('close'));
  };

  return {
    demand(now) {
      const { queued, running, demand } = wanted;
      if (now.queued === queued && now.running === running && isSameCapacity(now.demand, demand)) return;
      wanted = { queued: now.queued, running: now.running, demand: now.demand };
      scaling.changed();
    },
    registered(blockId, managerId, has) {
      const entry = live.get(blockId);
      if (entry === undefined || !canConnect(entry.block)) return false;
      const { load, managers } = entry;
      const isNew = !managers.has(managerId);
      managers.set(managerId, has);
      if (entry.readyMs === undefined) {
        entry.readyMs = nowMs();
        startupsMs = [...startupsMs, entry.readyMs - entry.block.requestedMs].slice(-MAX_STARTUPS);
      }
      if (has.remainingMs !== undefined)
        entry.deadlineMs = Math.min(entry.deadlineMs ?? Number.POSITIVE_INFINITY, nowMs() + has.remainingMs);
      perBlock = offerOf([...managers.values()], nodes) ?? perBlock;
      // until `load` says it better
      entry.load = {
        managers: isNew ? load.managers + 1 : Math.max(1, load.managers),
        workers: isNew ? load.workers + has.workers : Math.max(has.workers, load.workers),
        tries: load.tries,
        ...(load.tries > 0 ? undefined : { idleSinceMs: load.idleSinceMs ?? nowMs() }),
      };
      health.onReady();
      entry.block.tell({ type: 'manager.registered' });
      scaling.changed();
      return true;
    },
    load(blockId, has) {
      const entry = live.get(blockId);
      if (entry === undefined || isSameLoad(entry.load, has)) return;
      entry.load = has;
      scaling.changed();
    },
    broken(blockId, managerId, why) {
      live.get(blockId)?.broken.set(managerId, why);
    },
    left(blockId, managers) {
      const entry = live.get(blockId);
      if (entry === undefined) return;
      entry.load = managers === 0 ? { managers, workers: 0, tries: 0 } : { ...entry.load, managers };
      if (managers === 0) entry.block.tell({ type: 'managers.left' });
      scaling.changed();
    },
    check(blockId) {
      const jobId = live.get(blockId)?.block.now.jobId;
      if (jobId !== undefined) provider.check(jobId);
    },
    views: () => [...ended.values(), ...liveViews()].toSorted((a, b) => Number(a.blockId) - Number(b.blockId)),
    provider: provider.view,
    scaleOut: scaling.scaleOut,
    scaleIn: scaling.scaleIn,
    hold: scaling.hold,
    unhold: scaling.unhold,
    recover() {
      if (closing !== undefined) return;
      health.recover();
      scaling.recover();
    },
    stop() {
      if (closing === undefined) scaling.stop();
    },
    close: () => (closing ??= close()),
  };
}

/** Before the answer to the submission too; not once it was given back, since it would be given nothing. */
const canConnect = ({ now: { state, cancelAs } }: Block): boolean => state !== 'requested' && cancelAs === undefined;

const isSameCapacity = (a: Capacity, b: Capacity): boolean => a.cores === b.cores && a.memoryBytes === b.memoryBytes && a.gpus === b.gpus;
