/**
 * One block: one job of a provider, from the decision to ask for it to the proof that it is gone.
 *
 *   requested ─block.submit→ submitting ─job.submitted→ pending ⇄ held, starting ─manager.registered→ ready
 *                                 └─job.refused→ ended                 ↑ └──────────[isRequeued]────────┘
 *   block.drain: ready → draining ─managers.left→ cancelling      block.cancel, deserted: any → cancelling
 *   job.changed [isGone]: any → ended
 *
 * A submission is never repeated: while its outcome is not known the block stays in `submitting`, and counts. A
 * status that is not known changes nothing. Told by the provider's actor, the interchange and the scaling actor; run
 * by `actors/blocks/block.ts`. Compare Parsl, `parsl/jobs/states.py`.
 */
import { assign, setup } from 'xstate';

import { backOffMs } from './model/back-off.ts';
import type { BlockEnd, BlockState, JobEnd, JobStatus } from './model/blocks.ts';

export type BlockTimer = 'deserted' | 'cancel';

export interface BlockContext {
  readonly blockId: string;
  readonly jobName: string;
  /** As far as it is known. */
  readonly jobId: string | undefined;
  /** A manager of it is connected. */
  readonly isConnected: boolean;
  /** A manager of it has registered once. */
  readonly hadManager: boolean;
  /** The provider has said that its job runs, and not otherwise since. */
  readonly isSeenRunning: boolean;
  /** Its job was said to wait again, while managers are connected: believed when it is said twice. */
  readonly isDoubted: boolean;
  /** Requests to cancel its job that went without effect so far. */
  readonly cancels: number;
  /** How it ends once its job is gone, since we gave it back. */
  readonly cancelAs: BlockEnd | undefined;
  readonly end: BlockEnd | undefined;
  /** Why it was given back or has ended, in words. */
  readonly why: string | undefined;
}

export type BlockEvent =
  /** It is in the ledger, and its job is described. */
  | { readonly type: 'block.submit' }
  /** Give it back once what its managers run has ended; at once without a manager. */
  | { readonly type: 'block.drain'; readonly why?: string }
  | { readonly type: 'block.cancel'; readonly as: BlockEnd; readonly why?: string }
  | { readonly type: 'job.submitted'; readonly jobId: string }
  /** There is no job, for sure. */
  | { readonly type: 'job.refused'; readonly message: string }
  | { readonly type: 'job.changed'; readonly status: JobStatus }
  | { readonly type: 'manager.registered' }
  /** The last one. */
  | { readonly type: 'managers.left' }
  | { readonly type: 'timer.fired'; readonly timer: BlockTimer };

export interface BlockInput {
  readonly blockId: string;
  readonly jobName: string;
}

type EventOf<T extends BlockEvent['type']> = Extract<BlockEvent, { type: T }>;
interface Args {
  readonly context: BlockContext;
  readonly event: BlockEvent;
}

const phaseOf = (event: BlockEvent): string | undefined =>
  event.type === 'job.changed' && event.status.type === 'known' ? event.status.phase : undefined;
export const isGone = ({ event }: Args): boolean => event.type === 'job.changed' && event.status.type === 'gone';
export const isPending = ({ event }: Args): boolean => phaseOf(event) === 'pending';
export const isHeld = ({ event }: Args): boolean => phaseOf(event) === 'held';
export const isRunning = ({ event }: Args): boolean => phaseOf(event) === 'running';
/** It runs again after all, and its managers have never left. */
export const isRunningOn = ({ context, event }: Args): boolean => isRunning({ context, event }) && context.isConnected;
/** While managers are connected, believed only when it is said twice, of a job that was said to run: batch systems lag. */
const isBelieved = ({ isConnected, isDoubted }: BlockContext): boolean => !isConnected || isDoubted;
export const isRequeued = ({ context, event }: Args): boolean => phaseOf(event) === 'pending' && isBelieved(context);
export const isSuspended = ({ context, event }: Args): boolean => phaseOf(event) === 'held' && isBelieved(context);
export const isDoubtful = ({ context, event }: Args): boolean =>
  context.isSeenRunning && (phaseOf(event) === 'pending' || phaseOf(event) === 'held');
export const isConnected = ({ context }: Args): boolean => context.isConnected;
export const hadManager = ({ context }: Args): boolean => context.hadManager;
/** It was given back while its submission was not answered. */
export const isGivenBack = ({ context }: Args): boolean => context.cancelAs !== undefined;
export const isDeserted = ({ context, event }: Args): boolean =>
  event.type === 'timer.fired' && event.timer === 'deserted' && !context.isConnected;
export const isCancelDue = ({ event }: Args): boolean => event.type === 'timer.fired' && event.timer === 'cancel';

