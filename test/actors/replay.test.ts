/** Promise 9: same events, same states. And a log that cannot show it says why. */
import { describe, expect, it } from 'vitest';
import { setup, SimulatedClock } from 'xstate';

import { ConfigError, EventLogError, join, task, Troupe, type TroupeConfig } from '../../src/index.ts';
import { taskMachine } from '../../src/api/machines.ts';
import { checkReplay, readLog, replay, storyOf, type LogRecord, type ReplayedStep, type StepRecord } from '../../src/api/monitoring.ts';
import { actorSystem } from '../../src/actors/spawn.ts';
import { fixed } from '../../src/machines/policies/retry/fixed.ts';
import { openedLog, settled, tempFolder } from '../support/log-file.ts';
import { manualExecutor, type ManualExecutor } from '../support/manual-executor.ts';

const double = task(import.meta, 'double', (n: number) => 2 * n);
const doubleAll = join(import.meta, 'doubleAll', (ns: readonly number[]) => ns.map((n) => double(n)));

/** The log of what `play` does, and its end. */
async function recorded(
  play: (executor: ManualExecutor, later: () => Promise<void>) => void | Promise<void>,
  config: TroupeConfig = {},
): Promise<readonly LogRecord[]> {
  const runDir = tempFolder();
  const clock = new SimulatedClock();
  const later = (): Promise<void> => {
    clock.increment(1); // back-offs of 0 ms are over
    return settled();
  };
  const executor = manualExecutor({ autoStop: true });
  const troupe = await Troupe.start({ executors: [executor], runDir, log: 'full', clock, signals: false, ...config });
  try {
    await troupe.scope(() => play(executor, later));
  } finally {
    await troupe.close({ pending: 'cancel' });
  }
  return readLog(runDir).toArray();
}

/** A join over two tasks, one of which needs a second try, and a task that is cancelled. */
const eventful = (): Promise<readonly LogRecord[]> =>
  recorded(
    async (executor, later) => {
      const all = doubleAll([1, 2]);
      const never = double(3);
      await settled();
      expect(executor.held.map(({ taskId }) => taskId)).toEqual(['t2', 't3', 't4']);
      const [cancelled, one, other] = executor.held;
      for (const attempt of [cancelled, one, other]) if (attempt !== undefined) executor.started(attempt);
      never.cancel('not needed');
      if (one !== undefined) executor.failed(one);
      if (other !== undefined) executor.done(other, 4);
      await later();
      executor.done(executor.take(), 2);
      expect(await all).toEqual([2, 4]);
      await never.catch(() => {});
    },
    { policies: { retry: fixed(1) } },
  );

const isStep = (record: LogRecord): record is StepRecord => record.type === 'step';
async function steps(records: readonly LogRecord[]): Promise<readonly ReplayedStep[]> {
  const all: ReplayedStep[] = [];
  for await (const step of replay(records)) all.push(step);
  return all;
}

