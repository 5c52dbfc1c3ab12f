/**
 * The workers of one manager, from the first to the last.
 *
 *   starting ─worker.ready→ serving ─pool.drain→ draining ─pool.emptied→ ending ─pool.gone→ ended
 *      └─worker.failed [isBroken], pool.unfit→ broken ─pool.emptied→ ending      any ─pool.end→ ending
 *
 * Which worker has which try is kept by `actors/node/dispatch.ts`; the processes by `actors/node/pool.ts`.
 */
import { assign, setup } from 'xstate';

/** How it ends, for the driver and for whoever reads the log of the block. */
export interface PoolEnd {
  readonly why: string;
  /** Exit code of the manager. */
  readonly code: number;
  /** End of what the last worker has written that did not come up. */
  readonly stderr?: string;
}

export interface PoolContext {
  /** Workers that have ended before they were ready, while none ever was. */
  readonly deaths: number;
  /** Set by what ends it; an order to end at once goes before one to drain. */
  readonly end: PoolEnd | undefined;
}

export type PoolEvent =
  | { readonly type: 'worker.ready' }
  /** It ended before it was ready. */
  | { readonly type: 'worker.failed'; readonly why: string; readonly stderr: string }
  /** The node has no room for a single worker. */
  | { readonly type: 'pool.unfit'; readonly why: string }
  /** Take nothing new, finish what runs. */
  | { readonly type: 'pool.drain'; readonly why: string }
  /** Nothing runs, and the driver knows of every end. */
  | { readonly type: 'pool.emptied' }
  /** Stop what runs. */
  | { readonly type: 'pool.end'; readonly why: string; readonly code: number }
  /** No worker is left. */
  | { readonly type: 'pool.gone' };

export type PoolState = 'starting' | 'serving' | 'draining' | 'broken' | 'ending' | 'ended';

/** With what a manager exits. */
export const exitCodes = { done: 0, refused: 3, broken: 4, deserted: 5 } as const;

/** So many workers in a row that do not come up say that none will. */
const MOST_DEATHS = 3;

type Args = { readonly context: PoolContext };
export const isBroken = ({ context }: Args): boolean => context.deaths + 1 >= MOST_DEATHS;

/** An effect: `actors/node/manager.ts` provides it. */
function effect(): void {}

const drain = {
  target: 'draining',
  actions: {
    type: 'keepEnd',
    params: ({ event }: { event: Extract<PoolEvent, { type: 'pool.drain' }> }) => ({ end: { why: event.why, code: exitCodes.done } }),
  },
} as const;
const end = {
  target: 'ending',
  actions: {
    type: 'keepEnd',
    params: ({ event }: { event: Extract<PoolEvent, { type: 'pool.end' }> }) => ({ end: { why: event.why, code: event.code } }),
  },
} as const;
const emptied = { target: 'ending', actions: 'sayLeaving' } as const;

export const poolMachine = setup({
  types: {} as { context: PoolContext; events: PoolEvent },
  guards: { isBroken },
  actions: {
    keepEnd: assign({ end: (_, { end: kept }: { end: PoolEnd }) => kept }),
    countDeath: assign({ deaths: ({ context }) => context.deaths + 1 }),
    startWorkers: effect,
    giveBack: effect,
    sayLeaving: effect,
    endWorkers: effect,
    announce: (_, _params: { state: PoolState }) => {},
  },
}).createMachine({
  id: 'pool',
  description: 'The workers of one manager: one process a slot, each replaced when it ends, until they are told to finish or to stop.',
  context: { deaths: 0, end: undefined },
  initial: 'starting',
  states: {
    starting: {
      description: 'Workers come up, and none was ever ready. What is granted waits for the first.',
      entry: 'startWorkers',
      on: {
        'worker.ready': 'serving',
        'worker.failed': [
          {
            guard: 'isBroken',
            target: 'broken',
            actions: {
              type: 'keepEnd',
              params: ({ event }: { event: Extract<PoolEvent, { type: 'worker.failed' }> }) => ({
                end: { why: event.why, code: exitCodes.broken, stderr: event.stderr },
              }),
            },
          },
          { actions: 'countDeath' },
        ],
        'pool.unfit': {
          target: 'broken',
          actions: {
            type: 'keepEnd',
            params: ({ event }: { event: Extract<PoolEvent, { type: 'pool.unfit' }> }) => ({
              end: { why: event.why, code: exitCodes.broken },
            }),
          },
        },
        'pool.drain': drain,
        'pool.end': end,
      },
    },
    serving: {
      description: 'Workers run tries. One that ends is replaced: at once, or ever later while it does not come up.',
      entry: { type: 'announce', params: { state: 'serving' } },
      on: { 'pool.drain': drain, 'pool.end': end },
    },
    draining: {
      description: 'Tries that run are finished; those that do not are given back, and nothing new is taken.',
      entry: ['giveBack', { type: 'announce', params: { state: 'draining' } }],
      on: { 'pool.emptied': emptied, 'pool.end': end },
    },
    broken: {
      description: 'Workers do not come up here. What was granted is given back, and the driver is told what they said.',
      entry: ['giveBack', { type: 'announce', params: { state: 'broken' } }],
      on: { 'pool.emptied': emptied, 'pool.end': 'ending' }, // with what it was broken by
    },
    ending: {
      description: 'Workers are stopped: each try gets its abort signal, and after the grace its process is killed.',
      entry: ['giveBack', 'endWorkers', { type: 'announce', params: { state: 'ending' } }],
      on: { 'pool.gone': 'ended' },
    },
    ended: {
      type: 'final',
      description: 'No worker, and no process of a worker, is left.',
      entry: { type: 'announce', params: { state: 'ended' } },
    },
  },
});
export type PoolMachine = typeof poolMachine;
