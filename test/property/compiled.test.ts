/** A compiled machine means what XState makes of the same machine: states, contexts, and effects in their order. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign, createActor, setup, type AnyStateMachine, type EventObject } from 'xstate';

import { compiled } from '../../src/machines/compiled.ts';
import { dataflowMachine } from '../../src/machines/dataflow.ts';
import { executorMachine } from '../../src/machines/executor.ts';
import { budgets, type FailureKind } from '../../src/machines/model/failures.ts';
import { taskMachine } from '../../src/machines/task.ts';
import { troupeMachine } from '../../src/machines/troupe.ts';

const tryIndex = fc.nat(2);
const failure = fc.record({
  kind: fc.constantFrom(...(Object.keys(budgets) as FailureKind[])),
  name: fc.constant('Error'),
  message: fc.constant('boom'),
  tryIndex,
  worker: fc.constantFrom('1', '2', '3'),
});
const decision = fc.oneof(
  fc.record({ again: fc.constant(false) }),
  fc.record(
    {
      again: fc.constant(true),
      afterMs: fc.nat(100),
      executor: fc.constantFrom('a', 'b'),
      cost: fc.constantFrom(-1, 0, 0.5, 1),
      resources: fc.record({ cores: fc.nat(4) }),
    },
    { requiredKeys: ['again'] },
  ),
);
const of = <T extends string>(type: T, fields: Record<string, fc.Arbitrary<unknown>> = {}) =>
  fc.record({ type: fc.constant(type), ...fields });

const taskEvents = fc.oneof(
  of('deps.met'),
  of('deps.failed', { failure, run: fc.boolean(), policy: fc.constant('p') }),
  of('task.routed', { tryIndex, executor: fc.constantFrom('a', 'b'), policy: fc.constant('p') }),
  of('try.launched', { tryIndex }),
  of('try.started', { tryIndex }),
  of('try.done', { tryIndex, bytes: fc.nat() }),
  of('try.joining', { tryIndex, waits: fc.nat(3) }),
  of('try.failed', { tryIndex, failure }),
  of('try.stopped', { tryIndex }),
  of('join.done', { bytes: fc.nat() }),
  of('join.failed', { failure }),
  of('retry.decided', { tryIndex, decision, policy: fc.constant('p') }),
  of('timer.fired', { tryIndex, timer: fc.constantFrom('backoff', 'limit', 'grace') }),
  of('task.cancel'),
  of('nonsense'),
);
const dataflowEvents = fc.oneof(
  of('task.submitted', { taskId: fc.constant('t1') }),
  of('task.settled', { taskId: fc.constant('t1'), state: fc.constantFrom('done', 'failed', 'depFailed', 'cancelled') }),
  of('input.settled', { inputId: fc.constant('p1'), ok: fc.boolean() }),
  of('dataflow.close', { pending: fc.constantFrom('wait', 'cancel') }),
  of('actor.failed', { actorId: fc.constant('t1'), message: fc.constant('boom') }),
);
const executorEvents = fc.oneof(
  of('executor.started'),
  of('executor.failed', { message: fc.string() }),
  of('executor.degraded', { message: fc.string() }),
  of('executor.restored'),
  of('executor.recover'),
  of('executor.drain'),
  of('executor.closed'),
);

const input = { taskId: 't1', name: 'simulate', kind: 'function', retries: 2, resources: {}, timeLimitMs: 50 };
const machines: readonly (readonly [string, AnyStateMachine, fc.Arbitrary<EventObject>, unknown])[] = [
  ['task', taskMachine, taskEvents, input],
  ['dataflow', dataflowMachine, dataflowEvents, undefined],
  ['executor', executorMachine, executorEvents, { label: 'here', kind: 'threads' }],
];

/** The machine with each effect replaced by one that writes down what it saw. */
function recording(machine: AnyStateMachine): { readonly machine: AnyStateMachine; readonly seen: unknown[] } {
  const seen: unknown[] = [];
  const effects = Object.entries(machine.implementations.actions).filter(([, action]) => (action as { type?: string }).type === undefined);
  const actions = Object.fromEntries(
    effects.map(([name]) => [
      name,
      ({ context, event }: { context: unknown; event: unknown }, params: unknown) => void seen.push([name, context, event, params]),
    ]),
  );
  return { machine: machine.provide({ actions } as never), seen };
}

describe('a compiled machine', () => {
  it.each(machines)('follows XState for %s under any sequence of events', (_, machine, event, given) => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 25 }), (events) => {
        const [slow, fast] = [recording(machine), recording(machine)];
        const actors = [
          createActor(slow.machine, { input: given } as never),
          createActor(compiled(fast.machine), { input: given } as never),
        ] as const;
        for (const actor of actors) actor.start();
        for (const next of events) {
          for (const actor of actors) actor.send(next);
          const [expected, got] = actors.map((actor) => actor.getSnapshot() as { value: unknown; context: unknown; status: string });
          expect({ value: got?.value, context: got?.context, status: got?.status }).toEqual({
            value: expected?.value,
            context: expected?.context,
            status: expected?.status,
          });
          expect(fast.seen).toEqual(slow.seen);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('says what it may be told, carries tags, and survives being saved', () => {
    const actor = createActor(compiled(taskMachine), { input: input as never }).start();
    const snapshot = actor.getSnapshot();
    expect(snapshot.can({ type: 'deps.met' })).toBe(true);
    expect(snapshot.can({ type: 'join.done', bytes: 0 })).toBe(false);
    expect(snapshot.matches('pending')).toBe(true);
    actor.send({ type: 'task.cancel' });
    expect(actor.getSnapshot().hasTag('settled')).toBe(true);
    const saved = JSON.parse(JSON.stringify(snapshot)) as never;
    const again = createActor(compiled(taskMachine), { snapshot: saved, input: input as never }).start();
    again.send({ type: 'deps.met' });
    expect(again.getSnapshot().value).toBe('queued');
  });

  it('refuses what is not flat', () => {
    const nested = setup({}).createMachine({ id: 'deep', initial: 'a', states: { a: { initial: 'b', states: { b: {} } } } });
    const delayed = setup({}).createMachine({ id: 'late', initial: 'a', states: { a: { after: { 10: 'b' } }, b: {} } });
    const inline = setup({ actions: { x: assign({}) } }).createMachine({
      id: 'inline',
      initial: 'a',
      states: { a: { on: { go: { guard: () => true, target: 'b' } } }, b: {} },
    });
    expect(() => compiled(nested)).toThrow(/deep\.a has states: only flat machines/);
    expect(() => compiled(delayed)).toThrow(/late\.a has after/);
    expect(() => compiled(inline)).toThrow(/inline guard/);
    expect(() => compiled(troupeMachine)).not.toThrow();
  });
});