describe('a replay', () => {
  it('reaches the states of the run, step by step', async () => {
    const records = await eventful();
    const all = await steps(records);
    expect(all.filter(({ divergence }) => divergence !== undefined)).toEqual([]);
    expect(all.map(({ seq, actor, state }) => ({ seq, actor, state }))).toEqual(
      records.filter(isStep).map(({ seq, actor, to }) => ({ seq, actor, state: to })),
    );
    const last = Object.fromEntries(all.map(({ actor, machine, state }) => [actor, `${machine} ${state}`]));
    expect(last).toEqual({
      troupe: 'troupe closed',
      dataflow: 'dataflow closed',
      'executor/manual': 'executor stopped',
      t1: 'task done',
      t2: 'task cancelled',
      t3: 'task done',
      t4: 'task done',
    });
    expect(all.findLast(({ actor }) => actor === 'dataflow')?.context).toEqual({
      live: 0,
      settled: { done: 3, failed: 0, depFailed: 0, cancelled: 1 },
    });
    expect(await checkReplay(records)).toEqual({ steps: all.length, actors: 7, isComplete: true, diverged: 0, divergences: [] });
  });

  it('takes what policies answered from the log', async () => {
    const records = await eventful();
    const decided = (await steps(records)).filter(({ event }) => event.type === 'retry.decided');
    expect(decided.map(({ actor, event, state }) => [actor, event, state])).toEqual([
      ['t3', { type: 'retry.decided', tryIndex: 0, decision: { again: true, afterMs: 0 }, policy: 'fixed(1)' }, 'retrying'],
    ]);
  });

  it('names each step that does not reach its state, and goes on', async () => {
    const records = await eventful();
    const at = records.findIndex((record) => isStep(record) && record.event.type === 'retry.decided');
    const wrong = records.with(at, { ...(records[at] as StepRecord), to: 'failed' });
    const { seq } = records[at] as StepRecord;
    expect(await checkReplay(wrong)).toMatchObject({
      isComplete: true,
      diverged: 1,
      divergences: [{ seq, actor: 't3', event: { type: 'retry.decided' }, where: 'to', expected: 'failed', got: 'retrying' }],
    });
    expect((await steps(wrong)).find((step) => step.divergence !== undefined)).toMatchObject({
      seq,
      state: 'retrying',
      divergence: { expected: 'failed' },
    });
    const before = records.with(at, { ...(records[at] as StepRecord), from: 'running' });
    expect(await checkReplay(before)).toMatchObject({
      diverged: 1,
      divergences: [{ seq, where: 'from', expected: 'running', got: 'deciding' }],
    });
  });

  it('does as a machine with replaced members did, whatever they did', async () => {
    // stubborn and, on every third answer, faulty: the firewall gives up on it after five faults
    const stubborn = (): typeof taskMachine => {
      let calls = 0;
      return taskMachine.provide({
        guards: {
          shouldRetry: () => {
            if (++calls % 3 === 0) throw new Error('third');
            return calls % 3 === 1;
          },
        },
      });
    };
    const records = await recorded(
      async (executor, later) => {
        const futures = Array.from({ length: 20 }, (_, n) => double.with({ retries: 3 })(n));
        await settled();
        while (executor.held.length > 0) {
          for (const attempt of executor.held) executor.failed(attempt);
          await later();
        }
        await Promise.allSettled(futures);
      },
      { machines: { task: stubborn() } },
    );
    expect(records.filter((record) => record.type === 'fact' && record.fact === 'policy.faulted')).toHaveLength(5);
    expect(records[0]).toMatchObject({ run: { config: { replaced: ['task.guards.shouldRetry'] } } });
    expect(await checkReplay(records, { machines: { task: stubborn() } })).toMatchObject({ isComplete: true, diverged: 0 });
    expect((await checkReplay(records)).diverged).toBeGreaterThan(0);
    await expect(checkReplay(records, { machines: { task: taskMachine.provide({ guards: { isPoison: () => false } }) } })).rejects.toThrow(
      ConfigError,
    );
  });

  it('knows of events that were sent to an actor itself', async () => {
    const records = await recorded(async () => {
      const future = double(1);
      await settled();
      future.actor?.send({ type: 'task.cancel' });
      expect(future.state).toBe('cancelled');
      await future.catch(() => {});
    });
    expect(records.filter(isStep).filter(({ event }) => event.type === 'task.cancel')).toHaveLength(1);
    expect(await checkReplay(records)).toMatchObject({ isComplete: true, diverged: 0 });
  });

  it('ends an actor where it failed, and where it was stopped, and knows machines that it is given', async () => {
    const machine = setup({ actions: { crash: () => {} } }).createMachine({
      id: 'lamp',
      initial: 'off',
      states: { off: { on: { press: 'on' } }, on: { on: { press: 'off', drop: { target: 'off', actions: 'crash' } } } },
    });
    const crash = (): never => expect.fail('a defect');
    const { log, file } = await openedLog('full');
    const { step, spawned, stopped, deadLetter } = log.listener;
    const system = actorSystem({
      onStep: (taken) => step?.(taken, 0),
      onSpawn: (made) => spawned?.(made, 0),
      onStop: (ended) => stopped?.(ended, 0),
      onDeadLetter: (letter) => deadLetter?.(letter, 0),
      onError: () => {},
    });
    const [one, other] = ['one', 'other'].map((id) => system.spawn(machine.provide({ actions: { crash } }), { id, input: undefined }));
    for (const type of ['press', 'drop', 'press']) if (one !== undefined) system.post(one, { type });
    if (other !== undefined) system.stop(other);
    other?.send({ type: 'press' });
    await log.close();
    const records = file.records() as unknown as readonly LogRecord[];
    expect(records.slice(3, -1)).toMatchObject([
      { type: 'step', seq: 1, actor: 'one', from: 'off', to: 'on' },
      { type: 'step', seq: 2, actor: 'one', from: 'on', failed: true },
      { type: 'actor.deadLetter', seq: 3, actor: 'one' },
      { type: 'actor.stopped', actor: 'other' },
      { type: 'actor.deadLetter', seq: 4, actor: 'other' },
    ]);
    expect(await checkReplay(records, { machines: { lamp: machine } })).toEqual({
      steps: 2,
      actors: 2,
      isComplete: true,
      diverged: 0,
      divergences: [],
    });
    const unstopped = records.filter(({ type }) => type !== 'actor.stopped');
    expect(await checkReplay(unstopped, { machines: { lamp: machine } })).toMatchObject({
      divergences: [{ seq: 4, actor: 'other', where: 'from', expected: 'ended', got: 'off' }],
    });
  });

  it('keeps a budget without an end', async () => {
    const records = await recorded(
      async (executor, later) => {
        const future = double(1);
        for (let tries = 0; tries < 5; tries++) {
          executor.failed(executor.take());
          await later();
        }
        executor.done(executor.take(), 2);
        await future;
      },
      { policies: { retry: { kind: 'retry', name: 'for ever', retries: Infinity, decide: () => ({ again: true }) } } },
    );
    expect(await checkReplay(records)).toMatchObject({ isComplete: true, diverged: 0 });
    expect((await storyOf(records, 't1')).at(-1)).toMatchObject({ type: 'try.done', to: 'done' });
  });
});