/** How long a request to cancel may be without effect. */
export const cancelBackOffMs = ({ cancels }: BlockContext): number => backOffMs(cancels, { firstMs: 500, mostMs: 60_000 });

/** How a block ends whose job is gone. */
export function endOf({ cancelAs, hadManager }: BlockContext, { end }: JobEnd): BlockEnd {
  return cancelAs ?? (end === 'completed' && !hadManager ? 'missing' : end);
}

/** An effect: `actors/blocks/block.ts` provides it. */
function effect(): void {}
const announce = (state: BlockState): { readonly type: 'announce'; readonly params: { readonly state: BlockState } } => ({
  type: 'announce',
  params: { state },
});

// what several transitions do
const keepJob = { type: 'keepJob', params: ({ event }: { event: EventOf<'job.submitted'> }) => ({ jobId: event.jobId }) } as const;
const keepDrain = {
  type: 'giveBack',
  params: ({ event }: { event: EventOf<'block.drain'> }) => ({ as: 'scaledIn' as BlockEnd, why: event.why }),
} as const;
const keepCancel = {
  type: 'giveBack',
  params: ({ event }: { event: EventOf<'block.cancel'> }) => ({ as: event.as, why: event.why }),
} as const;
const keepDeserted = { type: 'giveBack', params: { as: 'deserted' as BlockEnd, why: 'none of its managers was left' } } as const;
const refused = {
  target: 'ended',
  actions: { type: 'keepRefusal', params: ({ event }: { event: EventOf<'job.refused'> }) => ({ message: event.message }) },
} as const;
const gone = {
  guard: 'isGone',
  target: 'ended',
  actions: { type: 'keepEnd', params: ({ event }: { event: EventOf<'job.changed'> }) => ({ status: event.status }) },
} as const;
const registered = { target: 'ready', actions: 'connect' } as const;
const cancelled = { target: 'cancelling', actions: keepCancel } as const;
/** Without a manager there is nothing to wait for. */
const drained = { target: 'cancelling', actions: keepDrain } as const;

