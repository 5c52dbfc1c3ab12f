/**
 * A provider whatever the batch system does: every submission is answered once and with the truth, no job is submitted
 * twice, the rate limit holds, and the breaker follows its model.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createActor } from 'xstate';

import { providerActor, type Submitted } from '../../src/actors/blocks/provider.ts';
import { MAX_FAILURES, providerMachine, type BreakerState, type ProviderEvent } from '../../src/machines/provider.ts';
import { blockWorld, specOf } from '../support/block-world.ts';
import { faultyBatch, trouble } from '../support/faulty-batch.ts';

it('the breaker follows its model under any sequence of events', () => {
  const event = fc.oneof(
    { weight: 3, arbitrary: fc.constant<ProviderEvent>({ type: 'jobs.answered' }) },
    { weight: 8, arbitrary: fc.constant<ProviderEvent>({ type: 'jobs.failed', message: 'no' }) },
    { weight: 2, arbitrary: fc.constant<ProviderEvent>({ type: 'timer.fired', timer: 'cooldown' }) },
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const actor = createActor(providerMachine, { input: { label: 'hpc', kind: 'slurm' } }).start();
      let state = 'closed' as BreakerState;
      let inRow = 0;
      let openings = 0;
      const open = (): void => {
        state = 'open';
        openings++;
      };
      for (const told of events) {
        actor.send(told);
        if (state === 'closed') {
          inRow = told.type === 'jobs.failed' ? inRow + 1 : told.type === 'jobs.answered' ? 0 : inRow;
          if (inRow === MAX_FAILURES) open();
        } else if (state === 'open') {
          if (told.type !== 'jobs.failed') state = 'halfOpen' as BreakerState;
        } else if (told.type === 'jobs.failed') open();
        else if (told.type === 'jobs.answered') {
          state = 'closed';
          inRow = 0;
          openings = 0;
        }
        const { value, context } = actor.getSnapshot();
        expect([value, context.openings]).toEqual([state, openings]);
      }
    }),
    { numRuns: 200 },
  );
});

it('every submission is answered once, with the truth, whatever goes wrong', async () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('submit', 'submit', 'check', 'cancel', 'find', 'wait'), fc.nat(4000)), {
    minLength: 3,
    maxLength: 25,
  });
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.array(trouble, { maxLength: 40 }),
      fc.constantFrom(undefined, 1, 3),
      async (plan, troubles, submitsPerSecond) => {
        const world = blockWorld();
        const { clock, space, note, pass } = world;
        const batch = faultyBatch(clock, submitsPerSecond === undefined ? {} : { submitsPerSecond });
        batch.troubles.push(...troubles);
        const provider = providerActor(batch, {
          space,
          clock,
          note,
          random: () => 0.5,
          runId: 'r',
          label: 'hpc',
          dir: '/',
          timeoutMs: 10_000,
        });
        const outcomes = new Map<string, Submitted[]>();
        let finds = 0;
        let found = 0;
        for (const [what, ms] of plan) {
          const name = `job-${outcomes.size}`;
          if (what === 'submit') {
            outcomes.set(name, []);
            provider.submit(specOf(String(outcomes.size), name), (outcome) => outcomes.get(name)?.push(outcome));
          } else if (what === 'check') provider.check('j1');
          else if (what === 'cancel') provider.cancel('j9');
          else if (what === 'find') {
            finds++;
            provider.find([`job-${ms % 3}`, 'nobody'], () => found++);
          }
          await pass(ms, 250);
        }
        batch.troubles.length = 0;
        await pass(600_000, 2500);

        expect(found).toBe(finds);
        for (const [name, told] of outcomes) {
          const jobs = batch.jobs.filter((job) => job.name === name);
          expect(jobs.length, name).toBeLessThanOrEqual(1);
          expect(told, name).toEqual([
            jobs[0] === undefined ? expect.objectContaining({ type: 'refused' }) : { type: 'submitted', jobId: jobs[0].jobId },
          ]);
        }
        if (submitsPerSecond !== undefined)
          for (const [i, ms] of batch.submittedAtMs.entries())
            expect(ms - (batch.submittedAtMs[i - submitsPerSecond] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(1000);
        expect(provider.view()).toMatchObject({ submissions: 0, requests: 0 });
        // half open: it has cooled down, and there is nothing left to try it with
        expect(['closed', 'halfOpen']).toContain(provider.view().state);
        await provider.close();
        expect(world.errors).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
});
