/**
 * The graph of tasks as a whole: takes tasks, releases those whose inputs have settled, ends when told to.
 *
 *   open ─dataflow.close→ draining ─[isLast]→ closed
 *     └──[shouldCancel]→ cancelling ─[isLast]→ closed
 *
 * The graph itself and the tasks' records are mutable stores owned by `actors/dataflow.ts`; the context holds
 * counts. Parent of the task actors. Compare Parsl, `parsl/dataflow/dflow.py`.
 */
import { assign, setup } from 'xstate';

import { noCounts, type Counts, type SettledState } from './model/states.ts';

export interface DataflowContext {
  /** Tasks that have not settled. */
  readonly live: number;
  /** Tasks that have, by state. */
  readonly settled: Counts;
}

export type DataflowEvent =
  | {
      readonly type: 'task.submitted';
      readonly taskId: string;
      readonly name: string;
      readonly kind: string;
      readonly parentId?: string;
      readonly waits: number;
    }
  | { readonly type: 'task.settled'; readonly taskId: string; readonly state: SettledState; readonly tries: number }
  /** An input that is no task of ours, a foreign promise, has settled. */
  | { readonly type: 'input.settled'; readonly inputId: string; readonly ok: boolean }
  | { readonly type: 'dataflow.close'; readonly pending: 'wait' | 'cancel' }
  /** The actor of a task has failed, a defect of ours: the task is settled for it. */
  | { readonly type: 'actor.failed'; readonly actorId: string; readonly message: string };

type Args = { readonly context: DataflowContext; readonly event: DataflowEvent };
export const isIdle = ({ context }: Args): boolean => context.live === 0;
/** The task that settles is the last one. */
export const isLast = ({ context }: Args): boolean => context.live === 1;
export const shouldCancel = ({ event }: Args): boolean => event.type === 'dataflow.close' && event.pending === 'cancel';

/** An effect: `actors/dataflow.ts` provides it. */
function effect(): void {}

const count = {
  actions: [
    { type: 'countSettled', params: ({ event }: { event: Extract<DataflowEvent, { type: 'task.settled' }> }) => ({ state: event.state }) },
    'release',
  ],
} as const;

export const dataflowMachine = setup({
  types: {} as { context: DataflowContext; events: DataflowEvent },
  guards: { isIdle, isLast, shouldCancel },
  actions: {
    countSubmitted: assign({ live: ({ context }) => context.live + 1 }),
    countSettled: assign(({ context: { live, settled } }, { state }: { state: SettledState }) => ({
      live: live - 1,
      settled: { ...settled, [state]: settled[state] + 1 },
    })),
    admit: effect,
    release: effect,
    releaseInput: effect,
    cancelAll: effect,
    cancelSubmitted: effect,
    settleBroken: effect,
    announceIdle: effect,
    announceClosed: effect,
  },
}).createMachine({
  id: 'dataflow',
  description: 'The graph of tasks as a whole: takes tasks, releases those whose inputs have settled, ends when told to.',
  context: { live: 0, settled: noCounts },
  initial: 'open',
  on: {
    'task.submitted': { actions: ['countSubmitted', 'admit'] },
    'input.settled': { actions: 'releaseInput' },
    'actor.failed': { actions: 'settleBroken' },
  },
  states: {
    open: {
      description: 'Takes tasks. Those whose inputs have all settled are released, one settled task at a time.',
      on: {
        'task.settled': [{ guard: 'isLast', actions: [...count.actions, 'announceIdle'] }, count],
        'dataflow.close': [{ guard: 'isIdle', target: 'closed' }, { guard: 'shouldCancel', target: 'cancelling' }, { target: 'draining' }],
      },
    },
    draining: {
      description: 'Waits for the tasks it has; only the bodies of joins may still add some.',
      on: {
        'task.settled': [{ guard: 'isLast', target: 'closed', actions: [...count.actions, 'announceIdle'] }, count],
        'dataflow.close': { guard: 'shouldCancel', target: 'cancelling' },
      },
    },
    cancelling: {
      description: 'Every task has been told to cancel; waits until the last one has settled. What is added now is cancelled at once.',
      entry: 'cancelAll',
      on: {
        'task.submitted': { actions: ['countSubmitted', 'admit', 'cancelSubmitted'] },
        'task.settled': [{ guard: 'isLast', target: 'closed', actions: [...count.actions, 'announceIdle'] }, count],
      },
    },
    closed: { type: 'final', description: 'Every task has settled, and no new one is taken.', entry: 'announceClosed' },
  },
});
export type DataflowMachine = typeof dataflowMachine;
