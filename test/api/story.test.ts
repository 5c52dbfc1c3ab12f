/** What a Future says of itself: what has happened to its task, and why it is where it is. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { SimulatedClock } from 'xstate';

import { DependencyError, JoinError, join, task, Troupe, type Future, type TroupeConfig } from '../../src/index.ts';
import { readLog, storyOf } from '../../src/api/monitoring.ts';
import { KEPT_DIGESTS } from '../../src/actors/recorder.ts';
import { retry } from '../../src/api/policies.ts';
import { forgottenStory } from '../../src/api/run-log.ts';
import { settled, tempFolder } from '../support/log-file.ts';
import { manualExecutor, type ManualExecutor } from '../support/manual-executor.ts';

const add = task(import.meta, 'add', (a: number, b: number) => a + b);
const both = join(import.meta, 'both', (a: number) => [1, 2].map((b) => add.with({ executors: ['near'] })(a, b)));

interface Stage {
  readonly troupe: Troupe;
  readonly near: ManualExecutor;
  readonly far: ManualExecutor;
  readonly clock: SimulatedClock;
}

async function stage(config: TroupeConfig = {}): Promise<Stage> {
  const near = manualExecutor({ label: 'near', slots: 8 });
  const far = manualExecutor({ label: 'far', slots: 1 });
  const clock = new SimulatedClock();
  const troupe = await Troupe.start({
    executors: [near, far],
    clock,
    signals: false,
    ambient: false,
    policies: { retry: retry.fixed(1) },
    ...config,
  });
  onTestFinished(async () => {
    const closing = troupe.close({ pending: 'cancel' });
    for (const executor of [near, far]) for (const attempt of executor.held) executor.stopped(attempt);
    await closing;
  });
  await settled();
  return { troupe, near, far, clock };
}
const read = (future: Future<unknown>): Promise<unknown> => future.catch(() => {});
const told = (future: Future<unknown>): readonly string[] => future.story().map(({ type, from, to }) => `${type}: ${from} → ${to}`);

describe('why', () => {
  it('names the inputs that a pending task waits for', async () => {
    const { troupe, near } = await stage();
    const first = troupe.run(add, 1, 2);
    const slow = new Promise<number>(() => {});
    const last = troupe.run(add, first, slow);
    expect(last.why()).toEqual({ state: 'pending', for: ['add (t1), queued', 'a promise (p1)'] });
    near.started(near.take());
    expect(last.why()).toEqual({ state: 'pending', for: ['add (t1), running', 'a promise (p1)'] });
    near.done(near.take(), 3);
    expect(last.why()).toEqual({ state: 'pending', for: ['a promise (p1)'] });
    expect(first.why()).toEqual({ state: 'done', for: [] });
  });

  it('says for each executor why a queued task is not running there', async () => {
    const { troupe } = await stage();
    expect(troupe.run(add, 1, 2).why()).toEqual({ state: 'queued', for: ['near: held by the test', 'far: could run it; near was chosen'] });
    expect(troupe.run(add.with({ executors: ['far'] }), 1, 2).why()).toEqual({ state: 'queued', for: ['far: held by the test'] });
  });

  it('says where a task runs', async () => {
    const { troupe, near } = await stage();
    const future = troupe.run(add, 1, 2);
    near.launched(near.take());
    expect(future.why()).toEqual({ state: 'launched', for: [], because: 'try 0 on near' });
    near.started(near.take());
    expect(future.why()).toEqual({ state: 'running', for: [], because: 'try 0 on near, worker 1 of here' });
    future.cancel();
    expect(future.why()).toEqual({ state: 'stopping', for: ['the end of try 0 on near, worker 1 of here'], because: 'it was cancelled' });
    near.stopped(near.take());
    await read(future);
    expect(future.why()).toMatchObject({ state: 'cancelled', because: expect.stringContaining('add (t1) was cancelled') as string });
  });

  it('says of a task that is stopped at its limit that it is', async () => {
    const { troupe, near, clock } = await stage();
    const future = troupe.run(add.with({ timeLimitMs: 100 }), 1, 2);
    near.started(near.take());
    clock.increment(100);
    expect(future.why()).toMatchObject({ state: 'stopping', because: 'its time limit has passed' });
  });

  it('says how long a retry waits, and for what', async () => {
    const { troupe, near } = await stage({ policies: { retry: retry.exponential({ initialMs: 500, jitter: 0 }) } });
    const future = troupe.run(add, 1, 2);
    near.failed(near.take(), new Error('no luck'));
    expect(future.why()).toEqual({ state: 'retrying', for: ['try 1, after a back-off of 500 ms'], because: 'no luck' });
  });

  it('says of a failed task the root first, then the way it came', async () => {
    const { troupe, near } = await stage({ policies: {} });
    const first = troupe.run(add, 1, 2);
    const second = troupe.run(add, first, 1);
    const third = troupe.run(add, second, 1);
    near.failed(near.take(), new RangeError('too far'));
    await Promise.all([first, second, third].map(read));
    expect(first.why()).toEqual({ state: 'failed', for: [], because: 'RangeError: too far' });
    expect(second.why()).toEqual({ state: 'depFailed', for: [], because: 'RangeError: too far, in add (t1)' });
    expect(third.why()).toEqual({ state: 'depFailed', for: [], because: 'RangeError: too far, in add (t1) → add (t2)' });
    await expect(third).rejects.toThrow(DependencyError);
  });

  it('names what a join waits for, and what failed in it', async () => {
    const { troupe, near } = await stage({ policies: {} });
    const future = troupe.run(both, 1);
    await settled();
    expect(future.why()).toEqual({ state: 'joining', for: ['add (t2), queued', 'add (t3), queued'] });
    const [one, other] = near.held;
    if (one !== undefined) near.done(one, 2);
    if (other !== undefined) near.failed(other, new Error('boom'));
    await expect(future).rejects.toThrow(JoinError);
    expect(future.why()).toEqual({ state: 'failed', for: [], because: 'Error: boom, in add (t3)' });
  });
});

describe('a story', () => {
  it('of a live task is its steps, each with its cause', async () => {
    const { troupe, near, clock } = await stage();
    const first = troupe.run(add, 1, 2);
    const future = troupe.run(add, first, 2);
    clock.increment(7);
    near.done(near.take(), 3);
    near.started(near.take());
    near.failed(near.take(), new Error('boom'));
    expect(told(future)).toEqual([
      'deps.met: pending → queued',
      'task.routed: queued → queued',
      'try.started: queued → running',
      'try.failed: running → deciding',
      'retry.decided: deciding → retrying',
    ]);
    const [met, routed, , failed] = future.story();
    expect(met).toMatchObject({ taskId: 't2', atMs: 7 });
    expect(routed).toMatchObject({ causeId: met?.seq, event: { type: 'task.routed', executor: 'near', policy: 'leastLoaded' } });
    expect(failed).toMatchObject({ causeId: 0, event: { failure: { kind: 'app', message: 'boom', worker: '1' } } });
  });

  it('of a live task keeps its last 64 steps', async () => {
    const { troupe, near, clock } = await stage({ policies: { retry: retry.fixed(100) } });
    const future = troupe.run(add, 1, 2);
    for (let tries = 0; tries < 40; tries++) {
      near.failed(near.take());
      clock.increment(1);
    }
    const story = future.story();
    expect(story).toHaveLength(64);
    expect(story.at(-1)).toMatchObject({ type: 'task.routed', event: { tryIndex: 40 } });
    expect(story.map(({ seq }) => seq)).toEqual(story.map(({ seq }) => seq).toSorted((a, b) => a - b));
  });

  it('of a settled task is what its digest has', async () => {
    const { troupe, near, clock } = await stage({ policies: {} });
    const future = troupe.run(add, 1, 2);
    clock.increment(5);
    near.started(near.take());
    clock.increment(6);
    near.failed(near.take(), new Error('boom'));
    await read(future);
    expect(told(future)).toEqual(['task.submitted:  → pending', 'try.started: queued → running', 'task.settled: running → failed']);
    expect(future.story().map(({ atMs }) => atMs)).toEqual([0, 5, 11]);
    expect(future.story()[1]?.event).toEqual({ type: 'try.started', host: 'here', worker: '1', executor: 'near', tryIndex: 0 });
    expect(future.story()[2]?.event).toMatchObject({ tries: 1, failure: { kind: 'app', message: 'boom' } });
  });

  it('of a task that settled long ago says what to set', async () => {
    const { troupe, near, clock } = await stage();
    const one = (): Future<number> => {
      const future = troupe.run(add.with({ executors: ['near'] }), 1, 2);
      near.done(near.take(), 3);
      return future;
    };
    const future = one();
    for (let i = 1; i < KEPT_DIGESTS; i++) one();
    expect(told(future)).toHaveLength(2);
    one();
    clock.increment(1);
    const hint =
      "only the last 10000 settled tasks are remembered; to keep every story, start the troupe with runDir: '<folder>' and log: 'full'";
    expect(future.story()).toEqual([
      {
        seq: 0,
        atMs: 1,
        type: 'story.forgotten',
        taskId: 't1',
        from: 'done',
        to: 'done',
        causeId: 0,
        event: { type: 'story.forgotten', hint },
      },
    ]);
  });

  it('that is forgotten says where it is, when it is anywhere', () => {
    const hint = (runDir: string, log: 'summary' | 'full'): unknown => forgottenStory('t1', 'done', 1, { runDir, log })[0]?.event;
    expect(hint('/runs/1', 'summary')).toMatchObject({ hint: expect.stringMatching(/start the troupe with log: 'full'$/) as string });
    expect(hint('/runs/1', 'full')).toMatchObject({
      hint: expect.stringContaining("storyOf(readLog('/runs/1'), 't1') of troupe/monitoring") as string,
    });
  });

  it('of any task of a run is in its log', async () => {
    const runDir = tempFolder();
    const { troupe, near } = await stage({ runDir, log: 'full' });
    const future = troupe.run(add, 1, 2);
    const live = future.story();
    near.done(near.take(), 3);
    await future;
    await troupe.close();
    const story = await storyOf(readLog(runDir), 't1');
    expect(story.slice(0, -1)).toEqual(live);
    expect(story.map(({ type, to }) => `${type} → ${to}`)).toEqual(['deps.met → queued', 'task.routed → queued', 'try.done → done']);
  });
});
