/**
 * The one place where actors are created, named, watched, stopped and reaped, and where events reach them.
 *
 * Events are posted, not sent: a queue holds them and each is taken in a macrostep of its own, in order, however
 * deep the effects that post them. So a chain of any length neither recurses nor reorders, every macrostep has a
 * number, its cause is the macrostep that posted it, and an event to an actor that has ended is a visible dead letter.
 */
import { createActor, type Actor, type ActorOptions, type AnyActorLogic, type EventFromLogic, type InputFrom } from 'xstate';

import { isCompiled } from '../machines/compiled.ts';
import type { ActorSpace } from './executors/port.ts';
import { canBeLean, LeanActor, type LeanParent } from './lean-actor.ts';

/** What the system needs of an actor that it is to tell something. */
export interface Target<E extends { readonly type: string } = { readonly type: string }> {
  readonly id: string;
  send(event: E): void;
  getSnapshot(): { readonly status: string; readonly value?: unknown; readonly error?: unknown };
}

/** One event taken by one actor. */
export interface Step {
  /** From 1, without gaps within a troupe. */
  readonly seq: number;
  /** `seq` of the step whose effects posted the event; 0 when it came from outside. */
  readonly causeId: number;
  readonly actorId: string;
  readonly event: { readonly type: string };
  /** State before and after; equal for a transition that stays. */
  readonly from: string;
  readonly to: string;
  /** The actor ended with an error in this step. */
  readonly failed?: true;
}

/** An actor that was made. */
export interface Spawned {
  readonly actorId: string;
  /** Id of its logic. */
  readonly machine: string;
  readonly input: unknown;
  /** `seq` of the step that made it; 0 when it was made from outside. */
  readonly causeId: number;
}

/** An event that reached an actor which had ended. It has a `seq` as a step has. */
export type DeadLetter = Omit<Step, 'from' | 'to' | 'failed'>;

/** Told of what happens in the system. Must not throw. */
export interface SystemWatch {
  onStep(step: Step): void;
  onDeadLetter(letter: DeadLetter): void;
  /** Before the actor takes its first event. */
  onSpawn?(spawned: Spawned): void;
  /** An actor that had not ended was stopped. `causeId` as in {@link Spawned}. */
  onStop?(stopped: Pick<Spawned, 'actorId' | 'causeId'>): void;
  /** An actor has stopped with an error: a defect of ours. */
  onError(actorId: string, error: unknown): void;
}

/**
 * The parent of actors that come and go by the thousand. XState tells a parent of each child's end in an event named
 * after the child, and a machine remembers every event name it has ever seen: 250 bytes a task for good, measured.
 * This logic is told and remembers nothing; ends and errors are seen by the system itself.
 */
const supervisorLogic = {
  transition: (snapshot: SupervisorSnapshot): SupervisorSnapshot => snapshot,
  getInitialSnapshot: (): SupervisorSnapshot => ({ status: 'active', output: undefined, error: undefined, value: 'watching' }),
  getPersistedSnapshot: (snapshot: SupervisorSnapshot): SupervisorSnapshot => snapshot,
};
interface SupervisorSnapshot {
  readonly status: 'active';
  readonly output: undefined;
  readonly error: undefined;
  readonly value: 'watching';
}

export interface ActorSystem {
  /** Makes a parent for many short-lived actors. */
  supervisor(id: string, parent: Target): Target;
  /** Creates and starts an actor. It shares the parent's system, clock and inspection, but costs the parent nothing. */
  spawn<L extends AnyActorLogic>(
    logic: L,
    options: { readonly id: string; readonly input: InputFrom<L>; readonly parent?: Target },
  ): Actor<L>;
  post<L extends AnyActorLogic>(target: Actor<L>, event: EventFromLogic<L>): void;
  /**
   * Runs `fn` right after the macrostep whose effect asks for it, before the next event is taken. Actors are made
   * here: XState takes creating one inside an action for a mistake.
   */
  afterStep(fn: () => void): void;
  /** Ends an actor that has not ended by itself. */
  stop(target: Target): void;
  /** Ids of the actors that have not ended. */
  readonly live: ReadonlySet<string>;
}

