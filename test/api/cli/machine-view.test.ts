/** Machines as data: everything that the objects say, and nothing that they do not. */
import { describe, expect, it } from 'vitest';
import { assign, setup } from 'xstate';

import { machines, machineView } from '../../../src/api/cli/machine-view.ts';
import { dataflowMachine, executorMachine, taskMachine, troupeMachine } from '../../../src/api/machines.ts';
import { statesOf } from '../../support/machines.ts';

const lamp = setup({
  guards: { isWhole: () => true },
  actions: { count: assign({ presses: ({ context }) => Number(context['presses']) + 1 }), click: (_, _params: { loud: boolean }) => {} },
  delays: { cooling: 100 },
}).createMachine({
  id: 'lamp',
  description: 'A lamp.',
  context: { presses: 0 },
  initial: 'off',
  on: { break: '.broken' },
  states: {
    off: {
      description: 'Dark.',
      on: {
        press: [{ guard: 'isWhole', target: 'on', actions: ['count', { type: 'click', params: { loud: true } }] }, { actions: 'count' }],
      },
    },
    on: { description: 'Light.', tags: 'bright', entry: 'count', exit: 'count', on: { press: { guard: () => true, target: 'off' } } },
    broken: { type: 'final' },
  },
});

describe('a machine as data', () => {
  it('has its states, transitions in order, and members', () => {
    expect(machineView(lamp, { guards: { isWhole: { policy: 'retry' } } })).toEqual({
      name: 'lamp',
      description: 'A lamp.',
      initial: 'off',
      states: [
        {
          name: 'off',
          description: 'Dark.',
          final: false,
          tags: [],
          entry: [],
          exit: [],
          transitions: [
            { event: 'press', guard: 'isWhole', target: 'on', actions: ['count', 'click'] },
            { event: 'press', guard: null, target: null, actions: ['count'] },
          ],
        },
        {
          name: 'on',
          description: 'Light.',
          final: false,
          tags: ['bright'],
          entry: ['count'],
          exit: ['count'],
          transitions: [{ event: 'press', guard: 'guard', target: 'off', actions: [] }],
        },
        { name: 'broken', description: '', final: true, tags: [], entry: [], exit: [], transitions: [] },
      ],
      anyState: [{ event: 'break', guard: null, target: 'broken', actions: [] }],
      events: ['press', 'break'],
      members: [
        { kind: 'guard', name: 'isWhole', does: 'condition', pluggable: { policy: 'retry', builtIn: 'fixed(0)' } },
        { kind: 'action', name: 'count', does: 'assignment', pluggable: null },
        { kind: 'action', name: 'click', does: 'effect', pluggable: null },
        { kind: 'delay', name: 'cooling', does: 'delay', pluggable: null },
      ],
    });
  });
});

describe('the published machines', () => {
  it('are all there', () => {
    expect([...machines().keys()].toSorted()).toEqual([
      'block',
      'connection',
      'dataflow',
      'executor',
      'interchange',
      'manager',
      'pool',
      'provider',
      'scaling',
      'task',
      'troupe',
      'work',
      'worker',
    ]);
  });

  it.each([taskMachine, dataflowMachine, executorMachine, troupeMachine].map((machine) => [machine.id, machine] as const))(
    '%s is shown whole',
    (name, machine) => {
      const view = machines().get(name);
      expect(view?.states.map((state) => [state.name, state.description])).toEqual(
        statesOf(machine).map((state) => [state.name, state.description]),
      );
      expect(view?.states.map((state) => [...new Set(state.transitions.map(({ event }) => event))])).toEqual(
        statesOf(machine).map(({ events }) => events),
      );
      expect(view?.members.map((member) => member.name)).toEqual(
        ['guards', 'actions', 'delays'].flatMap((kind) => Object.keys(machine.implementations[kind as 'guards'])),
      );
      expect(JSON.parse(JSON.stringify(view))).toEqual(view);
      expect(view?.description).not.toBe('');
    },
  );

  it('say what may be replaced, with the built-in', () => {
    const open = [...machines().values()].flatMap(({ name, members }) =>
      members.flatMap((member) =>
        member.pluggable === null ? [] : [[name, member.kind, member.name, member.pluggable.policy, member.pluggable.builtIn]],
      ),
    );
    expect(open).toEqual([
      ['task', 'guard', 'shouldRetry', 'retry', 'fixed(0)'],
      ['task', 'guard', 'shouldRunAnyway', 'dependency', 'fail'],
      ['task', 'action', 'applyPlacement', 'retry', 'fixed(0)'],
      ['task', 'delay', 'backoff', 'retry', 'fixed(0)'],
    ]);
  });

  it('have no member without a use, and none that is used but not named', () => {
    for (const { states, anyState, members } of machines().values()) {
      const transitions = [...states.flatMap((state) => state.transitions), ...anyState];
      const used = new Set([
        ...transitions.flatMap(({ guard, actions }) => [...(guard === null ? [] : [guard]), ...actions]),
        ...states.flatMap(({ entry, exit }) => [...entry, ...exit]),
      ]);
      const named = members.filter(({ kind }) => kind !== 'delay').map(({ name }) => name);
      expect([...used].toSorted()).toEqual(named.toSorted());
    }
  });
});
