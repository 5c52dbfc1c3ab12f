/** The machine of the graph as a whole: every event in every state, its guards, what it counts, what it reaches. */
import { describe, expect, it } from 'vitest';
import { createActor, type SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

import { dataflowMachine, type DataflowContext, type DataflowEvent } from '../../src/machines/dataflow.ts';
import { noCounts, settledStates, type DataflowState } from '../../src/machines/model/states.ts';
import { isSerialisable, next, notFlat, snapshotAt, statesOf, step } from '../support/machines.ts';

const inState = (state: DataflowState, context: Partial<DataflowContext> = {}): SnapshotFrom<typeof dataflowMachine> =>
  snapshotAt(dataflowMachine, state, { live: 2, settled: noCounts, ...context });

const submitted: DataflowEvent = { type: 'task.submitted', taskId: 't1', name: 'simulate', kind: 'function', waits: 0 };
const settled: DataflowEvent = { type: 'task.settled', taskId: 't1', state: 'done', tries: 1 };
const inputSettled: DataflowEvent = { type: 'input.settled', inputId: 'p1', ok: true };
const closeAndWait: DataflowEvent = { type: 'dataflow.close', pending: 'wait' };
const closeAndCancel: DataflowEvent = { type: 'dataflow.close', pending: 'cancel' };
const broken: DataflowEvent = { type: 'actor.failed', actorId: 't1', message: 'boom' };
const all = [submitted, settled, inputSettled, closeAndWait, closeAndCancel, broken] as const;

describe('a dataflow', () => {
  it.each([
    // state, live tasks, event → state, effects
    ['open', 0, submitted, 'open', ['admit']],
    ['open', 2, settled, 'open', ['release']],
    ['open', 1, settled, 'open', ['release', 'announceIdle']],
    ['open', 2, inputSettled, 'open', ['releaseInput']],
    ['open', 2, broken, 'open', ['settleBroken']],
    ['open', 0, closeAndWait, 'closed', ['announceClosed']],
    ['open', 0, closeAndCancel, 'closed', ['announceClosed']],
    ['open', 2, closeAndWait, 'draining', []],
    ['open', 2, closeAndCancel, 'cancelling', ['cancelAll']],
    ['draining', 2, submitted, 'draining', ['admit']],
    ['draining', 2, settled, 'draining', ['release']],
    ['draining', 1, settled, 'closed', ['release', 'announceIdle', 'announceClosed']],
    ['draining', 2, inputSettled, 'draining', ['releaseInput']],
    ['draining', 2, broken, 'draining', ['settleBroken']],
    ['draining', 2, closeAndWait, 'draining', []],
    ['draining', 2, closeAndCancel, 'cancelling', ['cancelAll']],
    ['cancelling', 2, submitted, 'cancelling', ['admit', 'cancelSubmitted']],
    ['cancelling', 2, settled, 'cancelling', ['release']],
    ['cancelling', 1, settled, 'closed', ['release', 'announceIdle', 'announceClosed']],
    ['cancelling', 2, inputSettled, 'cancelling', ['releaseInput']],
    ['cancelling', 2, broken, 'cancelling', ['settleBroken']],
    ['cancelling', 2, closeAndWait, 'cancelling', []],
    ['cancelling', 2, closeAndCancel, 'cancelling', []],
  ] as const)('%s with %i tasks + %o → %s', (from, live, event, to, effects) => {
    const { snapshot, effects: asked } = step(dataflowMachine, inState(from, { live }), event);
    expect(snapshot.value).toBe(to);
    expect(asked).toEqual(effects);
  });

  it('has an answer above for each event in each state that can be left', () => {
    const open = statesOf(dataflowMachine).filter(({ type }) => type !== 'final');
    expect(open.length * all.length).toBe(18);
  });

  it('counts tasks when they come, and when they settle by the state that they settle in', () => {
    expect(next(dataflowMachine, inState('open', { live: 0 }), submitted).context).toEqual({ live: 1, settled: noCounts });
    for (const state of settledStates) {
      const { context } = next(dataflowMachine, inState('open'), { type: 'task.settled', taskId: 't1', state, tries: 1 });
      expect(context).toEqual({ live: 1, settled: { ...noCounts, [state]: 1 } });
    }
  });

  it('counts before it releases, so that what is released finds the counts right', () => {
    const seen: number[] = [];
    const actor = createActor(dataflowMachine.provide({ actions: { release: ({ context }) => void seen.push(context.live) } })).start();
    for (const event of [submitted, submitted, settled, settled]) actor.send(event);
    expect(seen).toEqual([1, 0]);
  });

  it('takes nothing more once it is closed', () => {
    for (const event of all) expect(next(dataflowMachine, inState('closed', { live: 0 }), event).value).toBe('closed');
    const actor = createActor(dataflowMachine).start();
    actor.send(closeAndWait);
    expect(actor.getSnapshot().status).toBe('done'); // what XState sends no further events to
  });

  it('reaches every state', () => {
    const paths = getShortestPaths(dataflowMachine, {
      events: [...all],
      // tasks that settle have been submitted
      filterEvents: ({ context }, { type }) => (type === 'task.settled' ? context.live > 0 : type !== 'task.submitted' || context.live < 3),
      serializeState: ({ value, context }) => `${value} ${context.live}`,
    });
    expect([...new Set(paths.map(({ state }) => String(state.value)))].toSorted()).toEqual(
      statesOf(dataflowMachine)
        .map(({ name }) => name)
        .toSorted(),
    );
    expect(paths.every(({ state }) => isSerialisable(state) && state.context.live >= 0)).toBe(true);
  });

  it('describes each of its states, has one way to end, and is flat', () => {
    expect(statesOf(dataflowMachine).filter(({ description = '' }) => description.length < 15)).toEqual([]);
    expect(statesOf(dataflowMachine).filter(({ type }) => type === 'final')).toMatchObject([{ name: 'closed', events: [] }]);
    expect(notFlat(dataflowMachine)).toEqual([]);
  });
});
