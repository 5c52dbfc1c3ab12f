/** What the machine of a task is made of: what it reaches, that it is flat and pure, and what may be replaced in it. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createActor, type SnapshotFrom } from 'xstate';
import { adjacencyMapToArray, getAdjacencyMap, getShortestPaths } from 'xstate/graph';

import { settledStates } from '../../src/machines/model/states.ts';
import type { TaskEvent } from '../../src/machines/model/task.ts';
import { taskMachine, taskPluggable } from '../../src/machines/task.ts';
import { taskEvent } from '../support/arbitraries.ts';
import { at, input, isSerialisable, notFlat, statesOf, step, taskEvents as events } from '../support/machines.ts';

describe('the machine', () => {
  const finite: readonly TaskEvent[] = [
    ...Object.values(events),
    { type: 'timer.fired', timer: 'backoff', tryIndex: 0 },
    { type: 'timer.fired', timer: 'grace', tryIndex: 0 },
    { ...events['deps.failed'], run: true },
    { ...events['retry.decided'], decision: { again: false } },
    { ...events['try.done'], tryIndex: 1 },
  ];
  const options = {
    input: { ...input, retries: 1 },
    events: finite,
    limit: 100_000,
    serializeState: ({ value, context }: SnapshotFrom<typeof taskMachine>) => JSON.stringify([value, context]),
  };

  it('reaches every state, on a path of at most seven events', () => {
    const lengths = new Map<string, number>();
    for (const { state, steps } of getShortestPaths(taskMachine, options))
      lengths.set(state.value, Math.min(lengths.get(state.value) ?? 99, steps.length));
    expect([...lengths.keys()].toSorted()).toEqual(
      statesOf(taskMachine)
        .map(({ name }) => name)
        .toSorted(),
    );
    expect(Math.max(...lengths.values())).toBeLessThanOrEqual(7);
  });

  it('goes from each state to these, and stays serialisable on the way', () => {
    const ways = new Map<string, Set<string>>();
    for (const { state, nextState } of adjacencyMapToArray(getAdjacencyMap(taskMachine, options))) {
      expect(isSerialisable(nextState)).toBe(true);
      if (nextState.value !== state.value) ways.set(state.value, (ways.get(state.value) ?? new Set()).add(nextState.value));
    }
    expect(Object.fromEntries([...ways].map(([from, to]) => [from, [...to].toSorted().join(' ')]))).toEqual({
      pending: 'cancelled depFailed queued',
      queued: 'cancelled deciding done launched running',
      launched: 'deciding done running stopping',
      running: 'deciding done joining stopping',
      joining: 'cancelled done failed',
      stopping: 'cancelled deciding',
      deciding: 'cancelled failed retrying',
      retrying: 'cancelled queued',
    });
  });

  it('describes each of its states', () => {
    expect(statesOf(taskMachine).filter(({ description = '' }) => description.length < 15)).toEqual([]);
    expect(taskMachine.config.description).toMatch(/^One task/);
  });

  it('has final states that are settled, and no way out of them', () => {
    const final = statesOf(taskMachine).filter(({ type }) => type === 'final');
    expect(final.map(({ name }) => name).toSorted()).toEqual([...settledStates].toSorted());
    expect(final.flatMap(({ events: own }) => own)).toEqual([]);
    for (const { name } of statesOf(taskMachine)) expect(at(name).hasTag('settled')).toBe(settledStates.some((state) => state === name));
  });

  it('is flat: no nesting, history, invoke, spawn, after or always', () => {
    expect(notFlat(taskMachine)).toEqual([]);
  });

  it('lets policies replace what reads their answer, and nothing else', () => {
    expect({
      guards: Object.keys(taskPluggable.guards),
      actions: Object.keys(taskPluggable.actions),
      delays: Object.keys(taskPluggable.delays),
    }).toEqual({
      guards: ['shouldRetry', 'shouldRunAnyway'],
      actions: ['applyPlacement'],
      delays: ['backoff'],
    });
  });

  it('is pure: without an actor it goes through the same states, contexts and effects', () => {
    fc.assert(
      fc.property(fc.array(taskEvent, { maxLength: 30 }), (sequence) => {
        const told: string[] = [];
        const effects = Object.entries(taskMachine.implementations.actions).filter(([, action]) => !('type' in (action as object)));
        const recording = taskMachine.provide({
          actions: Object.fromEntries(effects.map(([name]) => [name, () => void told.push(name)])) as never,
        });
        const actor = createActor(recording, { input: { ...input, retries: 2 } }).start();
        let pure = actor.getSnapshot();
        for (const event of sequence) {
          if (pure.status !== 'active') break;
          told.length = 0;
          actor.send(event);
          const after = step(recording, pure, event);
          pure = after.snapshot;
          expect([pure.value, pure.context, pure.status]).toEqual([
            actor.getSnapshot().value,
            actor.getSnapshot().context,
            actor.getSnapshot().status,
          ]);
          expect(after.effects).toEqual(told);
          expect(isSerialisable(pure)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
