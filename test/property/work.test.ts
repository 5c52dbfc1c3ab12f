/** The machine of work under any sequence of events: it settles once, for good, and leaves no grace running. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createActor } from 'xstate';

import { compiled } from '../../src/machines/compiled.ts';
import { workMachine, type WorkMachineEvent } from '../../src/machines/work.ts';
import { failure } from '../support/machines.ts';

const place = fc.record({ host: fc.constantFrom('a', 'b'), worker: fc.constantFrom('1', '2') });
const event: fc.Arbitrary<WorkMachineEvent> = fc.oneof(
  fc.record({ type: fc.constant('work.sent' as const), place }),
  fc.record({ type: fc.constant('work.started' as const), place }),
  fc.record({ type: fc.constant('work.done' as const), bytes: fc.nat(), place }),
  fc.constant({ type: 'work.failed' as const, failure: failure('nodeLost') }),
  fc.constantFrom<WorkMachineEvent>({ type: 'work.stopped' }, { type: 'work.cancel' }, { type: 'timer.fired' }),
);

it('settles at most once, in the state that it keeps, and only as it was told', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), (events) => {
      const effects: string[] = [];
      const settled: string[] = [];
      const logic = compiled(
        workMachine.provide({
          actions: {
            tell: (_, { state }) => void effects.push(state),
            stopWork: () => void effects.push('stop'),
            startGrace: () => void effects.push('grace'),
            cancelGrace: () => void effects.push('noGrace'),
            settle: (_, { state }) => void settled.push(state),
          },
        }),
      );
      const actor = createActor(logic, { input: { workId: 'w1' } }).start();
      for (const one of events) {
        if (actor.getSnapshot().status !== 'active') break;
        actor.send(one);
      }
      const { value, status } = actor.getSnapshot();
      expect(settled).toEqual(status === 'done' ? [value] : []);
      const wasCancelled = events.some(({ type }) => type === 'work.cancel');
      if (value === 'cancelled') expect(wasCancelled || events.some(({ type }) => type === 'work.stopped')).toBe(true);
      if (effects.includes('stop')) expect(['stopping', 'cancelled']).toContain(value);
      const graces = effects.filter((each) => each === 'grace').length;
      expect(effects.filter((each) => each === 'noGrace')).toHaveLength(value === 'stopping' ? graces - 1 : graces);
    }),
    { numRuns: 500 },
  );
});
