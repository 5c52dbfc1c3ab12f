/**
 * One executor, from its start to its stop.
 *
 *   starting ─executor.started→ ready ⇄ degraded
 *      └─executor.failed→ bad ─executor.recover→ starting      any ─executor.drain→ draining ─executor.closed→ stopped
 *
 * Starting, ready and degraded executors are offered to the routing policy. Bad is not absorbing: `recover` opens the
 * executor anew. Told by `actors/executor.ts`. Compare Parsl, `parsl/executors/status_handling.py`.
 */
import { assign, setup } from 'xstate';

import type { ExecutorState } from './model/states.ts';

export interface ExecutorContext {
  readonly label: string;
  /** `inline`, `threads`, … */
  readonly kind: string;
  /** Why it is bad or degraded, in words. */
  readonly why: string | undefined;
}

export type ExecutorEvent =
  | { readonly type: 'executor.started' }
  /** It cannot run anything any more. */
  | { readonly type: 'executor.failed'; readonly message: string }
  /** It runs, but not as it should: a policy faults again and again, workers do not come up. */
  | { readonly type: 'executor.degraded'; readonly message: string }
  | { readonly type: 'executor.restored' }
  | { readonly type: 'executor.recover' }
  /** Take nothing new; stop when the last try has ended. */
  | { readonly type: 'executor.drain' }
  | { readonly type: 'executor.closed' };

type Args = { readonly context: ExecutorContext };
/** Something was said to be amiss before it was up. */
export const isDegraded = ({ context }: Args): boolean => context.why !== undefined;

/** An effect: `actors/executor.ts` provides it. */
function effect(): void {}

const degraded = {
  type: 'keepWhy',
  params: ({ event }: { event: Extract<ExecutorEvent, { type: 'executor.degraded' }> }) => ({ why: event.message }),
} as const;
const failed = {
  target: 'bad',
  actions: {
    type: 'keepWhy',
    params: ({ event }: { event: Extract<ExecutorEvent, { type: 'executor.failed' }> }) => ({ why: event.message }),
  },
} as const;

export const executorMachine = setup({
  types: {} as { context: ExecutorContext; events: ExecutorEvent; input: { readonly label: string; readonly kind: string } },
  guards: { isDegraded },
  actions: {
    keepWhy: assign({ why: (_, { why }: { why: string }) => why }),
    forgetWhy: assign({ why: undefined }),
    open: effect,
    failAll: effect,
    close: effect,
    announce: (_, _params: { state: ExecutorState }) => {},
  },
}).createMachine({
  id: 'executor',
  description:
    'One executor, from its start to its stop. While starting, ready or degraded it is offered to the routing policy; bad is not absorbing, since it can be opened anew.',
  context: ({ input }) => ({ ...input, why: undefined }),
  initial: 'starting',
  states: {
    starting: {
      description: 'Opens its workers. Tries that it is given wait in its queue.',
      entry: 'open',
      on: {
        'executor.started': [{ guard: 'isDegraded', target: 'degraded' }, { target: 'ready' }],
        'executor.degraded': { actions: degraded },
        'executor.restored': { actions: 'forgetWhy' },
        'executor.failed': failed,
        'executor.drain': 'draining',
      },
    },
    ready: {
      description: 'Runs tries.',
      entry: ['forgetWhy', { type: 'announce', params: { state: 'ready' } }],
      on: {
        'executor.degraded': { target: 'degraded', actions: degraded },
        'executor.failed': failed,
        'executor.drain': 'draining',
      },
    },
    degraded: {
      description: 'Runs tries, but something it relies on is not as it should be; `why` says what.',
      entry: { type: 'announce', params: { state: 'degraded' } },
      on: { 'executor.restored': 'ready', 'executor.failed': failed, 'executor.drain': 'draining' },
    },
    bad: {
      description: 'Will not recover by itself: every try it has is failed, and it is given none. `executor.recover` opens it anew.',
      entry: ['failAll', { type: 'announce', params: { state: 'bad' } }],
      on: { 'executor.recover': { target: 'starting', actions: 'forgetWhy' }, 'executor.drain': 'draining' },
    },
    draining: {
      description: 'Is given nothing new and closes its workers.',
      entry: ['close', { type: 'announce', params: { state: 'draining' } }],
      on: { 'executor.closed': 'stopped' },
    },
    stopped: {
      type: 'final',
      description: 'No worker, process or timer of it is left.',
      entry: { type: 'announce', params: { state: 'stopped' } },
    },
  },
});
export type ExecutorMachine = typeof executorMachine;
