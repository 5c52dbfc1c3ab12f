/**
 * The whole of the task graph against a model: any interleaving of calls, answers of executors, cancellations, time,
 * promises and joins settles each task exactly once, as the model says, and leaves nothing behind.
 */
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { FailureKind } from '../../src/index.ts';
import type { Try } from '../../src/actors/executors/port.ts';
import type { GraphModel } from '../support/graph-model.ts';
import { anyCall, concrete, type Call, type Ref } from '../support/graph-plan.ts';
import { isSettled, type ModelTask } from '../support/graph-task.ts';
import { newWorld, rest, type GraphWorld } from '../support/graph-world.ts';

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);
beforeAll(() => void process.on('unhandledRejection', onUnhandled));
afterAll(() => void process.off('unhandledRejection', onUnhandled));

type Command = fc.AsyncCommand<GraphModel, GraphWorld>;

/** A command is one thing that happens to both, and a comparison of all there is. */
const command = (name: string, happens: (world: GraphWorld, model: GraphModel) => void): Command => ({
  check: () => true,
  async run(model, world) {
    happens(world, model);
    await world.check();
  },
  toString: () => name,
});
const pick = <T>(from: readonly T[], at: number): T | undefined => from[at % Math.max(1, from.length)];

function submit(plan: Call<number>): Command {
  return command(`submit(${fc.stringify(plan)})`, (world, model) => {
    if (model.closing !== undefined) {
      expect(() => world.call('late', concrete(plan, []))).toThrow(/was told to close/);
      return;
    }
    const things: Ref[] = [...[...model.tasks.keys()].map((key) => ({ key })), ...model.promises.map((_, promise) => ({ promise }))];
    const call = concrete(plan, things);
    const key = `c${model.tasks.size}`;
    model.submit(key, call);
    world.call(key, call);
  });
}

type Word = 'launched' | 'started' | 'done' | 'failed' | 'stopped';
interface Answer {
  readonly at: number;
  readonly word: Word;
  readonly kind: FailureKind;
  readonly worker: string;
}
let answers = 0;

/** Says something of a try, with a value or an error that nothing else has. */
function say(world: GraphWorld, model: GraphModel, attempt: Try, { word, kind, worker }: Answer): void {
  const executor = world.executors.find(({ seen }) => seen.includes(attempt));
  const task = world.current(attempt);
  const value = { answer: ++answers };
  const error = new Error(`answer ${answers}`);
  if (task !== undefined) {
    if (word === 'done') model.done(task, value);
    else if (word === 'failed') model.failed(task, kind, error, worker);
    else model[word](task);
  }
  if (word === 'done') executor?.done(attempt, value);
  else if (word === 'failed') executor?.failed(attempt, error, kind, worker);
  else executor?.[word](attempt);
}

const answer = (spoken: Answer): Command =>
  command(`answer(${fc.stringify(spoken)})`, (world, model) => {
    const held = world.executors.flatMap((executor) => executor.held);
    const attempt = pick(held, spoken.at);
    if (attempt === undefined) return;
    // an executor confirms a stop only when it was asked for one
    if (spoken.word === 'stopped' && world.current(attempt)?.state !== 'stopping') return;
    say(world, model, attempt, spoken);
  });

const late = (spoken: Answer): Command =>
  command(`late(${fc.stringify(spoken)})`, (world, model) => {
    const over = world.executors.flatMap(({ seen }) => seen).filter((attempt) => world.current(attempt) === undefined);
    const attempt = pick(over, spoken.at);
    if (attempt !== undefined) say(world, model, attempt, spoken);
  });

/** One task fails again and again, each time on another worker. */
const failAgain = (at: number, kind: FailureKind, times: number): Command =>
  command(`failAgain(${at}, ${kind}, ${times})`, (world, model) => {
    const first = pick(
      world.executors.flatMap(({ held }) => held).filter((attempt) => world.current(attempt) !== undefined),
      at,
    );
    for (let i = 0; i < times; i++) {
      const next = world.executors.flatMap(({ held }) => held).find(({ taskId }) => taskId === first?.taskId);
      if (next === undefined || world.current(next) === undefined) return;
      say(world, model, next, { at, word: 'failed', kind, worker: `w${i}` });
      model.advance(500);
      world.clock.increment(500);
    }
  });

