/** The actor system: what is posted is taken in order, one macrostep at a time, and nothing vanishes unseen. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { assign, setup, SimulatedClock } from 'xstate';

import { InternalError, task, Troupe } from '../../src/index.ts';
import { actorSystem, type ActorSystem, type DeadLetter, type Step } from '../../src/actors/spawn.ts';
import type { Clock } from '../../src/actors/timers.ts';
import { manualExecutor } from '../support/manual-executor.ts';

type Told = { readonly type: 'ping'; readonly n: number } | { readonly type: 'end' } | { readonly type: 'crash' };

/** Counts pings, ends when told to, and fails when told to. */
const counter = (onPing: (n: number) => void = () => {}) =>
  setup({
    types: { context: {}, events: {} } as { context: { readonly pings: number }; events: Told },
    actions: {
      count: assign({ pings: ({ context }) => context.pings + 1 }),
      tell: (_, { n }: { n: number }) => onPing(n),
      fail() {
        throw new Error('an effect failed');
      },
    },
  }).createMachine({
    id: 'counter',
    context: { pings: 0 },
    initial: 'idle',
    states: {
      idle: {
        on: {
          ping: { actions: ['count', { type: 'tell', params: ({ event }) => ({ n: event.n }) }] },
          crash: { actions: 'fail' },
          end: 'over',
        },
      },
      over: { type: 'final' },
    },
  });

function watched(): {
  readonly system: ActorSystem;
  readonly steps: Step[];
  readonly letters: DeadLetter[];
  readonly errors: { readonly actorId: string; readonly error: unknown }[];
} {
  const steps: Step[] = [];
  const letters: DeadLetter[] = [];
  const errors: { readonly actorId: string; readonly error: unknown }[] = [];
  const system = actorSystem({
    onStep: (step) => steps.push(step),
    onDeadLetter: (letter) => letters.push(letter),
    onError: (actorId, error) => errors.push({ actorId, error }),
  });
  return { system, steps, letters, errors };
}

