/**
 * Between an executor and its managers: tries wait here until a manager takes them.
 *
 *   starting ─interchange.opened→ idle ─work.queued→ dispatching ⇄ starved
 *                                   └──────── work.dispatched [nothing is left] ─┘        any ─interchange.close→ closed
 *
 * It gets one event a turn and frame, never one a try. Queue and leases are mutable stores, owned by
 * `actors/blocks/interchange.ts`; the context holds counts. Compare Parsl,
 * `parsl/executors/high_throughput/interchange.py`.
 */
import { assign, setup } from 'xstate';

export interface InterchangeContext {
  readonly label: string;
  /** After the last pass. */
  readonly queued: number;
  readonly granted: number;
}

export type InterchangeEvent =
  | { readonly type: 'interchange.opened' }
  /** There is something in the queue. */
  | { readonly type: 'work.queued' }
  /** A manager takes more than before: a try has ended, it has registered, its credit has grown. */
  | { readonly type: 'credit.gained' }
  /** A pass is over. */
  | { readonly type: 'work.dispatched'; readonly queued: number; readonly granted: number }
  | { readonly type: 'interchange.close' };

type Args = { readonly context: InterchangeContext; readonly event: InterchangeEvent };
export const hasLeft = ({ event }: Args): boolean => event.type === 'work.dispatched' && event.queued > 0;
export const hasQueued = ({ context }: Args): boolean => context.queued > 0;

/** An effect: `actors/blocks/interchange.ts` provides it. */
function effect(): void {}

const count = {
  type: 'keepCounts',
  params: ({ event }: { event: Extract<InterchangeEvent, { type: 'work.dispatched' }> }) => ({
    queued: event.queued,
    granted: event.granted,
  }),
} as const;

export const interchangeMachine = setup({
  types: {} as { context: InterchangeContext; events: InterchangeEvent; input: { readonly label: string } },
  guards: { hasLeft, hasQueued },
  actions: {
    keepCounts: assign((_, counts: { queued: number; granted: number }) => counts),
    noteWork: assign({ queued: ({ context }) => Math.max(1, context.queued) }),
    dispatch: effect,
    balance: effect,
    giveBack: effect,
  },
}).createMachine({
  id: 'interchange',
  description: 'Between an executor and its managers: tries wait here until a manager takes them.',
  context: ({ input }) => ({ ...input, queued: 0, granted: 0 }),
  initial: 'starting',
  on: { 'interchange.close': '.closed' },
  states: {
    starting: {
      description: 'Nothing listens yet. What is submitted waits.',
      on: {
        'work.queued': { actions: 'noteWork' },
        'interchange.opened': [{ guard: 'hasQueued', target: 'dispatching' }, { target: 'idle' }],
      },
    },
    idle: {
      description: 'Nothing waits. Managers with nothing to do may be given what others have not started.',
      entry: 'balance',
      on: { 'work.queued': 'dispatching', 'credit.gained': { actions: 'balance' } },
    },
    dispatching: {
      description: 'Gives what waits to managers that take it, first things first, until nothing waits or nobody takes more.',
      entry: 'dispatch',
      on: {
        'work.dispatched': [
          { guard: 'hasLeft', target: 'starved', actions: count },
          { target: 'idle', actions: count },
        ],
      },
    },
    starved: {
      description: 'Tries wait, and no manager takes the first of them: all are busy, or there is none.',
      on: { 'credit.gained': 'dispatching', 'work.queued': 'dispatching' },
    },
    closed: { type: 'final', description: 'Takes and gives nothing any more.', entry: 'giveBack' },
  },
});
export type InterchangeMachine = typeof interchangeMachine;
