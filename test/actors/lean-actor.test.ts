/** The lean actor is XState's: told the same, it says the same, to subscribers and inspectors too. */
import { spawnSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Actor, assign, createActor, setup, type AnyActor, type EventObject, type InspectionEvent } from 'xstate';

import { canBeLean, isKnown, LeanActor } from '../../src/actors/lean-actor.ts';
import { compiled } from '../../src/machines/compiled.ts';

/** Counts, tells itself to go on, ends, and fails when it is told to. */
const machine = setup({
  types: { context: {}, events: {} } as { context: { readonly count: number }; events: EventObject },
  actions: {
    count: assign({ count: ({ context }) => context.count + 1 }),
    // reenters, as no effect of ours does
    again: ({ self }) => tell(self as never, 'count'),
    stop: ({ self }) => (self as unknown as { _stop(): void })._stop(),
    fail() {
      throw new Error('an effect failed');
    },
  },
}).createMachine({
  id: 'counter',
  context: { count: 0 },
  initial: 'on',
  entry: [],
  states: {
    on: {
      entry: 'count',
      on: {
        count: { actions: 'count' },
        twice: { actions: ['again', 'again', 'count'] },
        stop: { actions: ['again', 'stop', 'again'] },
        fail: { actions: ['count', 'fail'] },
        off: 'off',
        end: 'over',
      },
    },
    off: { on: { on: 'on', again: { actions: 'again' } } },
    over: { type: 'final', entry: 'count' },
  },
});

/** One actor below a parent, and all that is heard of it. */
function heard(make: (parent: AnyActor) => AnyActor): { readonly actor: AnyActor; readonly seen: unknown[] } {
  const seen: unknown[] = [];
  const supervisor = {
    transition: <S>(snapshot: S): S => snapshot,
    getInitialSnapshot: () => ({ status: 'active' as const, output: undefined, error: undefined }),
    getPersistedSnapshot: <S>(snapshot: S): S => snapshot,
  };
  let actor: AnyActor | undefined;
  const parent = createActor(supervisor, {
    inspect: ({ type, actorRef, ...rest }: InspectionEvent) => {
      if ((actorRef as AnyActor).id !== 'child') return; // the parent hears of the end of XState's own
      const { event, action, snapshot } = rest as { event?: EventObject; action?: { type: string }; snapshot?: { value: unknown } };
      // XState says with what an actor was made
      seen.push([type, event?.type === 'xstate.init' ? { type: event.type } : event, action?.type, snapshot?.value, actor?.id]);
    },
  }).start();
  actor = make(parent);
  for (const who of ['a', 'b'])
    actor.subscribe({
      next: ({ value, context }: { value: unknown; context: unknown }) => seen.push([who, value, context]),
      error: (error: unknown) => seen.push([who, 'error', String(error)]),
      complete: () => seen.push([who, 'complete']),
    });
  return { actor: actor.start(), seen };
}

const logic = compiled(machine);
const lean = (parent: AnyActor): AnyActor =>
  new LeanActor(logic as never, 'child', undefined, parent as never, { post: (target, { type }) => tell(target, type) }) as never;
const full = (parent: AnyActor): AnyActor => createActor(logic, { id: 'child', parent });

const tell = (actor: AnyActor, type: string): void => (actor as unknown as { _send(event: EventObject): void })._send({ type });
const ended = (actor: AnyActor): boolean => (actor as unknown as { readonly _processingStatus: number })._processingStatus === 2;

describe('a lean actor', () => {
  it('is in use: the XState that is installed is the one it was written for', () => {
    // vitest takes XState's build for development, users the other
    expect(canBeLean()).toBe(true);
    const code = `import { createActor } from 'xstate'; import { isKnown } from './src/actors/lean-actor.ts';
      console.log(isKnown(createActor({ transition: (s) => s, getInitialSnapshot: () => ({ status: 'active' }), getPersistedSnapshot: (s) => s })));`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', code];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: new URL('../..', import.meta.url), encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: 'true\n', stderr: '' });
  });

  it('is not used with an XState whose actors have other fields or methods', () => {
    const known = createActor(logic);
    expect(isKnown(known)).toBe(true);
    expect(isKnown(Object.assign(createActor(logic), { more: 1 }))).toBe(false);
    expect(isKnown(new (class extends Actor<typeof logic> {})(logic))).toBe(false);
  });

  it('is an actor', () => {
    const { actor } = heard(lean);
    expect(actor).toBeInstanceOf(Actor);
    expect(actor.ref).toBe(actor);
    expect(actor.sessionId).toMatch(/^x:\d+$/);
    expect(actor.sessionId).toBe(actor.sessionId);
    expect(actor.clock).toBe(full(actor._parent as AnyActor).clock);
    expect(actor.src).toBe(logic);
    expect(JSON.parse(JSON.stringify(actor))).toEqual({ xstate$$type: 1, id: 'child' });
    expect(actor.getPersistedSnapshot()).toMatchObject({ value: 'on', context: { count: 1 } });
    const { send } = actor;
    send({ type: 'off' });
    expect(actor.getSnapshot().value).toBe('off');
    const selected: unknown[] = [];
    actor.select(({ value }: { value: unknown }) => value).subscribe((value) => selected.push(value));
    send({ type: 'on' });
    expect(selected).toEqual(['on']);
    const emitted = actor.on('anything', () => {});
    emitted.unsubscribe();
    expect(actor.start()).toBe(actor);
  });

  it('does and says what XState’s own does, under any sequence of events', () => {
    const type = fc.constantFrom('count', 'count', 'twice', 'off', 'on', 'again', 'stop', 'fail', 'end', 'nonsense');
    fc.assert(
      fc.property(fc.array(type, { maxLength: 12 }), (types) => {
        const [one, other] = [heard(full), heard(lean)];
        for (const type of types) {
          if (ended(one.actor)) break; // XState's build for development warns of each event from then on
          for (const { actor } of [one, other]) tell(actor, type);
          expect(other.seen).toEqual(one.seen);
          const { value, status, context } = one.actor.getSnapshot();
          expect(other.actor.getSnapshot()).toMatchObject({ value, status, context });
          expect(ended(other.actor)).toBe(ended(one.actor));
        }
        const before = other.seen.length;
        if (ended(other.actor)) tell(other.actor, 'count');
        expect(other.seen).toHaveLength(before);
      }),
      { numRuns: 300 },
    );
  });

  it('that fails as it is made says so when it is started', () => {
    const failing = {
      ...(logic as object),
      getInitialSnapshot: () => {
        throw new Error('no beginning');
      },
    };
    for (const make of [full, lean] as const) {
      const { actor, seen } = heard((parent) =>
        make === full
          ? createActor(failing as never, { id: 'child', parent } as never)
          : (new LeanActor(failing as never, 'child', undefined, parent as never, { post: () => {} }) as never),
      );
      expect(actor.getSnapshot()).toMatchObject({ status: 'error', error: { message: 'no beginning' } });
      expect(seen.filter((line) => (line as readonly unknown[])[0] === 'a')).toEqual([['a', 'error', 'Error: no beginning']]);
    }
  });
});