describe('the actor system', () => {
  it('delivers what effects post after the macrostep that posts it, in order', () => {
    const { system, steps } = watched();
    const taken: string[] = [];
    const other = system.spawn(
      counter((n) => taken.push(`other ${n}`)),
      { id: 'other', input: undefined },
    );
    const one = system.spawn(
      counter((n) => {
        taken.push(`one ${n}`);
        if (n !== 0) return;
        system.post(other, { type: 'ping', n: 1 });
        system.post(one, { type: 'ping', n: 2 });
        system.post(other, { type: 'ping', n: 3 });
        taken.push('posted');
      }),
      { id: 'one', input: undefined },
    );
    system.post(one, { type: 'ping', n: 0 });
    expect(taken).toEqual(['one 0', 'posted', 'other 1', 'one 2', 'other 3']);
    expect(steps.map(({ seq, causeId, actorId }) => [seq, causeId, actorId])).toEqual([
      [1, 0, 'one'],
      [2, 1, 'other'],
      [3, 1, 'one'],
      [4, 1, 'other'],
    ]);
    system.post(other, { type: 'ping', n: 4 });
    expect(steps.at(-1)).toMatchObject({ seq: 5, causeId: 0, from: 'idle', to: 'idle', event: { type: 'ping' } });
  });

  it('posts what is sent to an actor directly, so that no step goes unseen', () => {
    const { system, steps } = watched();
    const one = system.spawn(counter(), { id: 'one', input: undefined });
    one.send({ type: 'ping', n: 1 });
    expect(one.getSnapshot().context.pings).toBe(1);
    expect(steps).toHaveLength(1);
  });

  it('takes a chain of 100,000 posts without recursion', () => {
    const { system, steps } = watched();
    const one = system.spawn(
      counter((n) => {
        if (n > 1) system.post(one, { type: 'ping', n: n - 1 });
      }),
      { id: 'one', input: undefined },
    );
    system.post(one, { type: 'ping', n: 100_000 });
    expect(one.getSnapshot().context.pings).toBe(100_000);
    expect(steps.at(-1)).toMatchObject({ seq: 100_000, causeId: 99_999 });
  });

  it('runs what was asked for after a step before the next event is taken', () => {
    const { system } = watched();
    const taken: string[] = [];
    const one = system.spawn(
      counter((n) => {
        taken.push(`ping ${n}`);
        if (n !== 1) return;
        system.post(one, { type: 'ping', n: 2 });
        system.afterStep(() => taken.push('after'));
      }),
      { id: 'one', input: undefined },
    );
    system.post(one, { type: 'ping', n: 1 });
    expect(taken).toEqual(['ping 1', 'after', 'ping 2']);
    system.afterStep(() => taken.push('at once'));
    expect(taken.at(-1)).toBe('at once');
  });

  it('makes an event to an actor that has ended a dead letter', () => {
    const { system, letters, steps } = watched();
    const one = system.spawn(counter(), { id: 'one', input: undefined });
    system.post(one, { type: 'end' });
    expect(system.live.size).toBe(0);
    system.post(one, { type: 'ping', n: 1 });
    expect(letters).toEqual([{ seq: 2, causeId: 0, actorId: 'one', event: { type: 'ping', n: 1 } }]);
    expect(steps).toHaveLength(1);
  });

  it('reports an actor that throws, and goes on with the others', () => {
    const { system, errors, letters } = watched();
    const taken: number[] = [];
    const root = system.spawn(counter(), { id: 'root', input: undefined });
    const parent = system.supervisor('children', root);
    const one = system.spawn(counter(), { id: 'one', input: undefined, parent });
    const other = system.spawn(
      counter((n) => {
        taken.push(n);
        if (n === 1) for (const event of [{ type: 'crash' }, { type: 'ping', n: 5 }] as const) system.post(one, event);
        if (n === 1) system.post(other, { type: 'ping', n: 2 });
      }),
      { id: 'other', input: undefined, parent },
    );
    system.post(other, { type: 'ping', n: 1 });
    expect(errors).toMatchObject([{ actorId: 'one', error: { message: 'an effect failed' } }]);
    expect(letters).toHaveLength(1);
    expect(taken).toEqual([1, 2]);
    expect([...system.live].toSorted()).toEqual(['other', 'root']);
  });

  it('loses no event when what runs after a step throws', () => {
    const { system, errors } = watched();
    const taken: number[] = [];
    const one = system.spawn(
      counter((n) => {
        taken.push(n);
        if (n !== 1) return;
        for (const next of [2, 3]) system.post(one, { type: 'ping', n: next });
        system.afterStep(() => {
          throw new Error('after the step');
        });
      }),
      { id: 'one', input: undefined },
    );
    system.post(one, { type: 'ping', n: 1 });
    expect(taken).toEqual([1, 2, 3]);
    expect(errors).toMatchObject([{ error: { message: 'after the step' } }]);
    system.post(one, { type: 'ping', n: 4 });
    expect(taken).toEqual([1, 2, 3, 4]);
  });

  it('stops a child, which XState offers no public way to do', () => {
    const { system, letters } = watched();
    const root = system.spawn(counter(), { id: 'root', input: undefined });
    const child = system.spawn(counter(), { id: 'child', input: undefined, parent: root });
    // what `actors/spawn.ts` relies on, and why
    expect(() => child.stop()).toThrow(/non-root actor/);
    expect((child as unknown as { _stop: unknown })._stop).toBeTypeOf('function');
    system.stop(child);
    expect(child.getSnapshot().status).toBe('stopped');
    expect(root.getSnapshot().status).toBe('active');
    expect([...system.live]).toEqual(['root']);
    system.post(child, { type: 'ping', n: 1 });
    expect(letters).toHaveLength(1);
    // its name is free again
    expect(system.spawn(counter(), { id: 'child', input: undefined, parent: root }).getSnapshot().status).toBe('active');
  });

  it('stops a child in the middle of a step of another', () => {
    const { system, steps } = watched();
    const root = system.spawn(counter(), { id: 'root', input: undefined });
    const child = system.spawn(counter(), { id: 'child', input: undefined, parent: root });
    const other = system.spawn(
      counter(() => system.stop(child)),
      { id: 'other', input: undefined, parent: root },
    );
    system.post(other, { type: 'ping', n: 1 });
    expect(child.getSnapshot().status).toBe('stopped');
    expect(other.getSnapshot().context.pings).toBe(1);
    expect(steps).toHaveLength(1);
  });

  it('refuses two live actors of one name', () => {
    const { system } = watched();
    system.spawn(counter(), { id: 'one', input: undefined });
    expect(() => system.spawn(counter(), { id: 'one', input: undefined })).toThrow(/named one/);
  });

  it('shares clock and inspection with the children', () => {
    const clock = new SimulatedClock();
    const inspected = new Set<string>();
    const watch = { onStep() {}, onDeadLetter() {}, onError() {} };
    const system = actorSystem(watch, {
      clock,
      inspect: ({ actorRef }) => inspected.add((actorRef as unknown as { readonly id: string }).id),
    });
    const root = system.spawn(counter(), { id: 'root', input: undefined });
    const child = system.spawn(counter(), { id: 'child', input: undefined, parent: system.supervisor('children', root) });
    expect(child.clock).toBe(clock);
    expect([...inspected]).toEqual(expect.arrayContaining(['root', 'child']));
  });
});

