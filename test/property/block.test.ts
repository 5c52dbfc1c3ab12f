/** The machine of a block against a small model of it in plain TypeScript, under any sequence of events. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createActor, type Actor } from 'xstate';

import { blockMachine, type BlockEvent } from '../../src/machines/block.ts';
import type { BlockEnd, BlockState, JobEnd, JobStatus } from '../../src/machines/model/blocks.ts';

/** What a block is, said again without the machine. */
interface Model {
  state: BlockState;
  hasManager: boolean;
  hadManager: boolean;
  ran: boolean;
  doubts: number;
  asked: BlockEnd | undefined;
  end: BlockEnd | undefined;
  jobId: string | undefined;
}

const isIn = ({ state }: Model, ...states: readonly BlockState[]): boolean => states.includes(state);
const unborn: readonly BlockState[] = ['requested', 'submitting'];

function finish(model: Model, end: BlockEnd): void {
  model.state = 'ended';
  model.end = model.asked ?? end;
}
function giveBack(model: Model, as: BlockEnd): void {
  model.asked ??= as;
}
function wait(model: Model, state: 'pending' | 'held'): void {
  model.state = state;
  model.ran = false;
  model.doubts = 0;
}

function changed(model: Model, status: JobStatus): void {
  if (status.type === 'unknown' || isIn(model, ...unborn)) return;
  if (status.type === 'gone') {
    finish(model, status.evidence.end === 'completed' && !model.hadManager ? 'missing' : status.evidence.end);
    return;
  }
  const { phase } = status;
  if (isIn(model, 'pending', 'held', 'starting')) {
    if (phase !== 'running') {
      if (model.state !== phase) wait(model, phase);
    } else if (model.state !== 'starting') {
      model.state = model.hasManager ? 'ready' : 'starting';
      model.ran = true;
      model.doubts = 0;
    }
  } else if (isIn(model, 'ready')) {
    if (phase === 'running') {
      model.ran = true;
      model.doubts = 0;
    } else if (!model.hasManager || model.doubts > 0) wait(model, phase);
    else if (model.ran) model.doubts++;
  }
}

type On = { readonly [T in BlockEvent['type']]: (model: Model, event: Extract<BlockEvent, { type: T }>) => void };
const on: On = {
  'block.submit': (model) => {
    if (isIn(model, 'requested')) model.state = 'submitting';
  },
  'block.drain': (model) => {
    if (isIn(model, 'draining', 'cancelling')) return;
    giveBack(model, 'scaledIn');
    if (isIn(model, 'requested')) finish(model, 'scaledIn');
    else if (isIn(model, 'ready') && model.hasManager) model.state = 'draining';
    else if (!isIn(model, 'submitting')) model.state = 'cancelling';
  },
  'block.cancel': (model, { as }) => {
    if (isIn(model, 'cancelling')) return;
    giveBack(model, as);
    if (isIn(model, 'requested')) finish(model, as);
    else if (!isIn(model, 'submitting')) model.state = 'cancelling';
  },
  'job.submitted': (model, { jobId }) => {
    if (isIn(model, 'submitting')) model.state = model.asked === undefined ? 'pending' : 'cancelling';
    else if (!isIn(model, 'ready', 'draining', 'cancelling')) return;
    model.jobId = jobId;
  },
  'job.refused': (model) => {
    if (isIn(model, ...unborn) || (isIn(model, 'cancelling') && !model.hadManager)) finish(model, 'submitFailed');
  },
  'job.changed': (model, { status }) => changed(model, status),
  'manager.registered': (model) => {
    if (isIn(model, 'requested', 'draining', 'cancelling') || (isIn(model, 'submitting') && model.asked !== undefined)) return;
    model.state = 'ready';
    model.hasManager = true;
    model.hadManager = true;
  },
  'managers.left': (model) => {
    if (isIn(model, ...unborn, 'starting')) return;
    model.hasManager = false;
    if (isIn(model, 'draining')) model.state = 'cancelling';
  },
  'timer.fired': (model, { timer }) => {
    if (timer !== 'deserted' || !isIn(model, 'ready') || model.hasManager) return;
    giveBack(model, 'deserted');
    model.state = 'cancelling';
  },
};

const ends = fc.constantFrom<JobEnd['end'][]>('completed', 'failed', 'timeout', 'preempted', 'unknown');
const status: fc.Arbitrary<JobStatus> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('known' as const),
      phase: fc.constantFrom('pending' as const, 'held' as const, 'running' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('unknown' as const), message: fc.constant('timed out') }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('gone' as const), evidence: fc.record({ end: ends }) }) },
);
const event: fc.Arbitrary<BlockEvent> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<BlockEvent>({ type: 'block.submit' }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('job.submitted' as const), jobId: fc.constantFrom('j1', 'j2') }) },
  { weight: 1, arbitrary: fc.constant<BlockEvent>({ type: 'job.refused', message: 'no' }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('job.changed' as const), status }) },
  { weight: 4, arbitrary: fc.constant<BlockEvent>({ type: 'manager.registered' }) },
  { weight: 3, arbitrary: fc.constant<BlockEvent>({ type: 'managers.left' }) },
  { weight: 1, arbitrary: fc.constant<BlockEvent>({ type: 'block.drain' }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('block.cancel' as const), as: fc.constantFrom<BlockEnd[]>('scaledIn', 'cancelled') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('timer.fired' as const), timer: fc.constantFrom('deserted' as const, 'cancel' as const) }),
  },
);

interface Real {
  readonly actor: Actor<typeof blockMachine>;
  readonly announced: BlockState[];
  settled: number;
}

class Told implements fc.Command<Model, Real> {
  readonly #event: BlockEvent;
  constructor(told: BlockEvent) {
    this.#event = told;
  }
  check = (): boolean => true;
  toString = (): string => JSON.stringify(this.#event);

  run(model: Model, real: Real): void {
    const told = this.#event;
    const before = real.actor.getSnapshot();
    if (model.state !== 'ended') {
      on[told.type](model, told as never);
      real.actor.send(told);
    }
    const { value, context } = real.actor.getSnapshot();
    expect(value).toBe(model.state);
    expect(context).toMatchObject({ jobId: model.jobId, hadManager: model.hadManager, cancelAs: model.asked, end: model.end });
    // promise 4
    if (told.type === 'job.changed' && told.status.type === 'unknown') expect([value, context]).toEqual([before.value, before.context]);
    if (before.value === 'ended') expect([value, context]).toEqual([before.value, before.context]);
    expect(real.settled).toBe(value === 'ended' ? 1 : 0);
    expect(context.end === undefined).toBe(value !== 'ended');
    expect(real.announced.at(-1)).toBe(value); // what the set sees is what the machine is in
  }
}

it('a block follows its model under any sequence of events, and what was announced is where it is', () => {
  fc.assert(
    fc.property(fc.commands([event.map((each) => new Told(each))], { size: '+1', maxCommands: 60 }), (commands) => {
      fc.modelRun(() => {
        const real: { announced: BlockState[]; settled: number } = { announced: [], settled: 0 };
        const machine = blockMachine.provide({
          actions: {
            announce: (_, { state }) => void real.announced.push(state),
            settle: () => void real.settled++,
          },
        });
        const actor = createActor(machine, { input: { blockId: '0', jobName: 'j' } }).start();
        const model: Model = {
          state: 'requested',
          hasManager: false,
          hadManager: false,
          ran: false,
          doubts: 0,
          asked: undefined,
          end: undefined,
          jobId: undefined,
        };
        return { model, real: Object.assign(real, { actor }) };
      }, commands);
    }),
    { numRuns: 150 },
  );
});
