/**
 * One manager, as the driver sees it, from its first word to its end.
 *
 *   registering ─manager.admitted→ ready ⇄ held
 *        │                           │ ─manager.drain→ draining ─manager.left→ drained
 *        └─manager.refused→ lost     └─link.closed→ suspect ─link.restored→ ready, held or draining
 *                                                      └─timer.fired, block.ended→ lost
 *
 * Ready managers are given tries. A suspect one has lost its link, or was not heard for too long: it is given nothing,
 * and what it has stays its own until it is lost. Its leases and its link are kept by `actors/blocks/managers.ts`.
 * Compare Parsl, `parsl/executors/high_throughput/interchange.py`.
 */
import { assign, setup } from 'xstate';

import type { BlockEnd } from './model/blocks.ts';

export interface ManagerContext {
  readonly managerId: string;
  readonly blockId: string;
  readonly host: string;
  /** What it comes back to when its link does. */
  readonly isHeld: boolean;
  readonly isDraining: boolean;
  /** Why it is suspect, draining or lost. */
  readonly why: string | undefined;
  /** How its block has ended; `undefined` while that is not known. */
  readonly end: BlockEnd | undefined;
}

export type ManagerEvent =
  | { readonly type: 'manager.admitted' }
  | { readonly type: 'manager.refused'; readonly why: string }
  | { readonly type: 'manager.hold' }
  | { readonly type: 'manager.unhold' }
  /** Take nothing new, finish what runs. `isOwn`: it said so itself, and needs not be told. */
  | { readonly type: 'manager.drain'; readonly why: string; readonly isOwn: boolean }
  /** It has nothing left and goes. */
  | { readonly type: 'manager.left'; readonly why: string }
  | { readonly type: 'link.closed'; readonly why: string }
  /** Nothing was heard for too long, though the link is open. */
  | { readonly type: 'manager.silent'; readonly why: string }
  | { readonly type: 'link.restored' }
  | { readonly type: 'block.ended'; readonly why: string; readonly end: BlockEnd }
  | { readonly type: 'timer.fired'; readonly timer: 'loss' };

type Args = { readonly context: ManagerContext; readonly event: ManagerEvent };
export const isHeld = ({ context }: Args): boolean => context.isHeld;
export const isDraining = ({ context }: Args): boolean => context.isDraining;
export const isOwnWish = ({ event }: Args): boolean => event.type === 'manager.drain' && event.isOwn;

/** An effect: `actors/blocks/managers.ts` provides it. */
function effect(): void {}

const why = { type: 'keepWhy', params: ({ event }: { event: ManagerEvent }) => ({ why: 'why' in event ? event.why : undefined }) } as const;
const end = {
  type: 'keepEnd',
  params: ({ event }: { event: ManagerEvent }) => ({ end: event.type === 'block.ended' ? event.end : undefined }),
} as const;
const ended = { target: 'lost', actions: [why, end] } as const;
const closed = { target: 'suspect', actions: why } as const;
const drain = [
  { guard: 'isOwnWish', target: 'draining', actions: why },
  { target: 'draining', actions: [why, 'tellDrain'] },
] as const;

export const managerMachine = setup({
  types: {} as {
    context: ManagerContext;
    events: ManagerEvent;
    input: Pick<ManagerContext, 'managerId' | 'blockId' | 'host'> & { readonly isHeld?: boolean };
  },
  guards: { isHeld, isDraining, isOwnWish },
  actions: {
    keepWhy: assign({ why: (_, { why: text }: { why: string | undefined }) => text }),
    keepEnd: assign({ end: (_, { end: kind }: { end: BlockEnd | undefined }) => kind }),
    forgetWhy: assign({ why: undefined }),
    noteHeld: assign({ isHeld: true }),
    noteUnheld: assign({ isHeld: false }),
    noteDraining: assign({ isDraining: true }),
    tellDrain: effect,
    startLossTimer: effect,
    cancelLossTimer: effect,
    releaseLeases: (_, _params: { state: 'lost' | 'drained' }) => {},
    announce: (_, _params: { state: string }) => {},
  },
}).createMachine({
  id: 'manager',
  description: 'One manager, as the driver sees it, from its first word to its end.',
  context: ({ input }) => ({ isHeld: false, isDraining: false, why: undefined, end: undefined, ...input }),
  initial: 'registering',
  states: {
    registering: {
      description: 'Has shown its secret and said what it is; the handshake policy is being asked.',
      on: {
        'manager.admitted': [{ guard: 'isHeld', target: 'held' }, { target: 'ready' }],
        'manager.refused': { target: 'lost', actions: why },
        'link.closed': { target: 'lost', actions: why },
        'block.ended': ended,
      },
    },
    ready: {
      description: 'Is given tries, as many as its credit allows.',
      entry: ['forgetWhy', { type: 'announce', params: { state: 'ready' } }],
      on: {
        'manager.hold': { target: 'held', actions: 'noteHeld' },
        'manager.drain': drain,
        'manager.left': { target: 'drained', actions: why },
        'link.closed': closed,
        'manager.silent': closed,
        'block.ended': ended,
      },
    },
    held: {
      description: 'Is given no tries, and keeps those it has.',
      entry: { type: 'announce', params: { state: 'held' } },
      on: {
        'manager.unhold': { target: 'ready', actions: 'noteUnheld' },
        'manager.drain': drain,
        'manager.left': { target: 'drained', actions: why },
        'link.closed': closed,
        'manager.silent': closed,
        'block.ended': ended,
      },
    },
    suspect: {
      description:
        'Its link is closed, or it is silent. It is given nothing; what it has stays its own until it is heard again, its time is over, or its block has ended.',
      entry: ['startLossTimer', { type: 'announce', params: { state: 'suspect' } }],
      exit: 'cancelLossTimer',
      on: {
        'link.restored': [{ guard: 'isDraining', target: 'draining' }, { guard: 'isHeld', target: 'held' }, { target: 'ready' }],
        'manager.hold': { actions: 'noteHeld' },
        'manager.unhold': { actions: 'noteUnheld' },
        'manager.drain': { actions: ['noteDraining', 'tellDrain'] },
        'manager.left': { target: 'drained', actions: why },
        'timer.fired': 'lost',
        'block.ended': ended,
      },
    },
    draining: {
      description: 'Finishes what it runs and is given nothing new: its block is given back, or its walltime is near.',
      entry: ['noteDraining', { type: 'announce', params: { state: 'draining' } }],
      on: {
        'manager.drain': { actions: 'tellDrain' },
        'manager.left': { target: 'drained', actions: why },
        'link.closed': closed,
        'manager.silent': closed,
        'block.ended': ended,
      },
    },
    lost: {
      type: 'final',
      description: 'Will not be heard again, and is refused if it is: what it ran has failed, what it had not started goes to others.',
      entry: [
        { type: 'releaseLeases', params: { state: 'lost' } },
        { type: 'announce', params: { state: 'lost' } },
      ],
    },
    drained: {
      type: 'final',
      description: 'Has left with nothing to do.',
      entry: [
        { type: 'releaseLeases', params: { state: 'drained' } },
        { type: 'announce', params: { state: 'drained' } },
      ],
    },
  },
});
export type ManagerMachine = typeof managerMachine;
