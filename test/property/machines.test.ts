/**
 * The machine of a task against a small model of it in plain TypeScript, under any sequence of events: it settles at
 * most once, tries are numbered without a gap, no budget is ever exceeded, and a late report never moves it.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createActor, type Actor } from 'xstate';

import { budgets, type Failure } from '../../src/machines/model/failures.ts';
import type { TaskEvent } from '../../src/machines/model/task.ts';
import { taskMachine } from '../../src/machines/task.ts';
import { taskEvent } from '../support/arbitraries.ts';
import { input } from '../support/machines.ts';

/** What a task is, said again without the machine: a state, a try, what was spent. */
interface Model {
  state: string;
  tryIndex: number;
  last: Failure['kind'] | undefined;
  cost: number;
  infrastructure: number;
  readonly lost: Set<string>;
  stopped: 'cancel' | 'limit' | undefined;
  readonly retries: number;
}

const final = ['done', 'failed', 'depFailed', 'cancelled'];

function fail(model: Model, { kind, worker }: Pick<Failure, 'kind' | 'worker'>): void {
  model.last = kind;
  if (budgets[kind] === 'infrastructure') model.infrastructure++;
  if (kind === 'workerLost' && worker !== undefined) model.lost.add(worker);
}

/** True when the bounds leave room for another try. */
function hasRoom({ last, lost, cost, infrastructure, retries }: Model, price: number): boolean {
  if (last === undefined || budgets[last] === 'never' || lost.size >= 3) return false;
  return budgets[last] === 'user' ? cost + price <= retries : infrastructure <= 10;
}

/** A try that was to stop has come to an end. */
const stopEnded = (model: Model): string => (model.stopped === 'cancel' ? 'cancelled' : 'deciding');

type On = { readonly [T in TaskEvent['type']]: (model: Model, event: Extract<TaskEvent, { type: T }>) => void };
const isIn = (model: Model, ...states: readonly string[]): boolean => states.includes(model.state);
const on: On = {
  'deps.met': (model) => {
    if (isIn(model, 'pending')) model.state = 'queued';
  },
  'deps.failed': (model, { run, failure }) => {
    if (!isIn(model, 'pending')) return;
    if (!run) fail(model, failure);
    model.state = run ? 'queued' : 'depFailed';
  },
  'task.routed': () => {},
  'try.launched': (model) => {
    if (isIn(model, 'queued')) model.state = 'launched';
  },
  'try.started': (model) => {
    if (isIn(model, 'queued', 'launched')) model.state = 'running';
  },
  'try.done': (model) => {
    if (isIn(model, 'queued', 'launched', 'running')) model.state = 'done';
    else if (isIn(model, 'stopping')) model.state = stopEnded(model);
  },
  'try.joining': (model) => {
    if (isIn(model, 'running')) model.state = 'joining';
    else if (isIn(model, 'stopping')) model.state = stopEnded(model);
  },
  'try.failed': (model, { failure }) => {
    if (isIn(model, 'queued', 'launched', 'running')) {
      fail(model, failure);
      model.state = 'deciding';
    } else if (isIn(model, 'stopping')) model.state = stopEnded(model);
  },
  'try.stopped': (model) => {
    if (isIn(model, 'stopping')) model.state = stopEnded(model);
  },
  'join.done': (model) => {
    if (isIn(model, 'joining')) model.state = 'done';
  },
  'join.failed': (model, { failure }) => {
    if (!isIn(model, 'joining')) return;
    fail(model, failure);
    model.state = 'failed';
  },
  'retry.decided': (model, { decision }) => {
    if (!isIn(model, 'deciding')) return;
    const price = decision.again ? (decision.cost ?? 1) : 1;
    if (!decision.again || !hasRoom(model, price)) {
      model.state = 'failed';
      return;
    }
    if (model.last !== undefined && budgets[model.last] === 'user') model.cost += price;
    model.state = 'retrying';
  },
  'timer.fired': (model, { timer }) => {
    if (timer === 'limit' && isIn(model, 'launched', 'running')) {
      fail(model, { kind: 'timeLimit' });
      model.stopped = 'limit';
      model.state = 'stopping';
    } else if (timer === 'limit' && isIn(model, 'joining')) model.state = 'failed';
    else if (timer === 'grace' && isIn(model, 'stopping')) model.state = stopEnded(model);
    else if (timer === 'backoff' && isIn(model, 'retrying')) {
      model.state = 'queued';
      model.stopped = undefined;
      model.tryIndex++;
    }
  },
  'task.cancel': (model) => {
    if (isIn(model, 'launched', 'running', 'stopping')) {
      model.state = 'stopping';
      model.stopped = 'cancel';
    } else if (!final.includes(model.state)) model.state = 'cancelled';
  },
};

