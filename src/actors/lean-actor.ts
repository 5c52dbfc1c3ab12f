/**
 * XState's actor for compiled logic, which exists by the thousand, without what only machines with children, delays
 * and a life before their start need. One of XState's own holds 1.9 kB beside its snapshot; this one 100 bytes, since
 * it is its own scope and mailbox, and has sets of listeners once there are any.
 *
 * It is an `Actor`: subscribing, inspection, errors and all that is read of it are XState's. But it stands in for parts
 * of a class that XState may change, so it is used only where that class is the one it was written for ({@link isKnown}).
 */
import { Actor, createActor, type AnyActor, type EventObject, type Snapshot } from 'xstate';

import type { CompiledAction, CompiledLogic } from '../machines/compiled.ts';

type AnySnapshot = Snapshot<unknown>;
interface System {
  readonly _clock: unknown;
  readonly _logger: unknown;
  _bookId(): string;
  _sendInspectionEvent(event: object): void;
}
export interface LeanParent {
  readonly system: System;
}
/** What is used of XState's own. */
interface Inherited {
  subscribe(...args: readonly unknown[]): { unsubscribe(): void };
  on(...args: readonly unknown[]): { unsubscribe(): void };
  getSnapshot(): AnySnapshot;
  _complete(): void;
  _error(error: unknown): void;
}
interface Observer {
  next?(snapshot: AnySnapshot): void;
}
/** Where what is sent to an actor is posted. */
interface Home {
  post(target: AnyActor, event: EventObject): void;
}

// Source: XState v5, `ProcessingStatus` and `XSTATE_STOP`.
const NOT_STARTED = 0;
const RUNNING = 1;
const STOPPED = 2;
const stopEvent: EventObject = { type: 'xstate.stop' };

// nothing is ever put into these
const noObservers: ReadonlySet<Observer> = new Set();
const noListeners: ReadonlyMap<string, unknown> = new Map();
const noEvents: EventObject[] = [];

/** XState's class without its constructor. */
function Blank(): void {}
Blank.prototype = Actor.prototype;

export class LeanActor extends (Blank as unknown as new () => Inherited) {
  readonly id: string;
  readonly logic: CompiledLogic;
  readonly _parent: LeanParent;
  _snapshot: AnySnapshot;
  _processingStatus: typeof NOT_STARTED | typeof RUNNING | typeof STOPPED = NOT_STARTED;
  readonly #home: Home;
  /** Events that have come while it takes one; `undefined` while it takes none. */
  #waiting: EventObject[] | undefined = undefined;
  #sessionId: string | undefined = undefined;

  // on the prototype until it has some
  declare observers: ReadonlySet<Observer>;
  declare eventListeners: ReadonlyMap<string, unknown>;
  declare _deferred: (() => void)[] | undefined;

  constructor(logic: CompiledLogic, id: string, input: unknown, parent: LeanParent, home: Home) {
    super();
    this.id = id;
    this.logic = logic;
    this._parent = parent;
    this.#home = home;
    this._snapshot = undefined as never; // until the next line but one
    this.system._sendInspectionEvent({ type: '@xstate.actor', actorRef: this });
    try {
      this._snapshot = logic.getInitialSnapshot(this, input);
    } catch (error) {
      this._snapshot = { status: 'error', output: undefined, error };
    }
  }

