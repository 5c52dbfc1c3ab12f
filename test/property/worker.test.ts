/**
 * The machine of a worker against a model in plain TypeScript, under any sequence of events: it is killed at most once,
 * settles only when its process is gone, and leaves no timer.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createActor } from 'xstate';

import { workerMachine, type WorkerEvent, type WorkerState } from '../../src/machines/worker.ts';

const up: readonly WorkerState[] = ['idle', 'busy', 'stopping'];
/** Where each event leads to from where; everything else is ignored. */
const moves: { readonly [T in WorkerEvent['type']]: (state: WorkerState) => WorkerState } = {
  'worker.ready': (state) => (state === 'starting' ? 'idle' : state),
  'worker.given': (state) => (state === 'idle' ? 'busy' : state),
  'worker.emptied': (state) => (state === 'busy' || state === 'stopping' ? 'idle' : state),
  'worker.relieved': (state) => (state === 'stopping' ? 'busy' : state),
  'worker.stop': (state) => (state === 'busy' ? 'stopping' : state),
  'worker.kill': () => 'killing',
  'worker.end': (state) => (up.includes(state) ? 'ending' : state === 'starting' ? 'killing' : state),
  'timer.fired': (state) => (['starting', 'stopping', 'ending'].includes(state) ? 'killing' : state),
  'worker.closed': (state) => (state === 'ending' || state === 'killing' ? 'ended' : 'lost'),
};

const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom<WorkerEvent>(
      { type: 'worker.ready' },
      { type: 'worker.given' },
      { type: 'worker.emptied' },
      { type: 'worker.relieved' },
      { type: 'worker.stop', graceMs: 10 },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<WorkerEvent>(
      { type: 'worker.kill', why: 'unwanted' },
      { type: 'worker.end', graceMs: 10 },
      { type: 'timer.fired' },
      { type: 'worker.closed' },
    ),
  },
);

it('a worker follows its model under any sequence of events', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 50 }), (events) => {
      let state: WorkerState = 'starting';
      let kills = 0;
      let hasTimer = false;
      const timed: readonly WorkerState[] = ['starting', 'stopping', 'ending'];
      const actor = createActor(
        workerMachine.provide({
          actions: {
            kill: () => kills++,
            startUpTimer: () => (hasTimer = true),
            startGrace: () => (hasTimer = true),
            cancelTimer: () => (hasTimer = false),
          },
        }),
        { input: { slot: 0 } },
      ).start();
      for (const each of events) {
        if (actor.getSnapshot().status !== 'active') break;
        state = moves[each.type](state);
        actor.send(each);
        const { value, status } = actor.getSnapshot();
        expect(value).toBe(state);
        expect(status).toBe(value === 'lost' || value === 'ended' ? 'done' : 'active');
        expect(kills).toBeLessThanOrEqual(1);
        if (value === 'killing') expect(kills).toBe(1);
        expect(hasTimer).toBe(timed.includes(value));
      }
    }),
    { numRuns: 300 },
  );
});