/** Hands an actor system to a plugin whose types must not know XState. */
export const spaceOf = (system: ActorSystem, parent: Target): ActorSpace => ({ system, parent });
/** Takes it out again. */
export const inSpace = ({ system, parent }: ActorSpace): { readonly system: ActorSystem; readonly parent: Target } => ({
  system: system as ActorSystem,
  parent: parent as Target,
});

interface Letter {
  readonly target: Target;
  readonly event: { readonly type: string };
  readonly causeId: number;
}

export function actorSystem(watch: SystemWatch, options: Pick<ActorOptions<AnyActorLogic>, 'clock' | 'inspect'> = {}): ActorSystem {
  const live = new Set<string>();
  let letters: Letter[] = [];
  let isDraining = false;
  let seq = 0;
  let current = 0;
  const afterwards: (() => void)[] = [];
  /** What XState's `send` was: who sends to an actor posts, so that no macrostep goes unseen. */
  const sends = new WeakMap<object, Target['send']>();

  function drain(): void {
    isDraining = true;
    try {
      // a batch at a time: the array is swapped, not shifted, so that a long queue stays cheap
      while (letters.length > 0) {
        const batch = letters;
        letters = [];
        for (const letter of batch) {
          try {
            deliver(letter);
          } catch (error) {
            watch.onError(letter.target.id, error); // the letters behind it must not be lost
          }
        }
      }
    } finally {
      isDraining = false;
      current = 0;
    }
  }

  function deliver({ target, event, causeId }: Letter): void {
    const before = target.getSnapshot();
    current = ++seq;
    if (before.status !== 'active') {
      watch.onDeadLetter({ seq, causeId, actorId: target.id, event });
      return;
    }
    if (target instanceof LeanActor) target.take(event);
    else (sends.get(target) ?? target.send)(event);
    const after = target.getSnapshot();
    watch.onStep({
      seq,
      causeId,
      actorId: target.id,
      event,
      from: String(before.value),
      to: String(after.value),
      ...(after.status === 'error' ? { failed: true } : undefined),
    });
    reap(target, after);
    while (afterwards.length > 0) for (const fn of afterwards.splice(0)) fn(); // one may ask for another
  }

  function reap(target: Target, { status, error }: ReturnType<Target['getSnapshot']>): void {
    if (status === 'active') return;
    live.delete(target.id);
    if (status === 'error') watch.onError(target.id, error);
  }

  /** A watched system is XState's own throughout. */
  const isLean = (logic: AnyActorLogic, parent: Target | undefined): parent is Target =>
    parent !== undefined && options.inspect === undefined && isCompiled(logic) && canBeLean();

  function lean<L extends AnyActorLogic>(logic: L, id: string, input: unknown, parent: Target): Actor<L> {
    return new LeanActor(logic as never, id, input, parent as unknown as LeanParent, self) as unknown as Actor<L>;
  }

  function full<L extends AnyActorLogic>(logic: L, id: string, input: unknown, parent: Target | undefined): Actor<L> {
    const actor = createActor<L>(logic, { id, input, ...(parent === undefined ? options : { parent }) } as never);
    sends.set(actor, actor.send);
    actor.send = (event) => self.post(actor, event);
    return actor;
  }

  const self: ActorSystem = {
    supervisor: (id, parent) => createActor(supervisorLogic, { id, parent } as never).start(),
    spawn(logic, { id, input, parent }) {
      if (live.has(id)) throw new Error(`an actor named ${id} is alive`);
      const actor = isLean(logic, parent) ? lean(logic, id, input, parent) : full(logic, id, input, parent);
      live.add(id);
      watch.onSpawn?.({ actorId: id, machine: 'id' in logic ? String(logic.id) : '', input, causeId: current });
      if (parent === undefined) actor.subscribe({ error: () => {} }); // reported by reap, not as an uncaught exception
      actor.start();
      reap(actor, actor.getSnapshot());
      return actor;
    },
    post(target, event) {
      letters.push({ target: target, event: event, causeId: current });
      if (!isDraining) drain();
    },
    afterStep(fn) {
      if (isDraining) afterwards.push(fn);
      else fn();
    },
    stop(target) {
      // `stop()` refuses children and `stopChild` copies the parent's children: measured in docs/adr/0002
      (target as unknown as { _stop(): void })._stop();
      if (live.delete(target.id)) watch.onStop?.({ actorId: target.id, causeId: current });
    },
    live,
  };
  return self;
}