interface Real {
  readonly actor: Actor<typeof taskMachine>;
  /** States it has settled in. */
  readonly settled: string[];
}

class Told implements fc.Command<Model, Real> {
  readonly #event: TaskEvent;
  /** Half of the reports are of the current try, whichever it is: late ones are as likely. */
  readonly #isCurrent: boolean;

  constructor(event: TaskEvent, isCurrent: boolean) {
    this.#event = event;
    this.#isCurrent = isCurrent;
  }
  check = (): boolean => true;
  toString = (): string => `${JSON.stringify(this.#event)}${this.#isCurrent ? ' of the current try' : ''}`;

  run(model: Model, { actor, settled }: Real): void {
    const event = 'tryIndex' in this.#event && this.#isCurrent ? { ...this.#event, tryIndex: model.tryIndex } : this.#event;
    const before = actor.getSnapshot();
    const isOver = final.includes(model.state);
    const isLate = 'tryIndex' in event && event.type !== 'retry.decided' && event.tryIndex !== model.tryIndex;
    if (!isOver && !isLate) on[event.type](model, event as never);
    if (!isOver) actor.send(event); // the actor system does not send to what has ended

    const { value, context, status } = actor.getSnapshot();
    expect(value).toBe(model.state);
    expect(context).toMatchObject({ tryIndex: model.tryIndex, infrastructureFailures: model.infrastructure });
    expect(context.cost).toBeCloseTo(model.cost);
    expect([...context.lostWorkers].toSorted()).toEqual([...model.lost].toSorted());
    if (isLate || isOver) expect([value, context]).toEqual([before.value, before.context]);
    expect(context.tryIndex - before.context.tryIndex).toBe(before.value === 'retrying' && value === 'queued' ? 1 : 0);
    if (value === 'retrying')
      expect(context.cost <= context.retries || budgets[context.failures.at(-1)?.kind ?? 'internal'] === 'infrastructure').toBe(true);
    expect(context.infrastructureFailures).toBeLessThanOrEqual(11);
    expect(context.lostWorkers.length).toBeLessThanOrEqual(3);
    expect(settled).toEqual(final.includes(model.state) ? [model.state] : []);
    expect(status).toBe(settled.length === 1 ? 'done' : 'active');
  }
}

function started(retries: number): { readonly model: Model; readonly real: Real } {
  const settled: string[] = [];
  const machine = taskMachine.provide({ actions: { settle: (_, { state }) => void settled.push(state) } });
  const actor = createActor(machine, { input: { ...input, retries } }).start();
  return {
    model: { state: 'pending', tryIndex: 0, last: undefined, cost: 0, infrastructure: 0, lost: new Set(), stopped: undefined, retries },
    real: { actor, settled },
  };
}

it('a task follows its model under any sequence of events', () => {
  const told = fc.tuple(taskEvent, fc.boolean()).map(([event, isCurrent]) => new Told(event, isCurrent));
  // most random walks are cancelled soon: those that fail and try again are longer
  const walk = fc
    .tuple(taskEvent, fc.boolean())
    .filter(([{ type }]) => type !== 'task.cancel' && type !== 'try.done')
    .map(([event, isCurrent]) => new Told(event, isCurrent));
  fc.assert(
    fc.property(
      fc.nat(4),
      fc.oneof(fc.commands([told], { size: '+1' }), fc.commands([walk], { size: '+2', maxCommands: 120 })),
      (retries, commands) => {
        fc.modelRun(() => started(retries), commands);
      },
    ),
    { numRuns: 250 },
  );
});

it('a task that fails and fails follows its model through its tries to the end of its budget', () => {
  const failing = fc.tuple(
    taskEvent.filter(({ type }) => type === 'try.failed'),
    taskEvent.filter(({ type }) => type === 'retry.decided'),
  );
  fc.assert(
    fc.property(fc.nat(4), fc.array(failing, { minLength: 15, maxLength: 30 }), (retries, rounds) => {
      const { model, real } = started(retries);
      new Told({ type: 'deps.met' }, true).run(model, real);
      for (const [failed, decided] of rounds) {
        for (const event of [failed, decided, { type: 'timer.fired', timer: 'backoff', tryIndex: 0 } as const])
          new Told(event, true).run(model, real);
      }
      expect(model.tryIndex).toBeLessThanOrEqual(30);
    }),
    { numRuns: 150 },
  );
});
