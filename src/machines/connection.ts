/**
 * The connection of a manager to its driver, over any number of links.
 *
 *   probing ─connection.opened→ registering ─connection.welcomed→ open ─connection.closed→ probing
 *     │  ↑                         └─connection.closed→ waiting
 *     │  └─timer.fired (retry)─ waiting ←─connection.failed─ probing
 *     └─connection.refused→ refused      any ─timer.fired (end), connection.silent→ deserted   any ─connection.end→ ended
 *
 * All addresses are tried at once and the first that answers is taken; a link that was open is made again at once,
 * what fails is tried again ever later. The end timer runs whenever the driver has not taken the manager on. Told by
 * `actors/node/link.ts`. Compare Parsl, `parsl/executors/high_throughput/probe.py`.
 */
import { assign, setup } from 'xstate';

import { backOffMs, jittered } from './model/back-off.ts';

export interface ConnectionContext {
  /** Attempts in a row that have failed. */
  readonly attempt: number;
  /** Where the driver was last found. */
  readonly address: string | undefined;
  /** Why it is not open, in words. */
  readonly why: string | undefined;
}

export type ConnectionEvent =
  /** An address has answered: the others are given up. */
  | { readonly type: 'connection.opened'; readonly address: string }
  /** No address has. */
  | { readonly type: 'connection.failed'; readonly why: string }
  /** The driver is there, and will never have us. */
  | { readonly type: 'connection.refused'; readonly why: string }
  | { readonly type: 'connection.welcomed' }
  | { readonly type: 'connection.closed'; readonly why: string }
  /** The link is open, and nothing was heard for too long. */
  | { readonly type: 'connection.silent'; readonly why: string }
  | { readonly type: 'timer.fired'; readonly timer: 'retry' | 'end' }
  /** We are done. */
  | { readonly type: 'connection.end'; readonly why: string };

export type ConnectionState = 'probing' | 'registering' | 'open' | 'waiting' | 'refused' | 'deserted' | 'ended';

/** After the first attempt that has failed, and at most. */
const RETRY = { firstMs: 50, mostMs: 5000 } as const;

/** @param attempt - From 1. @param random - In [0, 1). */
export const retryMs = (attempt: number, random: number): number => jittered(backOffMs(attempt - 1, RETRY), random);

type Args = { readonly context: ConnectionContext; readonly event: ConnectionEvent };
export const isEndTimer = ({ event }: Args): boolean => event.type === 'timer.fired' && event.timer === 'end';
export const isRetryTimer = ({ event }: Args): boolean => event.type === 'timer.fired' && event.timer === 'retry';

/** An effect: `actors/node/link.ts` provides it. */
function effect(): void {}

const why = {
  type: 'keepWhy',
  params: ({ event }: { event: ConnectionEvent }) => ({ why: 'why' in event ? event.why : undefined }),
} as const;
const retry = { target: 'waiting', actions: [why, 'countAttempt'] } as const;
const refused = { target: 'refused', actions: why } as const;
const ended = { target: 'ended', actions: why } as const;
const deserted = { guard: 'isEndTimer', target: 'deserted' } as const;
const silent = { target: 'deserted', actions: why } as const;
const settled = (state: ConnectionState) => ['cancelTimers', 'closeLink', { type: 'announce', params: { state } }] as const;

export const connectionMachine = setup({
  types: {} as { context: ConnectionContext; events: ConnectionEvent },
  guards: { isEndTimer, isRetryTimer },
  actions: {
    keepWhy: assign({ why: (_, { why: text }: { why: string | undefined }) => text }),
    keepAddress: assign({ address: (_, { address }: { address: string | undefined }) => address }),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    forgetAttempts: assign({ attempt: 0, why: undefined }),
    probe: effect,
    startEndTimer: effect,
    cancelEndTimer: effect,
    startRetryTimer: effect,
    watchSilence: effect,
    register: effect,
    cancelTimers: effect,
    closeLink: effect,
    announce: (_, _params: { state: ConnectionState }) => {},
  },
}).createMachine({
  id: 'connection',
  description:
    'The connection of a manager to its driver: made again whenever it closes, until the driver says no, or is gone for too long.',
  context: { attempt: 0, address: undefined, why: undefined },
  initial: 'probing',
  states: {
    probing: {
      description: 'Tries all addresses of the driver at once; the first that answers is taken. The end timer runs.',
      entry: ['startEndTimer', 'probe'],
      on: {
        'connection.opened': {
          target: 'registering',
          actions: {
            type: 'keepAddress',
            params: ({ event }: { event: Extract<ConnectionEvent, { type: 'connection.opened' }> }) => ({ address: event.address }),
          },
        },
        'connection.failed': retry,
        'connection.refused': refused,
        'timer.fired': deserted,
        'connection.end': ended,
      },
    },
    registering: {
      description: 'A link is open, and the driver has been told who is there and what it holds. The end timer runs on.',
      entry: ['watchSilence', 'register'],
      on: {
        'connection.welcomed': 'open',
        'connection.closed': retry,
        'connection.refused': refused,
        'connection.silent': silent,
        'timer.fired': deserted,
        'connection.end': ended,
      },
    },
    open: {
      description: 'The driver has taken the manager on: work comes, and results go. However long the driver is busy, the link stays.',
      entry: ['cancelEndTimer', 'forgetAttempts', { type: 'announce', params: { state: 'open' } }],
      on: {
        'connection.closed': { target: 'probing', actions: [why, { type: 'announce', params: { state: 'probing' } }] },
        'connection.refused': refused,
        'connection.silent': silent,
        'connection.end': ended,
      },
    },
    waiting: {
      description: 'Nobody answered, or the link closed too soon: tries again after a while, longer each time. The end timer runs.',
      entry: 'startRetryTimer',
      on: {
        'timer.fired': [deserted, { guard: 'isRetryTimer', target: 'probing' }],
        'connection.end': ended,
      },
    },
    refused: {
      type: 'final',
      description: 'The driver will not have this manager: its build, its secret or its block are not known. `why` says which.',
      entry: settled('refused'),
    },
    deserted: {
      type: 'final',
      description: 'The driver is gone: not to be reached for the end timer’s time, or silent for too long on an open link.',
      entry: settled('deserted'),
    },
    ended: {
      type: 'final',
      description: 'The manager has nothing left to say.',
      entry: settled('ended'),
    },
  },
});
export type ConnectionMachine = typeof connectionMachine;
