/**
 * Asks the scaling policy when demand or a block has changed, brings its answer within the limits, records it and
 * has it carried out. The machine says when; the limits hold whatever the policy says, and `min` also when it says
 * nothing.
 */
import type { Actor } from 'xstate';

import { backOffMs } from '../../machines/model/back-off.ts';
import type { BlockLimits, BlockView } from '../../machines/model/blocks.ts';
import { bounded, leastMissed, room } from '../../machines/model/scaling-bounds.ts';
import type { Asker } from '../../machines/policies/firewall.ts';
import type { ScalingDecision, ScalingSnapshot } from '../../machines/policies/scaling/port.ts';
import { REST_MS, scalingMachine, type ScalingMachine } from '../../machines/scaling.ts';
import type { ActorSystem, Target } from '../spawn.ts';
import type { Timers } from '../timers.ts';
import { freeId } from './set-parts.ts';

export interface ScalingHost {
  readonly system: ActorSystem;
  readonly parent: Target;
  readonly timers: Timers;
  readonly label: string;
  readonly limits: BlockLimits;
  /** What the policy is shown, but for what this actor knows. */
  snapshot(): Omit<ScalingSnapshot, 'isFirst' | 'memory'>;
  readonly ask: Asker<ScalingSnapshot, ScalingDecision>;
  /** Given back already. */
  isLeaving(blockId: string): boolean;
  /** Both count at once. */
  request(n: number): readonly string[];
  giveBack(blockIds: readonly string[], why: string): void;
  note(type: string, data: Readonly<Record<string, unknown>>): void;
}

export interface Scaling {
  /** Demand or a block has changed. Cheap. */
  changed(): void;
  /** @returns ids of the blocks that were asked for: fewer where the maximum says so. */
  scaleOut(n: number): readonly string[];
  /** Gives blocks back, below the minimum if need be. @returns their ids. */
  scaleIn(what: number | readonly string[]): readonly string[];
  hold(): void;
  unhold(): void;
  stop(): void;
  /** After `stop`: as at the start. */
  recover(): void;
  close(): void;
}

/** Waits before a block is replaced that failed, though `min` says that there should be one. */
const replaceBackOff = { firstMs: 1000, mostMs: 60_000 };

export function scalingActor(host: ScalingHost): Scaling {
  const { system, timers, limits } = host;
  /** Told since it was last asked: once is enough. */
  let isTold = false;

  const inState = (...states: readonly string[]): boolean => states.includes(actor.getSnapshot().value);

  function ask(): void {
    if (!inState('deciding')) return; // held or stopped meanwhile
    isTold = false;
    const { isFirst, memory, floor } = actor.getSnapshot().context;
    const shown = host.snapshot();
    const { decision, policy } = host.ask({ ...shown, isFirst, memory });
    const replaceInMs = waitToReplace(shown);
    const scaled = bounded(decision, {
      limits,
      isFirst,
      floor,
      canReplace: replaceInMs === 0,
      live: shown.blocks,
      isLeaving: host.isLeaving,
    });
    const { againMs } = decision;
    const waits = [...(againMs === undefined ? [] : [againMs]), ...(replaceInMs > 0 ? [replaceInMs] : [])];
    if (isFirst || scaled.out > 0 || scaled.in.length > 0) record(shown, decision, scaled, policy, isFirst);
    system.post(actor, {
      type: 'scaling.decided',
      ...scaled,
      memory: decision.memory,
      ...(waits.length === 0 ? undefined : { againMs: Math.min(...waits) }),
    });
  }

  function record(
    { queued, running, demand, perBlock, blocks, failedInRow, startupMs }: Omit<ScalingSnapshot, 'isFirst' | 'memory'>,
    decision: ScalingDecision,
    scaled: { readonly out: number; readonly in: readonly string[] },
    policy: string,
    isFirst: boolean,
  ): void {
    host.note('scaling.decided', {
      ...scaled,
      policy,
      ...(decision.why === undefined ? undefined : { why: decision.why }),
      // where the limits had a word
      ...(decision.out === scaled.out && decision.in.length === scaled.in.length
        ? undefined
        : { asked: { out: decision.out, in: decision.in.length } }),
      isFirst,
      queued,
      running,
      demand,
      slotsPerBlock: perBlock.slots,
      blocks: countsOf(blocks),
      failedInRow,
      ...(startupMs === undefined ? undefined : { startupMs }),
    });
  }

  const staying = (): readonly BlockView[] => host.snapshot().blocks.filter(({ blockId }) => !host.isLeaving(blockId));
  const commanded = (what: object, blocks: number): void => {
    host.note('scaling.commanded', { ...what });
    system.post(actor, { type: 'scaling.commanded', blocks });
  };

  const startTimer = (timer: 'rest' | 'again', ms: number): void =>
    timers.start(`scaling/${timer}`, ms, () => system.post(actor, { type: 'timer.fired', timer }));

  const machine = scalingMachine.provide({
    actions: {
      askPolicy: () => queueMicrotask(ask),
      startRest: () => startTimer('rest', REST_MS),
      startAgain: (_, { againMs }) => {
        if (againMs === undefined) timers.cancel('scaling/again');
        else startTimer('again', againMs);
      },
      stopTimers: () => {
        timers.cancel('scaling/rest');
        timers.cancel('scaling/again');
      },
      scaleOut: (_, { out }) => void host.request(out),
      scaleIn: (_, { in: ids }) => host.giveBack(ids, 'the scaling policy gave it back'),
    },
  });
  const actor: Actor<ScalingMachine> = system.spawn(machine, {
    id: freeId(system, `scaling/${host.label}`),
    input: { label: host.label, min: limits.min },
    parent: host.parent,
  });

  return {
    changed() {
      if (isTold) return;
      isTold = true;
      system.post(actor, { type: 'scaling.changed' });
    },
    scaleOut(n) {
      if (inState('stopped', 'closed')) return [];
      const ids = host.request(room(n, limits, host.snapshot().blocks.length));
      commanded({ out: ids }, staying().length);
      return ids;
    },
    scaleIn(what) {
      const blocks = staying();
      const wanted =
        typeof what === 'number' ? leastMissed(blocks).slice(0, Math.max(0, what)) : blocks.filter(({ blockId }) => what.includes(blockId));
      const ids = wanted.map(({ blockId }) => blockId);
      host.giveBack(ids, 'given back by command');
      if (!inState('closed')) commanded({ in: ids }, blocks.length - ids.length);
      return ids;
    },
    hold: () => system.post(actor, { type: 'scaling.hold' }),
    unhold: () => system.post(actor, { type: 'scaling.unhold' }),
    stop: () => system.post(actor, { type: 'scaling.stop' }),
    recover: () => system.post(actor, { type: 'scaling.recover' }),
    close() {
      isTold = true; // nothing is told any more
      if (!inState('closed')) system.post(actor, { type: 'scaling.close' });
    },
  };
}

/** 0 when a block that `min` asks for may be asked for now. */
function waitToReplace({ nowMs, failedInRow, failedMs }: Pick<ScalingSnapshot, 'nowMs' | 'failedInRow' | 'failedMs'>): number {
  if (failedInRow === 0 || failedMs === undefined) return 0;
  return Math.max(0, failedMs + backOffMs(failedInRow - 1, replaceBackOff) - nowMs);
}

function countsOf(blocks: readonly BlockView[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { state } of blocks) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
