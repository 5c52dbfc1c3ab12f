/**
 * When the scaling policy is asked, and what is done with its answer.
 *
 *   deciding ─scaling.decided→ resting ─timer.fired→ idle ─scaling.changed, timer.fired→ deciding
 *                                └─scaling.changed→ due ─timer.fired→ deciding
 *   scaling.hold: any of them → held ─scaling.unhold→ deciding
 *   scaling.stop: any → stopped ─scaling.recover→ deciding           scaling.close: any → closed
 *
 * Changes are gathered: it is asked once a turn, and not again within {@link REST_MS}. An answer is brought within
 * the limits before it is an event here. Run by `actors/blocks/scaling.ts`.
 */
import { assign, setup } from 'xstate';

export type ScalingTimer = 'rest' | 'again';

export interface ScalingContext {
  readonly label: string;
  /** Nothing has been decided yet. */
  readonly isFirst: boolean;
  /** What the policy said to remember. */
  readonly memory: unknown;
  /** Blocks that are kept from below: `min`, or fewer after a command has given back more. */
  readonly floor: number;
  readonly min: number;
}

/** What is carried out: it is within the limits. */
export interface Decided {
  readonly out: number;
  readonly in: readonly string[];
  readonly againMs?: number;
  readonly memory?: unknown;
}

export type ScalingEvent =
  | { readonly type: 'scaling.changed' }
  | ({ readonly type: 'scaling.decided' } & Decided)
  /** Somebody has scaled by hand, so that this many blocks are left. */
  | { readonly type: 'scaling.commanded'; readonly blocks: number }
  | { readonly type: 'timer.fired'; readonly timer: ScalingTimer }
  | { readonly type: 'scaling.hold' }
  | { readonly type: 'scaling.unhold' }
  | { readonly type: 'scaling.stop' }
  | { readonly type: 'scaling.recover' }
  | { readonly type: 'scaling.close' };

export interface ScalingInput {
  readonly label: string;
  readonly min: number;
}

/** While things change quickly it is asked this often at most. */
export const REST_MS = 20;

interface Args {
  readonly event: ScalingEvent;
}
export const shouldScaleOut = ({ event }: Args): boolean => event.type === 'scaling.decided' && event.out > 0;
export const shouldScaleIn = ({ event }: Args): boolean => event.type === 'scaling.decided' && event.in.length > 0;
export const isRested = ({ event }: Args): boolean => event.type === 'timer.fired' && event.timer === 'rest';
export const isAgain = ({ event }: Args): boolean => event.type === 'timer.fired' && event.timer === 'again';

/** An effect: `actors/blocks/scaling.ts` provides it. */
function effect(): void {}
type DecidedEvent = Extract<ScalingEvent, { type: 'scaling.decided' }>;
const params = ({ event }: { event: DecidedEvent }): Decided => event;
const keepDecision = { type: 'keepDecision', params } as const;
const startAgain = { type: 'startAgain', params } as const;
const scaleOut = { type: 'scaleOut', params } as const;
const scaleIn = { type: 'scaleIn', params } as const;

const ends = { 'scaling.stop': 'stopped', 'scaling.close': 'closed' } as const;
const holds = { 'scaling.hold': 'held', ...ends } as const;

export const scalingMachine = setup({
  types: {} as { context: ScalingContext; events: ScalingEvent; input: ScalingInput },
  guards: { shouldScaleOut, shouldScaleIn, isRested, isAgain },
  actions: {
    keepDecision: assign((_, { memory }: Decided) => ({ isFirst: false, memory })),
    keepFloor: assign({ floor: ({ context }, { blocks }: { blocks: number }) => Math.min(context.min, blocks) }),
    forget: assign({ isFirst: true, memory: undefined, floor: ({ context }) => context.min }),
    askPolicy: effect,
    startRest: effect,
    startAgain: (_, _params: Decided) => {},
    stopTimers: effect,
    scaleOut: (_, _params: Decided) => {},
    scaleIn: (_, _params: Decided) => {},
  },
}).createMachine({
  id: 'scaling',
  description: 'When the scaling policy is asked how many blocks there should be, and what is done with its answer.',
  context: ({ input: { label, min } }) => ({ label, min, floor: min, isFirst: true, memory: undefined }),
  initial: 'deciding',
  on: { 'scaling.commanded': { actions: { type: 'keepFloor', params: ({ event }) => ({ blocks: event.blocks }) } } },
  states: {
    idle: {
      description: 'Nothing has changed since the last decision.',
      on: { 'scaling.changed': 'deciding', 'timer.fired': { guard: 'isAgain', target: 'deciding' }, ...holds },
    },
    deciding: {
      description: 'At the end of this turn the policy is asked once; its answer, brought within the limits, is recorded.',
      entry: 'askPolicy',
      on: {
        'scaling.decided': [
          { guard: 'shouldScaleOut', target: 'resting', actions: [keepDecision, startAgain, scaleIn, scaleOut] },
          { guard: 'shouldScaleIn', target: 'resting', actions: [keepDecision, startAgain, scaleIn] },
          { target: 'resting', actions: [keepDecision, startAgain] },
        ],
        ...holds,
      },
    },
    resting: {
      description: 'Has just decided, and does not decide again at once.',
      entry: 'startRest',
      on: {
        'scaling.changed': 'due',
        'timer.fired': [
          { guard: 'isRested', target: 'idle' },
          { guard: 'isAgain', target: 'due' },
        ],
        ...holds,
      },
    },
    due: {
      description: 'Something has changed since the last decision, which was a moment ago.',
      on: { 'timer.fired': { guard: 'isRested', target: 'deciding' }, ...holds },
    },
    held: {
      description: 'Decides nothing until it is released; commands are carried out.',
      entry: 'stopTimers',
      on: { 'scaling.unhold': 'deciding', ...ends },
    },
    stopped: {
      description: 'No more blocks: the executor is bad, or closing.',
      entry: 'stopTimers',
      on: { 'scaling.recover': { target: 'deciding', actions: 'forget' }, 'scaling.close': 'closed' },
    },
    closed: { type: 'final', description: 'Will never decide again.', entry: 'stopTimers' },
  },
});
export type ScalingMachine = typeof scalingMachine;
