/**
 * One worker process, as its manager sees it, from its start to its end. Another takes its place.
 *
 *   starting ─worker.ready→ idle ─worker.given→ busy ─worker.emptied→ idle
 *                                               │ ─worker.stop→ stopping ─worker.emptied→ idle, worker.relieved→ busy
 *                                               │                   └─timer.fired→ killing ─worker.closed→ ended
 *      any ─worker.closed→ lost      idle, busy, stopping ─worker.end→ ending ─worker.closed→ ended
 *
 * Busy workers are told of by the batch: a worker that always has something to do sends no event. Told by
 * `actors/node/handle.ts`. Compare Parsl, `parsl/executors/high_throughput/process_worker_pool.py`.
 */
import { assign, setup } from 'xstate';

export interface WorkerContext {
  readonly slot: number;
  /** Why it is being killed, in words. */
  readonly why: string | undefined;
}

export type WorkerEvent =
  | { readonly type: 'worker.ready' }
  /** It has something to run. */
  | { readonly type: 'worker.given' }
  /** It has nothing to run any more. */
  | { readonly type: 'worker.emptied' }
  /** The try that runs is to end within its grace. */
  | { readonly type: 'worker.stop'; readonly graceMs: number }
  /** The try that was to end has ended, and there are others. */
  | { readonly type: 'worker.relieved' }
  | { readonly type: 'worker.kill'; readonly why: string }
  /** Ends when it has nothing to run; what runs is to end within the grace. */
  | { readonly type: 'worker.end'; readonly graceMs: number }
  /** The grace is over, or the time to come up. */
  | { readonly type: 'timer.fired' }
  /** The process is gone, and its pipe was read to the end. */
  | { readonly type: 'worker.closed' };

export type WorkerState = 'starting' | 'idle' | 'busy' | 'stopping' | 'ending' | 'killing' | 'lost' | 'ended';

/** An effect: `actors/node/handle.ts` provides it. */
function effect(): void {}

const kill = {
  target: 'killing',
  actions: {
    type: 'keepWhy',
    params: ({ event }: { event: Extract<WorkerEvent, { type: 'worker.kill' }> }) => ({ why: event.why }),
  },
} as const;
const grace = {
  type: 'startGrace',
  params: ({ event }: { event: Extract<WorkerEvent, { type: 'worker.stop' | 'worker.end' }> }) => ({ graceMs: event.graceMs }),
} as const;
const stop = { target: 'stopping', actions: grace } as const;
const end = {
  target: 'ending',
  actions: [
    {
      type: 'tellEnd',
      params: ({ event }: { event: Extract<WorkerEvent, { type: 'worker.end' }> }) => ({ graceMs: event.graceMs }),
    },
    grace,
  ],
} as const;

export const workerMachine = setup({
  types: {} as { context: WorkerContext; events: WorkerEvent; input: { readonly slot: number } },
  actions: {
    keepWhy: assign({ why: (_, { why }: { why: string }) => why }),
    startUpTimer: effect,
    startGrace: (_, _params: { graceMs: number }) => {},
    cancelTimer: effect,
    tellEnd: (_, _params: { graceMs: number }) => {},
    kill: effect,
    announce: (_, _params: { state: WorkerState }) => {},
  },
}).createMachine({
  id: 'worker',
  description: 'One worker process, as its manager sees it: it runs one try at a time, and is killed when a try does not stop.',
  context: ({ input }) => ({ slot: input.slot, why: undefined }),
  initial: 'starting',
  states: {
    starting: {
      description: 'The process was started, and has not said that it is there.',
      entry: 'startUpTimer',
      exit: 'cancelTimer',
      on: {
        'worker.ready': { target: 'idle', actions: { type: 'announce', params: { state: 'idle' } } },
        'worker.kill': kill,
        'worker.end': 'killing',
        'timer.fired': { target: 'killing', actions: { type: 'keepWhy', params: { why: 'it did not come up in time' } } },
        'worker.closed': 'lost',
      },
    },
    idle: {
      description: 'Has nothing to run.',
      on: { 'worker.given': 'busy', 'worker.kill': kill, 'worker.end': end, 'worker.closed': 'lost' },
    },
    busy: {
      description: 'Runs the first of the tries in its pipe; those behind it have not started.',
      on: {
        'worker.emptied': 'idle',
        'worker.stop': stop,
        'worker.kill': kill,
        'worker.end': end,
        'worker.closed': 'lost',
      },
    },
    stopping: {
      description: 'The try that runs has its abort signal, and has until the end of its grace.',
      on: {
        'worker.emptied': { target: 'idle', actions: 'cancelTimer' },
        'worker.relieved': { target: 'busy', actions: 'cancelTimer' },
        'worker.stop': { actions: grace },
        'timer.fired': { target: 'killing', actions: { type: 'keepWhy', params: { why: 'its try did not stop' } } },
        'worker.kill': kill,
        'worker.end': end,
        'worker.closed': { target: 'lost', actions: 'cancelTimer' },
      },
    },
    ending: {
      description: 'Ends by itself as soon as the try that runs has ended, which has until the end of the grace.',
      exit: 'cancelTimer',
      on: { 'worker.stop': { actions: grace }, 'timer.fired': 'killing', 'worker.kill': kill, 'worker.closed': 'ended' },
    },
    killing: {
      description: 'Its process group has got SIGKILL; what is in its pipe is read to the end.',
      entry: ['cancelTimer', 'kill'],
      on: { 'worker.closed': 'ended' },
    },
    lost: {
      type: 'final',
      description: 'It ended by itself. What it ran is lost; what had not started is given to others.',
      entry: { type: 'announce', params: { state: 'lost' } },
    },
    ended: {
      type: 'final',
      description: 'It was ended.',
      entry: { type: 'announce', params: { state: 'ended' } },
    },
  },
});
export type WorkerMachine = typeof workerMachine;