  get system(): System {
    return this._parent.system;
  }
  get sessionId(): string {
    return (this.#sessionId ??= this.system._bookId());
  }
  get clock(): unknown {
    return this.system._clock;
  }
  get logger(): unknown {
    return this.system._logger;
  }
  get src(): CompiledLogic {
    return this.logic;
  }
  get ref(): this {
    return this;
  }

  // its scope, as logic sees it
  get self(): this {
    return this;
  }
  actionExecutor(action: CompiledAction): void {
    if (this._processingStatus === RUNNING) execute(this, action);
    else (this._deferred ??= []).push(() => execute(this, action));
  }

  /** Bound, as XState's is. */
  get send(): (event: EventObject) => void {
    return (event) => this.#home.post(this as unknown as AnyActor, event);
  }
  /** What XState's `send` does. */
  take(event: EventObject): void {
    this.system._sendInspectionEvent({ type: '@xstate.event', sourceRef: undefined, actorRef: this, event });
    this._send(event);
  }

  override subscribe(...args: readonly unknown[]): { unsubscribe(): void } {
    if (this.observers === noObservers) this.observers = new Set();
    return super.subscribe(...args);
  }
  override on(...args: readonly unknown[]): { unsubscribe(): void } {
    if (this.eventListeners === noListeners) this.eventListeners = new Map();
    return super.on(...args);
  }

  start(): this {
    if (this._processingStatus !== NOT_STARTED) return this;
    this._processingStatus = RUNNING;
    const event = { type: 'xstate.init' };
    this.system._sendInspectionEvent({ type: '@xstate.event', sourceRef: this._parent, actorRef: this, event });
    if (this._snapshot.status === 'error') this._error(this._snapshot.error);
    else this.update(this._snapshot, event);
    return this;
  }

  _send(event: EventObject): void {
    if (this._processingStatus === STOPPED) return;
    if (this.#waiting !== undefined) {
      if (this.#waiting === noEvents) this.#waiting = [event];
      else this.#waiting.push(event);
      return;
    }
    this.#waiting = noEvents;
    this._process(event);
    while (this.#waiting.length > 0) {
      const [next, ...rest] = this.#waiting as [EventObject, ...EventObject[]];
      this.#waiting = rest.length === 0 ? noEvents : rest;
      this._process(next);
    }
    this.#waiting = undefined;
  }

  _process(event: EventObject): void {
    let next: AnySnapshot;
    try {
      next = this.logic.transition(this._snapshot, event, this);
    } catch (error) {
      this._snapshot = { ...this._snapshot, status: 'error', error } as AnySnapshot;
      this._error(error);
      return;
    }
    this.update(next, event);
    if (event.type === stopEvent.type) {
      this._stopProcedure();
      this._complete();
    }
  }

  update(snapshot: AnySnapshot, event: EventObject): void {
    this._snapshot = snapshot;
    if (this._deferred !== undefined) runDeferred(this);
    if (this._snapshot.status === 'error') {
      this._error(this._snapshot.error);
    } else {
      for (const observer of this.observers) tell(observer, snapshot);
      if (snapshot.status === 'done') {
        this._stopProcedure();
        this._complete(); // the parent is a supervisor, and wants to hear of no end
      }
    }
    this.system._sendInspectionEvent({ type: '@xstate.snapshot', actorRef: this, event, snapshot });
  }

  override _complete(): void {
    if (this.observers !== noObservers || this.eventListeners !== noListeners) super._complete();
  }

  _stop(): this {
    if (this._processingStatus === NOT_STARTED) this._processingStatus = STOPPED;
    else if (this.#waiting === undefined) this._send(stopEvent);
    else this.#waiting = [stopEvent];
    return this;
  }

  _stopProcedure(): this {
    if (this._processingStatus !== RUNNING) return this;
    this._processingStatus = STOPPED;
    if (this.#waiting !== undefined) this.#waiting = noEvents;
    return this;
  }
}
Object.assign(LeanActor.prototype, { observers: noObservers, eventListeners: noListeners, options: Object.freeze({}) });

function execute(actorRef: LeanActor, { type, info, params, exec }: CompiledAction): void {
  actorRef.system._sendInspectionEvent({ type: '@xstate.action', actorRef, action: { type, params } });
  exec(info, params);
}

/** Actions of the initial state. */
function runDeferred(actor: LeanActor): void {
  const deferred = actor._deferred ?? [];
  actor._deferred = undefined;
  for (const run of deferred) {
    try {
      run();
    } catch (error) {
      actor._snapshot = { ...actor._snapshot, status: 'error', error } as AnySnapshot;
      return;
    }
  }
}

/** As XState does: who watches does not end who is watched. */
function tell(observer: Observer, snapshot: AnySnapshot): void {
  try {
    observer.next?.(snapshot);
  } catch (error) {
    setTimeout(() => {
      throw error;
    });
  }
}

// Source: XState 5.33. What a constructor makes, and the methods that are used, or replaced.
const fields =
  'logic _snapshot clock options id mailbox observers eventListeners logger _processingStatus _parent _syncSnapshot ref _actorScope systemId sessionId system _doneEvent src _deferred send';
const methods =
  'constructor _initState update subscribe on select start _process _stop stop _complete _reportError _error _stopProcedure _send send attachDevTools toJSON getPersistedSnapshot @@observable getSnapshot';

/** Whether XState's actors are made of what this one was written for. */
export const isKnown = (actor: object): boolean =>
  Object.keys(actor).join(' ') === fields && Object.getOwnPropertyNames(Object.getPrototypeOf(actor)).join(' ') === methods;

/** Whether it can be used with the XState that is installed. */
export function canBeLean(): boolean {
  return (answer ??= isKnown(
    createActor({
      transition: (snapshot: AnySnapshot) => snapshot,
      getInitialSnapshot: (): AnySnapshot => ({ status: 'active', output: undefined, error: undefined }),
      getPersistedSnapshot: (snapshot: AnySnapshot) => snapshot,
    }),
  ));
}
let answer: boolean | undefined;
