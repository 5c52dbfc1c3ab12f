/**
 * The whole: what a program starts and closes. Root of the actor system.
 *
 *   starting ─troupe.started→ open ─troupe.close→ closing ─dataflow.closed→ stopping ─executors.closed→ closed
 *
 * Told by `actors/troupe.ts`.
 */
import { assign, setup } from 'xstate';

export interface TroupeContext {
  readonly name: string;
  readonly runId: string;
  /** How pending tasks end: on their own, or cancelled. */
  readonly pending: 'wait' | 'cancel' | undefined;
}

export type TroupeEvent =
  | { readonly type: 'troupe.started' }
  | { readonly type: 'troupe.close'; readonly pending: 'wait' | 'cancel' }
  | { readonly type: 'dataflow.closed' }
  | { readonly type: 'executors.closed' }
  /** XState tells a parent of its child's error; the actor system reports it as `actor.failed`. */
  | { readonly type: `xstate.error.actor.${string}` }
  | { readonly type: 'actor.failed'; readonly actorId: string; readonly message: string };

/** An effect: `actors/troupe.ts` provides it. */
function effect(): void {}

export const troupeMachine = setup({
  types: {} as { context: TroupeContext; events: TroupeEvent; input: { readonly name: string; readonly runId: string } },
  actions: {
    keepPending: assign({ pending: (_, { pending }: { pending: 'wait' | 'cancel' }) => pending }),
    closeDataflow: effect,
    closeExecutors: effect,
    recordBroken: effect,
    announceClosed: effect,
  },
}).createMachine({
  id: 'troupe',
  description: 'The whole: what a program starts and closes. Root of the actor system.',
  context: ({ input }) => ({ ...input, pending: undefined }),
  initial: 'starting',
  on: { 'xstate.error.actor.*': {}, 'actor.failed': { actions: 'recordBroken' } },
  states: {
    starting: {
      description: 'Its actors are being made.',
      on: { 'troupe.started': 'open' },
    },
    open: {
      description: 'Takes tasks.',
      on: {
        'troupe.close': { target: 'closing', actions: { type: 'keepPending', params: ({ event }) => ({ pending: event.pending }) } },
      },
    },
    closing: {
      description: 'Takes no new tasks; those it has end on their own or are cancelled. A second close may turn waiting into cancelling.',
      entry: 'closeDataflow',
      on: {
        'troupe.close': {
          target: 'closing',
          reenter: true,
          actions: { type: 'keepPending', params: ({ event }) => ({ pending: event.pending }) },
        },
        'dataflow.closed': 'stopping',
      },
    },
    stopping: {
      description: 'Every task has settled; the executors close what they opened.',
      entry: 'closeExecutors',
      on: { 'executors.closed': 'closed' },
    },
    closed: { type: 'final', description: 'Nothing of it is left.', entry: 'announceClosed' },
  },
});
export type TroupeMachine = typeof troupeMachine;
