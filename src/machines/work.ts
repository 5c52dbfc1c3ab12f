/**
 * One piece of work of a host without a task graph, from its submission to its end. It is tried once.
 *
 *   queued ─work.sent→ sent ─work.started→ running ─work.done→ done
 *      └───────────────┴───────────────────────┴─work.failed→ failed
 *      └───────────────┴───────────────────────┴─work.cancel→ stopping ─work.stopped, timer.fired→ cancelled
 *
 * A result may come without a word in between. Told by `actors/blocks/service.ts`; run by `actors/blocks/works.ts`.
 */
import { setup } from 'xstate';

import type { Failure } from './model/failures.ts';
import type { Place } from './model/story.ts';

export interface WorkContext {
  readonly workId: string;
}

export type WorkMachineEvent =
  /** A manager has it. Again when the first one gave it back. */
  | { readonly type: 'work.sent'; readonly place: Omit<Place, 'worker'> }
  | { readonly type: 'work.started'; readonly place: Place }
  | { readonly type: 'work.done'; readonly bytes: number; readonly place: Place }
  | { readonly type: 'work.failed'; readonly failure: Failure }
  /** It has stopped, as it was told to. */
  | { readonly type: 'work.stopped' }
  | { readonly type: 'work.cancel' }
  /** The grace is over. */
  | { readonly type: 'timer.fired' };

/** How work ends; it never changes again. */
export type WorkEnd = 'done' | 'failed' | 'cancelled';
export type WorkState = 'queued' | 'sent' | 'running' | 'stopping' | WorkEnd;

/** An effect: `actors/blocks/works.ts` provides it. */
function effect(): void {}

const sent = {
  target: 'sent',
  actions: {
    type: 'tell',
    params: ({ event: { place } }: { event: Extract<WorkMachineEvent, { type: 'work.sent' }> }) => ({ state: 'sent' as const, place }),
  },
} as const;
const started = {
  target: 'running',
  actions: {
    type: 'tell',
    params: ({ event: { place } }: { event: Extract<WorkMachineEvent, { type: 'work.started' }> }) => ({
      state: 'running' as const,
      place,
    }),
  },
} as const;
const end = { 'work.done': 'done', 'work.failed': 'failed', 'work.stopped': 'cancelled', 'work.cancel': 'stopping' } as const;

export const workMachine = setup({
  types: {} as { context: WorkContext; events: WorkMachineEvent; input: WorkContext },
  actions: {
    tell: (_, _params: { state: 'sent' | 'running'; place: Partial<Place> }) => {},
    stopWork: effect,
    startGrace: effect,
    cancelGrace: effect,
    recordLate: effect,
    settle: (_, _params: { state: WorkEnd }) => {},
  },
}).createMachine({
  id: 'work',
  description:
    'One piece of work of a host without a task graph, from its submission to its end. It is tried once: trying again is the host’s.',
  context: ({ input }) => ({ workId: input.workId }),
  initial: 'queued',
  states: {
    queued: {
      description: 'Waits for a manager with room, or for its module to be bundled.',
      on: { 'work.sent': sent, 'work.started': started, ...end },
    },
    sent: {
      description: 'A manager has it, in which it may wait for a worker. One that gives it back leaves it here: it is sent again.',
      on: { 'work.sent': { actions: sent.actions }, 'work.started': started, ...end },
    },
    running: {
      description: 'A worker runs it.',
      on: end,
    },
    stopping: {
      description: 'Is being stopped; ends when that is confirmed or the grace is over. A result that comes now is recorded and dropped.',
      entry: ['stopWork', 'startGrace'],
      exit: 'cancelGrace',
      on: {
        'work.stopped': 'cancelled',
        'work.done': { target: 'cancelled', actions: 'recordLate' },
        'work.failed': 'cancelled',
        'timer.fired': 'cancelled',
      },
    },
    done: {
      type: 'final',
      tags: 'settled',
      description: 'Ended with a result.',
      entry: { type: 'settle', params: { state: 'done' } },
    },
    failed: {
      type: 'final',
      tags: 'settled',
      description: 'Ended with an error: of its own, or of what it ran on.',
      entry: { type: 'settle', params: { state: 'failed' } },
    },
    cancelled: {
      type: 'final',
      tags: 'settled',
      description: 'Ended because the host wanted it to.',
      entry: { type: 'settle', params: { state: 'cancelled' } },
    },
  },
});
export type WorkMachine = typeof workMachine;