export const blockMachine = setup({
  types: {} as { context: BlockContext; events: BlockEvent; input: BlockInput },
  guards: {
    isGone,
    isPending,
    isHeld,
    isRunning,
    isRunningOn,
    isRequeued,
    isSuspended,
    isDoubtful,
    isConnected,
    hadManager,
    isGivenBack,
    isDeserted,
    isCancelDue,
  },
  actions: {
    keepJob: assign({ jobId: (_, { jobId }: { jobId: string }) => jobId }),
    /** The first reason stands. */
    giveBack: assign(({ context }, { as, why }: { as: BlockEnd; why: string | undefined }) =>
      context.cancelAs === undefined ? { cancelAs: as, why } : {},
    ),
    connect: assign({ isConnected: true, hadManager: true }),
    disconnect: assign({ isConnected: false }),
    doubt: assign({ isDoubted: true }),
    seeRunning: assign({ isSeenRunning: true, isDoubted: false }),
    seeWaiting: assign({ isSeenRunning: false, isDoubted: false }),
    countCancel: assign({ cancels: ({ context }) => context.cancels + 1 }),
    endAsAsked: assign({ end: ({ context }) => context.cancelAs }),
    keepRefusal: assign(({ context }, { message }: { message: string }) => ({ end: context.cancelAs ?? 'submitFailed', why: message })),
    keepEnd: assign(({ context }, { status }: { status: JobStatus }) =>
      status.type === 'gone' ? { end: endOf(context, status.evidence), why: context.why ?? status.evidence.message } : {},
    ),
    // effects
    recordRequest: effect,
    submitJob: effect,
    withdrawJob: effect,
    watchJob: effect,
    cancelJob: effect,
    checkJob: effect,
    startDeserted: effect,
    stopDeserted: effect,
    startCancelTimer: effect,
    announce: (_, _params: { state: BlockState }) => {},
    settle: (_, _params: { evidence: JobEnd | undefined }) => {},
  },
  delays: { cancelBackOff: ({ context }) => cancelBackOffMs(context) },
}).createMachine({
  id: 'block',
  description:
    'One block: one job of a provider, from the decision to ask for it to the proof that it is gone. It counts against the maximum in every state but the last.',
  context: ({ input: { blockId, jobName } }) => ({
    blockId,
    jobName,
    jobId: undefined,
    isConnected: false,
    hadManager: false,
    isSeenRunning: false,
    isDoubted: false,
    cancels: 0,
    cancelAs: undefined,
    end: undefined,
    why: undefined,
  }),
  initial: 'requested',
  states: {
    requested: {
      description: 'Decided on. It is written to the ledger, and its job is described.',
      entry: [announce('requested'), 'recordRequest'],
      on: {
        'block.submit': 'submitting',
        'job.refused': refused,
        'block.drain': { target: 'ended', actions: [keepDrain, 'endAsAsked'] },
        'block.cancel': { target: 'ended', actions: [keepCancel, 'endAsAsked'] },
      },
    },
    submitting: {
      description:
        'Its job was submitted once, and there is no answer yet. When the answer is lost the provider is asked for the name of the job until it is sure; nothing is submitted again.',
      entry: [announce('submitting'), 'submitJob'],
      on: {
        'job.submitted': [
          { guard: 'isGivenBack', target: 'cancelling', actions: [keepJob, 'watchJob'] },
          { target: 'pending', actions: [keepJob, 'watchJob'] },
        ],
        'job.refused': refused,
        'manager.registered': [{ guard: 'isGivenBack' }, registered],
        'block.drain': { actions: [keepDrain, 'withdrawJob'] },
        'block.cancel': { actions: [keepCancel, 'withdrawJob'] },
      },
    },
    pending: {
      description: 'Its job waits in the queue of the batch system, for the first time or again.',
      entry: ['seeWaiting', announce('pending')],
      on: {
        'job.changed': [
          gone,
          { guard: 'isHeld', target: 'held' },
          { guard: 'isRunningOn', target: 'ready', actions: 'seeRunning' },
          { guard: 'isRunning', target: 'starting' },
        ],
        'manager.registered': registered,
        'managers.left': { actions: 'disconnect' },
        'block.drain': drained,
        'block.cancel': cancelled,
      },
    },
    held: {
      description: 'Its job is held or suspended: it will not run until somebody releases it.',
      entry: ['seeWaiting', announce('held')],
      on: {
        'job.changed': [
          gone,
          { guard: 'isPending', target: 'pending' },
          { guard: 'isRunningOn', target: 'ready', actions: 'seeRunning' },
          { guard: 'isRunning', target: 'starting' },
        ],
        'manager.registered': registered,
        'managers.left': { actions: 'disconnect' },
        'block.drain': drained,
        'block.cancel': cancelled,
      },
    },
    starting: {
      description: 'Its job runs, and no manager has registered yet.',
      entry: ['seeRunning', announce('starting')],
      on: {
        'job.changed': [gone, { guard: 'isPending', target: 'pending' }, { guard: 'isHeld', target: 'held' }],
        'manager.registered': registered,
        'block.drain': drained,
        'block.cancel': cancelled,
      },
    },
    ready: {
      description: 'A manager has registered. Without any for a set time it is deserted, and cancelled.',
      entry: announce('ready'),
      exit: 'stopDeserted',
      on: {
        'job.submitted': { actions: [keepJob, 'watchJob'] },
        'job.changed': [
          gone,
          { guard: 'isRequeued', target: 'pending' },
          { guard: 'isSuspended', target: 'held' },
          { guard: 'isDoubtful', actions: ['doubt', 'checkJob'] },
          { guard: 'isRunning', actions: 'seeRunning' },
        ],
        'manager.registered': { actions: ['connect', 'stopDeserted'] },
        'managers.left': { actions: ['disconnect', 'checkJob', 'startDeserted'] },
        'timer.fired': { guard: 'isDeserted', target: 'cancelling', actions: keepDeserted },
        'block.drain': [{ guard: 'isConnected', target: 'draining', actions: keepDrain }, drained],
        'block.cancel': cancelled,
      },
    },
    draining: {
      description: 'Given back: its managers finish what they run and take nothing new. When the last has left its job is cancelled.',
      entry: announce('draining'),
      on: {
        'job.submitted': { actions: [keepJob, 'watchJob'] },
        'job.changed': gone,
        'managers.left': { target: 'cancelling', actions: 'disconnect' },
        'block.cancel': { target: 'cancelling' },
      },
    },
    cancelling: {
      description: 'Its job is being cancelled: asked for again and again until the provider says that it is gone.',
      entry: [announce('cancelling'), 'cancelJob', 'startCancelTimer'],
      on: {
        'job.submitted': { actions: [keepJob, 'watchJob', 'cancelJob'] },
        // a manager had registered, so there was a job, whatever the provider says: it is looked for
        'job.refused': [{ guard: 'hadManager', actions: 'cancelJob' }, refused],
        'job.changed': gone,
        'timer.fired': { guard: 'isCancelDue', actions: ['countCancel', 'cancelJob', 'checkJob', 'startCancelTimer'] },
        'managers.left': { actions: 'disconnect' },
      },
    },
    ended: {
      type: 'final',
      description: 'Its job is gone, with evidence, or there never was one. It never changes again.',
      entry: [
        announce('ended'),
        {
          type: 'settle',
          params: ({ event }) => ({
            evidence: event.type === 'job.changed' && event.status.type === 'gone' ? event.status.evidence : undefined,
          }),
        },
      ],
    },
  },
});
export type BlockMachine = typeof blockMachine;
