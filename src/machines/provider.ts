/**
 * A circuit breaker around a provider, so that a batch system in trouble is left alone.
 *
 *   closed ─jobs.failed [isLastStraw]→ open ─timer.fired, jobs.answered→ halfOpen ─jobs.answered→ closed
 *                                        └──────────── jobs.failed ─────────┘          provider.close: any → stopped
 *
 * While it is open, submissions and status polls wait; while it is half open, one of them goes out to see. Requests
 * to cancel and to find are always sent. Run by `actors/blocks/provider.ts`.
 */
import { assign, setup } from 'xstate';

import { backOffMs } from './model/back-off.ts';

export interface ProviderContext {
  readonly label: string;
  /** `local`, `slurm`, … */
  readonly kind: string;
  /** Requests that have failed, one after another. */
  readonly failures: number;
  /** How often it has opened since a request was answered while it was half open. */
  readonly openings: number;
  /** The last failure, in words. */
  readonly why: string | undefined;
}

export type ProviderEvent =
  | { readonly type: 'jobs.answered' }
  | { readonly type: 'jobs.failed'; readonly message: string }
  | { readonly type: 'timer.fired'; readonly timer: 'cooldown' }
  | { readonly type: 'provider.close' };

export type BreakerState = 'closed' | 'open' | 'halfOpen' | 'stopped';

/** Failures in a row that open the breaker. */
export const MAX_FAILURES = 5;

interface Args {
  readonly context: ProviderContext;
}
export const isLastStraw = ({ context }: Args): boolean => context.failures + 1 >= MAX_FAILURES;

/** How long it stays open, before jitter. */
export const cooldownMs = ({ openings }: ProviderContext): number => backOffMs(openings - 1, { firstMs: 1000, mostMs: 60_000 });

/** An effect: `actors/blocks/provider.ts` provides it. */
function effect(): void {}
const countFailure = {
  type: 'countFailure',
  params: ({ event }: { event: Extract<ProviderEvent, { type: 'jobs.failed' }> }) => ({ message: event.message }),
} as const;

export const providerMachine = setup({
  types: {} as { context: ProviderContext; events: ProviderEvent; input: { readonly label: string; readonly kind: string } },
  guards: { isLastStraw },
  actions: {
    countFailure: assign(({ context }, { message }: { message: string }) => ({ failures: context.failures + 1, why: message })),
    forgetFailures: assign({ failures: 0, why: undefined }),
    countOpening: assign({ openings: ({ context }) => context.openings + 1 }),
    forgetOpenings: assign({ openings: 0 }),
    startCooldown: effect,
    stopCooldown: effect,
    sendWaiting: effect,
    announce: (_, _params: { state: BreakerState }) => {},
  },
  delays: { cooldown: ({ context }) => cooldownMs(context) },
}).createMachine({
  id: 'provider',
  description:
    'A circuit breaker around a provider, so that a batch system in trouble is left alone. Cancelling and finding jobs is never held back.',
  context: ({ input }) => ({ ...input, failures: 0, openings: 0, why: undefined }),
  initial: 'closed',
  states: {
    closed: {
      description: 'Requests are sent. After five failures in a row it opens.',
      on: {
        'jobs.answered': { actions: 'forgetFailures' },
        'jobs.failed': [{ guard: 'isLastStraw', target: 'open', actions: countFailure }, { actions: countFailure }],
        'provider.close': 'stopped',
      },
    },
    open: {
      description: 'Submissions and status polls wait, each time twice as long, from one second to a minute.',
      entry: ['countOpening', 'startCooldown', { type: 'announce', params: { state: 'open' } }],
      exit: 'stopCooldown',
      on: {
        'timer.fired': 'halfOpen',
        // of a request to cancel or to find
        'jobs.answered': 'halfOpen',
        'provider.close': 'stopped',
      },
    },
    halfOpen: {
      description: 'One status poll or submission goes out to see whether the provider is well again.',
      entry: ['sendWaiting', { type: 'announce', params: { state: 'halfOpen' } }],
      on: {
        'jobs.answered': {
          target: 'closed',
          actions: ['forgetFailures', 'forgetOpenings', 'sendWaiting', { type: 'announce', params: { state: 'closed' } }],
        },
        'jobs.failed': { target: 'open', actions: countFailure },
        'provider.close': 'stopped',
      },
    },
    stopped: { type: 'final', description: 'Nothing is sent any more.', entry: { type: 'announce', params: { state: 'stopped' } } },
  },
});
export type ProviderMachine = typeof providerMachine;