const cancel = (at: number): Command =>
  command(`cancel(${at})`, (world, model) => {
    const task = pick([...model.tasks.values()], at);
    if (task === undefined) return;
    const reason = { cancelled: at };
    model.cancel(task.key, reason);
    world.cancel(task.key, reason);
  });

const abort = (signal: number): Command =>
  command(`abort(${signal})`, (world, model) => {
    const reason = new Error(`signal ${signal}`);
    model.abort(signal, reason);
    world.abort(signal, reason);
  });

const advance = (ms: number): Command =>
  command(`advance(${ms})`, (world, model) => {
    model.advance(ms);
    world.clock.increment(ms);
  });

const promise = (): Command =>
  command('promise()', (world, model) => {
    if (model.promises.length >= 4) return;
    model.promises.push({ state: 'pending', value: undefined });
    world.newPromise();
  });

const settlePromise = (at: number, isKept: boolean): Command =>
  command(`settlePromise(${at}, ${isKept})`, (world, model) => {
    const index = at % Math.max(1, model.promises.length);
    if (model.promises[index]?.state !== 'pending') return;
    const state = isKept || world.promises[index]?.isUsed === false ? 'kept' : 'broken';
    const value = state === 'kept' ? { promise: index } : new Error(`promise ${index}`);
    model.keep(index, state, value);
    world.promises[index]?.settle(state, value);
  });

const openGate = (at: number): Command =>
  command(`openGate(${at})`, (world, model) => {
    const run = pick(model.runs, at);
    if (run === undefined) return;
    model.openGate(run);
    world.openGate(run.key, run.tryIndex);
  });

const addExecutor = (): Command =>
  command('addExecutor()', (world, model) => {
    if (world.executors.length < 2 && model.closing === undefined) world.addExecutor('b');
  });

const close = (pending: 'wait' | 'cancel'): Command =>
  command(`close(${pending})`, (world, model) => {
    model.close(pending);
    const closed = world.troupe.close({ pending });
    world.closed ??= closed;
  });

/** Lets everything end that can, closes, and looks at what is left. */
async function finish(world: GraphWorld, model: GraphModel): Promise<void> {
  world.closed ??= world.troupe.close();
  model.closing ??= 'wait';
  for (let round = 0; model.live.length > 0; round++) {
    expect(round, `these hang: ${model.live.map(({ key, state }) => `${key} ${state}`).join(', ')}`).toBeLessThan(300);
    for (const attempt of world.executors.flatMap(({ held }) => held))
      say(world, model, attempt, { at: 0, word: 'done', kind: 'app', worker: '' });
    // all gates, before time limits are over again
    for (const happens of [...model.runs.map(() => openGate(0)), settlePromise(round, true), advance(1000)])
      await happens.run(model, world);
  }
  const counts = await world.closed;
  await world.check();
  const all = [...model.tasks.values()];
  expect(all.every(isSettled)).toBe(true);
  const count = (state: string): number => all.filter((task) => task.state === state).length;
  expect(counts).toEqual({ done: count('done'), failed: count('failed'), depFailed: count('depFailed'), cancelled: count('cancelled') });
  await rest();
  expect(unhandled).toEqual([]);
}

/** @returns The tasks that have not settled in the end. */
async function follow(labels: readonly string[], commands: Iterable<Command>): Promise<readonly ModelTask[]> {
  const world = newWorld();
  const { model } = world;
  await world.start(labels);
  await fc.asyncModelRun(() => ({ model, real: world }), commands);
  await finish(world, model);
  return model.live;
}

