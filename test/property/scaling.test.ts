/** The machine of scaling against a model, and the limits against any answer and any blocks. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createActor } from 'xstate';

import type { BlockState, BlockView } from '../../src/machines/model/blocks.ts';
import { bounded } from '../../src/machines/model/scaling-bounds.ts';
import { scalingMachine, type ScalingEvent } from '../../src/machines/scaling.ts';

interface Model {
  state: string;
  asked: number;
  floor: number;
  isFirst: boolean;
}
const MIN = 3;
const decide = (model: Model): void => {
  model.state = 'deciding';
  model.asked++;
};
const isHeld = ({ state }: Model): boolean => ['held', 'stopped', 'closed'].includes(state);
const on: { readonly [T in ScalingEvent['type']]: (model: Model, event: Extract<ScalingEvent, { type: T }>) => void } = {
  'scaling.changed': (model) => {
    if (model.state === 'idle') decide(model);
    else if (model.state === 'resting') model.state = 'due';
  },
  'scaling.decided': (model) => {
    if (model.state !== 'deciding') return;
    model.state = 'resting';
    model.isFirst = false;
  },
  'scaling.commanded': (model, { blocks }) => {
    if (model.state !== 'closed') model.floor = Math.min(MIN, blocks);
  },
  'timer.fired': (model, { timer }) => {
    if (timer === 'rest') {
      if (model.state === 'due') decide(model);
      else if (model.state === 'resting') model.state = 'idle';
    } else if (model.state === 'idle') decide(model);
    else if (model.state === 'resting') model.state = 'due';
  },
  'scaling.hold': (model) => {
    if (!isHeld(model)) model.state = 'held';
  },
  'scaling.unhold': (model) => {
    if (model.state === 'held') decide(model);
  },
  'scaling.stop': (model) => {
    if (model.state !== 'closed') model.state = 'stopped';
  },
  'scaling.recover': (model) => {
    if (model.state !== 'stopped') return;
    model.floor = MIN;
    model.isFirst = true;
    decide(model);
  },
  'scaling.close': (model) => {
    model.state = 'closed';
  },
};

const plain = <T extends ScalingEvent['type']>(type: T): fc.Arbitrary<ScalingEvent> => fc.constant({ type } as ScalingEvent);
const event: fc.Arbitrary<ScalingEvent> = fc.oneof(
  { weight: 5, arbitrary: plain('scaling.changed') },
  { weight: 5, arbitrary: fc.constant<ScalingEvent>({ type: 'scaling.decided', out: 0, in: [], memory: 1 }) },
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant('timer.fired' as const), timer: fc.constantFrom('rest' as const, 'again' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('scaling.commanded' as const), blocks: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.oneof(plain('scaling.hold'), plain('scaling.unhold'), plain('scaling.stop'), plain('scaling.recover')) },
);

it('scaling follows its model under any sequence of events', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), fc.boolean(), (events, closes) => {
      const model: Model = { state: 'deciding', asked: 1, floor: MIN, isFirst: true };
      let asked = 0;
      const machine = scalingMachine.provide({ actions: { askPolicy: () => void asked++ } });
      const actor = createActor(machine, { input: { label: 'hpc', min: MIN } }).start();
      for (const told of closes ? [...events, { type: 'scaling.close' } as const] : events) {
        on[told.type](model, told as never);
        actor.send(told);
        const { value, context } = actor.getSnapshot();
        expect([value, asked, context.floor, context.isFirst]).toEqual([model.state, model.asked, model.floor, model.isFirst]);
      }
    }),
    { numRuns: 150 },
  );
});

const states: readonly BlockState[] = ['requested', 'submitting', 'pending', 'held', 'starting', 'ready', 'draining', 'cancelling'];
const blocks = fc.array(fc.constantFrom(...states), { maxLength: 8 }).map((all) =>
  all.map((state, i): BlockView => ({
    blockId: String(i),
    state,
    sinceMs: 0,
    requestedMs: i,
    jobName: `j${i}`,
    managers: 0,
    workers: 0,
    tries: 0,
  })),
);

it('no answer leads above the maximum, below the minimum, or to blocks that are not there', () => {
  fc.assert(
    fc.property(
      fc.record({ out: fc.oneof(fc.nat(20), fc.double()), in: fc.array(fc.nat(9).map(String), { maxLength: 12 }) }),
      blocks,
      fc.tuple(fc.nat(8), fc.nat(8), fc.nat(8)).map((three) => three.toSorted((a, b) => a - b) as [number, number, number]),
      fc.boolean(),
      fc.boolean(),
      (answer, live, [min, init, max], isFirst, canReplace) => {
        const isLeaving = (blockId: string): boolean => ['draining', 'cancelling'].includes(live[Number(blockId)]?.state ?? 'ended');
        const staying = live.filter(({ blockId }) => !isLeaving(blockId)).length;
        const { out, in: back } = bounded(answer, { limits: { init, min, max }, isFirst, floor: min, canReplace, live, isLeaving });
        expect(Number.isInteger(out) && out >= 0).toBe(true);
        if (out > 0) expect(live.length + out).toBeLessThanOrEqual(max);
        expect(new Set(back).size).toBe(back.length);
        expect(back.every((id) => answer.in.includes(id) && !isLeaving(id))).toBe(true);
        if (back.length > 0) expect(staying - back.length).toBeGreaterThanOrEqual(min);
        // kept from below as far as the maximum leaves room
        const least = isFirst ? Math.max(init, min) : canReplace ? min : 0;
        expect(staying - back.length + out >= least || live.length + out === Math.max(max, live.length)).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});
