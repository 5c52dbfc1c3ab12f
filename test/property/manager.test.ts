/**
 * The machine of a manager against a small model of it in plain TypeScript, under any sequence of events: its leases
 * are released exactly once, when it is gone; its time runs exactly while it is suspect; and it comes back as it was.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createActor, type Actor } from 'xstate';

import { managerMachine, type ManagerEvent, type ManagerMachine } from '../../src/machines/manager.ts';
import { blockEnds, type BlockEnd, type ManagerState } from '../../src/machines/model/blocks.ts';

interface Model {
  /** Where it stands but for its link: what a suspect one comes back to. */
  stands: 'registering' | 'ready' | 'held' | 'draining';
  isSuspect: boolean;
  gone: 'lost' | 'drained' | undefined;
  end: BlockEnd | undefined;
  /** Times that it was told to drain. */
  told: number;
}
interface Real {
  readonly actor: Actor<ManagerMachine>;
  readonly released: string[];
  timers: number;
  told: number;
}

const isOpen = ({ stands }: Model): boolean => stands !== 'registering';
const on: { readonly [T in ManagerEvent['type']]: (model: Model, event: Extract<ManagerEvent, { type: T }>) => void } = {
  'manager.admitted': (model) => {
    if (model.stands === 'registering') model.stands = 'ready';
  },
  'manager.refused': (model) => {
    if (model.stands === 'registering') model.gone = 'lost';
  },
  'manager.hold': (model) => {
    if (model.stands === 'ready') model.stands = 'held';
  },
  'manager.unhold': (model) => {
    if (model.stands === 'held') model.stands = 'ready';
  },
  'manager.drain': (model, { isOwn }) => {
    if (!isOpen(model)) return;
    // one that drains already, or whose link is closed, is told again: it may not have heard it
    if (!isOwn || model.stands === 'draining' || model.isSuspect) model.told++;
    model.stands = 'draining';
  },
  'manager.left': (model) => {
    if (isOpen(model)) model.gone = 'drained';
  },
  'link.closed': (model) => {
    if (isOpen(model)) model.isSuspect = true;
    else model.gone = 'lost';
  },
  'manager.silent': (model) => {
    if (isOpen(model)) model.isSuspect = true;
  },
  'link.restored': (model) => {
    model.isSuspect = false;
  },
  'block.ended': (model, { end }) => {
    model.gone = 'lost';
    model.end = end;
  },
  'timer.fired': (model) => {
    if (model.isSuspect) model.gone = 'lost';
  },
};
const stateOf = ({ gone, isSuspect, stands }: Model): ManagerState => gone ?? (isSuspect ? 'suspect' : stands);

class Told implements fc.Command<Model, Real> {
  readonly #event: ManagerEvent;
  constructor(event: ManagerEvent) {
    this.#event = event;
  }
  check = (model: Readonly<Model>): boolean => model.gone === undefined;
  toString = (): string => JSON.stringify(this.#event);
  run(model: Model, real: Real): void {
    on[this.#event.type](model, this.#event as never);
    real.actor.send(this.#event);
    const { value, context, status } = real.actor.getSnapshot();
    expect(value).toBe(stateOf(model));
    expect(real.released).toEqual(model.gone === undefined ? [] : [model.gone]);
    expect(status).toBe(model.gone === undefined ? 'active' : 'done');
    expect(real.timers).toBe(value === 'suspect' ? 1 : 0);
    expect(real.told).toBe(model.told);
    expect(context.end).toBe(model.end);
    if (value === 'lost' && model.end === undefined) expect(context.why).toBeDefined();
  }
}

const why = fc.constantFrom('it is so', 'it is otherwise');
const events: fc.Arbitrary<ManagerEvent> = fc.oneof(
  fc.constantFrom<ManagerEvent>(
    { type: 'manager.admitted' },
    { type: 'manager.hold' },
    { type: 'manager.unhold' },
    { type: 'link.restored' },
    { type: 'link.restored' },
  ),
  fc.record({ type: fc.constantFrom('link.closed' as const, 'manager.silent' as const), why }),
  fc.record({ type: fc.constant('manager.drain' as const), why, isOwn: fc.boolean() }),
  fc.oneof(
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('manager.left' as const, 'manager.refused' as const), why }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('block.ended' as const), why, end: fc.constantFrom(...blockEnds) }) },
    { weight: 1, arbitrary: fc.constant<ManagerEvent>({ type: 'timer.fired', timer: 'loss' }) },
    { weight: 6, arbitrary: fc.constant<ManagerEvent>({ type: 'manager.admitted' }) },
  ),
);

function started(): { readonly model: Model; readonly real: Real } {
  const real = { released: [] as string[], timers: 0, told: 0 };
  const machine = managerMachine.provide({
    actions: {
      releaseLeases: (_, { state }) => void real.released.push(state),
      startLossTimer: () => void real.timers++,
      cancelLossTimer: () => void real.timers--,
      tellDrain: () => void real.told++,
    },
  });
  const actor = createActor(machine, { input: { managerId: 'm1', blockId: '1', host: 'n1' } }).start();
  return {
    model: { stands: 'registering', isSuspect: false, gone: undefined, end: undefined, told: 0 },
    real: Object.assign(real, { actor }),
  };
}

it('a manager follows its model under any sequence of events', () => {
  const commands = fc.commands([events.map((event) => new Told(event))], { size: '+1' });
  fc.assert(
    fc.property(commands, (all) => {
      fc.modelRun(started, all);
    }),
    { numRuns: 300 },
  );
});