const kinds: readonly FailureKind[] = [
  'app',
  'timeLimit',
  'oom',
  'workerLost',
  'nodeLost',
  'walltime',
  'preempted',
  'staging',
  'submit',
  'serialization',
  'internal',
];
const anyAnswer: fc.Arbitrary<Answer> = fc.record({
  at: fc.nat({ max: 20 }),
  word: fc.constantFrom('launched', 'started', 'started', 'done', 'done', 'failed', 'failed', 'stopped'),
  kind: fc.oneof(fc.constantFrom<FailureKind>('app', 'workerLost'), fc.constantFrom(...kinds)),
  worker: fc.constantFrom('w1', 'w2', 'w3', 'w4'),
});
const at = fc.nat({ max: 40 });
const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 16, arbitrary: anyCall.map(submit) },
  { weight: 24, arbitrary: anyAnswer.map(answer) },
  { weight: 6, arbitrary: anyAnswer.map(late) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(at, fc.constantFrom<FailureKind>('app', 'workerLost', 'nodeLost', 'oom'), fc.constantFrom(2, 4, 12))
      .map((args) => failAgain(...args)),
  },
  { weight: 3, arbitrary: at.map(cancel) },
  { weight: 1, arbitrary: fc.nat({ max: 1 }).map(abort) },
  { weight: 8, arbitrary: fc.constantFrom(0, 10, 500, 3000).map(advance) },
  { weight: 3, arbitrary: fc.constant(undefined).map(promise) },
  { weight: 4, arbitrary: fc.tuple(at, fc.boolean()).map(([index, isKept]) => settlePromise(index, isKept)) },
  { weight: 8, arbitrary: at.map(openGate) },
  { weight: 1, arbitrary: fc.constant(undefined).map(addExecutor) },
  { weight: 1, arbitrary: fc.constantFrom('wait' as const, 'wait' as const, 'cancel' as const).map(close) },
);

const plan = (over: Partial<Call<number>> = {}): Call<number> => ({
  data: { plain: 1 },
  retries: 0,
  timeLimitMs: undefined,
  priority: 0,
  signal: undefined,
  executors: undefined,
  decisions: [{ again: true }],
  body: undefined,
  ...over,
});
const leaves = (...at: readonly number[]): Call<number>['data'] => ({ list: at.map((leaf) => ({ leaf })) });
type BodyPlan = Partial<NonNullable<Call<number>['body']>>;
const joining = (body: BodyPlan, over: Partial<Call<number>> = {}): Call<number> =>
  plan({ body: { throws: 0, isGated: false, calls: [], returned: leaves(), ...body }, ...over });

describe('the graph', () => {
  // what was found, and what would be hard to find again
  const found: readonly (readonly [string, readonly Command[]])[] = [
    ['a call that depends on what was cancelled before it', [submit(plan()), cancel(0), submit(plan({ data: leaves(0) }))]],
    [
      'a join that waits for a task of another join, both cancelled by the end',
      [submit(joining({ calls: [joining({ calls: [plan()] })] })), submit(joining({ returned: leaves(2) })), close('cancel')],
    ],
    [
      'a task that depends on a join over its time limit, and on a child of it',
      [submit(joining({ calls: [plan()], returned: leaves(0) }, { timeLimitMs: 10 })), submit(plan({ data: leaves(0, 1) })), advance(10)],
    ],
    [
      'a body over its time limit that returns while the next try joins',
      [
        submit(joining({ isGated: true, calls: [plan(), plan()], returned: leaves(0, 1) }, { timeLimitMs: 10, retries: 1 })),
        advance(10),
        advance(3000),
        advance(0),
        openGate(1),
        openGate(0),
      ],
    ],
    [
      'a cancelled join that waits to be tried again, and the child of the body that threw',
      [submit(joining({ throws: 1, calls: [plan()] }, { retries: 1, decisions: [{ again: true, afterMs: 500 }] })), cancel(0)],
    ],
    [
      'a body that goes on after its join was given up, with the end under way',
      [submit(joining({ isGated: true, calls: [plan(), plan()] })), submit(plan()), cancel(0), advance(3000), close('wait'), openGate(0)],
    ],
  ];
  it.each(found)('does what its model does with %s', async (_, commands) => {
    expect(await follow(['a'], commands)).toEqual([]);
  });

  it('does what its model does under any sequence of events', { timeout: 120_000 }, async () => {
    const runs = fc.asyncProperty(
      fc.constantFrom(['a'], ['a', 'b']),
      fc.array(anyCommand, { maxLength: 60, size: 'max' }),
      async (labels, commands) => {
        expect(await follow(labels, commands)).toEqual([]);
      },
    );
    // GRAPH_RUNS=5000 for a night; a failure prints its seed and path
    const numRuns = Number(process.env['GRAPH_RUNS'] ?? 250);
    await fc.assert(runs, { numRuns, ...(numRuns === 250 && { interruptAfterTimeLimit: 20_000 }) });
  });
});