describe('a log that cannot be replayed', () => {
  const refused = (records: readonly LogRecord[], why: string): Promise<void> => expect(checkReplay(records)).rejects.toThrow(why);

  it('is one of level summary', async () => {
    const records = await recorded(
      async (executor) => {
        const future = double(1);
        executor.done(executor.take());
        await future;
      },
      { log: 'summary' },
    );
    await expect(checkReplay(records)).rejects.toThrow(EventLogError);
    await refused(records, "it is of level summary, without the steps; start the troupe with log: 'full'");
    await expect(replay(records).next()).rejects.toThrow(EventLogError);
  });

  it('is one with a gap, when steps are in it', async () => {
    const records = await eventful();
    const gap = (steps: number): LogRecord => ({ type: 'log.gap', t: 1, sinceT: 1, records: 9, steps, why: 'the disk is too slow for it' });
    await refused([...records.slice(0, 9), gap(5), ...records.slice(9)], 'it lacks 5 records of steps (the disk is too slow for it)');
    expect(await checkReplay([...records.slice(0, 9), gap(0), ...records.slice(9)])).toMatchObject({ diverged: 0 });
  });

  it('is one that lacks any record a replay needs', async () => {
    const records = await eventful();
    const needed = records.flatMap(({ type }, at) =>
      ['step', 'actor.spawned', 'actor.deadLetter', 'log.opened'].includes(type) ? [at] : [],
    );
    expect(needed.length).toBeGreaterThan(30);
    for (const at of needed)
      await expect(checkReplay(records.toSpliced(at, 1)), `without ${JSON.stringify(records[at])}`).rejects.toThrow(EventLogError);
    const at = records.findIndex((record, at) => record.type === 'step' && records[at + 1]?.type === 'step');
    await refused(records.toSpliced(at, 2, ...records.slice(at, at + 2).toReversed()), 'records are missing or out of order');
  });

  it('is not one that was never closed, but it is not complete', async () => {
    const records = await eventful();
    expect(await checkReplay(records.slice(0, -1))).toMatchObject({ isComplete: false, diverged: 0 });
    expect(await checkReplay(records.slice(0, 12))).toMatchObject({ isComplete: false, diverged: 0 });
  });

  it('is one of a machine that nobody knows', async () => {
    const records = await eventful();
    const at = records.findIndex(({ type }) => type === 'actor.spawned');
    const foreign = records.with(at, { ...records[at], machine: 'oracle' } as LogRecord);
    await expect(checkReplay(foreign)).rejects.toThrow('machine oracle of actor troupe is not known; give it in machines');
  });
});
