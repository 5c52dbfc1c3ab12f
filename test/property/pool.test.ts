/**
 * The machine of a pool against a model in plain TypeScript, under any sequence of events: workers are ended exactly
 * once, before it is over; what it ends with is known; what is told to drain gives back.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createActor } from 'xstate';

import { exitCodes, poolMachine, type PoolEvent, type PoolState } from '../../src/machines/pool.ts';

interface Model {
  state: PoolState;
  deaths: number;
  code: number | undefined;
}

const on: { readonly [T in PoolEvent['type']]: (model: Model, event: Extract<PoolEvent, { type: T }>) => void } = {
  'worker.ready': (model) => {
    if (model.state === 'starting') model.state = 'serving';
  },
  'worker.failed': (model) => {
    if (model.state !== 'starting') return;
    if (model.deaths === 2) breaks(model);
    else model.deaths++;
  },
  'pool.unfit': (model) => {
    if (model.state === 'starting') breaks(model);
  },
  'pool.drain': (model) => {
    if (model.state !== 'starting' && model.state !== 'serving') return;
    model.state = 'draining';
    model.code = exitCodes.done;
  },
  'pool.emptied': (model) => {
    if (model.state === 'draining' || model.state === 'broken') model.state = 'ending';
  },
  'pool.end': (model, { code }) => {
    if (model.state === 'ending') return;
    if (model.state !== 'broken') model.code = code;
    model.state = 'ending';
  },
  'pool.gone': (model) => {
    if (model.state === 'ending') model.state = 'ended';
  },
};
function breaks(model: Model): void {
  model.state = 'broken';
  model.code = exitCodes.broken;
}

const event = fc.oneof(
  { weight: 4, arbitrary: fc.constant<PoolEvent>({ type: 'worker.failed', why: 'it exited', stderr: '' }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<PoolEvent>(
      { type: 'worker.ready' },
      { type: 'pool.unfit', why: 'no room' },
      { type: 'pool.drain', why: 'walltime' },
      { type: 'pool.emptied' },
      { type: 'pool.gone' },
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(0, 3, 5).map((code): PoolEvent => ({ type: 'pool.end', why: 'told to', code })) },
);

it('a pool follows its model under any sequence of events', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const model: Model = { state: 'starting', deaths: 0, code: undefined };
      let ends = 0;
      let backs = 0;
      const actor = createActor(poolMachine.provide({ actions: { endWorkers: () => ends++, giveBack: () => backs++ } })).start();
      for (const each of events) {
        if (model.state === 'ended') break;
        on[each.type](model, each as never);
        actor.send(each);
        const { value, context } = actor.getSnapshot();
        expect(value).toBe(model.state);
        expect(context.deaths).toBe(model.deaths);
        expect(context.end?.code).toBe(model.code);
        expect(ends).toBe(value === 'ending' || value === 'ended' ? 1 : 0);
        expect(backs > 0).toBe(value !== 'starting' && value !== 'serving');
      }
    }),
    { numRuns: 300 },
  );
});