describe('an actor that fails within a troupe', () => {
  const work = task(import.meta, 'work', (n: number) => n);

  /** A clock that refuses timers of this length: the effect of the actor that asks for one throws. */
  function brokenClock(ms: number): Clock {
    const clock = new SimulatedClock();
    return {
      now: () => clock.now(),
      setTimeout(fn, delayMs) {
        if (delayMs === ms) throw new Error('out of timers');
        return clock.setTimeout(fn, delayMs);
      },
      clearTimeout: (id) => clock.clearTimeout(id),
    };
  }

  it('settles what it owed with an InternalError, its dependents, and nothing else', async () => {
    const executor = manualExecutor();
    const troupe = await Troupe.start({ executors: [executor], clock: brokenClock(77), signals: false });
    const failed: string[] = [];
    let digests = 0;
    troupe.on('actor.failed', ({ actorId }) => failed.push(actorId));
    troupe.on('task.settled', () => digests++);
    const broken = troupe.run(work.with({ timeLimitMs: 77 }), 1);
    const dependent = troupe.run(work, broken);
    const other = troupe.run(work, 2);
    const [first, second] = executor.held;
    if (first === undefined || second === undefined) throw new Error('not submitted');
    executor.started(first);
    expect(failed).toEqual([broken.id]);
    await expect(broken).rejects.toThrow(InternalError);
    await expect(broken).rejects.toThrow(/out of timers/);
    await expect(dependent).rejects.toMatchObject({ name: 'DependencyError', cause: expect.any(InternalError) as unknown });
    expect(broken.failure).toMatchObject({ kind: 'internal' });
    // its try was told to stop, and what it still says is late
    expect(executor.stopping).toEqual([{ taskId: broken.id, tryIndex: 0 }]);
    executor.done(first, 'too late');
    executor.done(second, 2);
    expect(await other).toBe(2);
    expect(await troupe.close()).toEqual({ done: 1, failed: 1, depFailed: 1, cancelled: 0 });
    expect(troupe.snapshot()).toMatchObject({ actors: 0, timers: 0 });
    expect(digests).toBe(3);
  });
});

describe('the development build of XState', () => {
  const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
  /** Runs a program against the build that warns. */
  function said(program: string): string {
    const args = ['--conditions=development', '--import', 'tsx', '--input-type=module', '-e', program];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: new URL('../..', import.meta.url), encoding: 'utf8' });
    return `${stdout}${stderr}${status === 0 ? '' : `exit ${status}`}`;
  }

  it('has nothing to say about a run with joins, retries, limits, cancellation and a broken actor', () => {
    const program = `
      import { join, task, Troupe } from ${source('index.ts')};
      import { inline } from ${source('api/executors.ts')};
      import { retry } from ${source('api/policies.ts')};
      const add = task(import.meta, 'add', (a, b) => a + b);
      const fail = task(import.meta, 'fail', () => { throw new Error('on purpose'); });
      const wait = task(import.meta, 'wait', (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref()));
      const fan = join(import.meta, 'fan', (n) => Array.from({ length: n }, (_, i) => add(i, add(i, 1))));
      const troupe = await Troupe.start({ executors: [inline({ workers: 2 })], stopGraceMs: 1, policies: { retry: retry.fixed(1) } });
      const cancelled = wait(60_000);
      const all = [fan(5), fan(fan(1).at(0)), fail(), add(fail(), 1), wait.with({ timeLimitMs: 5, retries: 0 })(60_000), cancelled];
      setTimeout(() => cancelled.cancel('enough'), 5);
      const states = (await Promise.allSettled(all)).map(({ status }) => status);
      console.log(states.join(' '), JSON.stringify(await troupe.close()), import.meta.resolve('xstate').includes('development'));
    `;
    expect(said(program)).toBe(
      'fulfilled fulfilled rejected rejected rejected rejected {"done":17,"failed":3,"depFailed":1,"cancelled":1} true\n',
    );
  });

  it('would have', () => {
    const program = `
      import { createActor, createMachine, sendTo } from 'xstate';
      createActor(createMachine({ entry: () => sendTo('x', { type: 'y' }) })).start();
    `;
    expect(said(program)).toContain('Custom actions should not call');
  });
});
