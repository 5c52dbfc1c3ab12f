/**
 * Binds the connection machine to a transport: tries the driver's addresses, keeps the link that is open, listens for
 * silence, and makes the link again when it closes.
 */
import type { Actor } from 'xstate';

import { connectionMachine, retryMs, type ConnectionMachine, type ConnectionState } from '../../machines/connection.ts';
import { LinkError, type ConnectOptions, type Link, type LinkHandlers, type Transport } from '../../transport/port.ts';
import type { Message } from '../../transport/protocol.ts';
import type { ActorSystem } from '../spawn.ts';
import type { Timers } from '../timers.ts';

export interface DriverLinkOptions {
  readonly system: ActorSystem;
  readonly timers: Timers;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly transport: Pick<Transport, 'connect'>;
  /** Asked before every attempt. */
  addresses(): readonly string[];
  readonly connect: Pick<ConnectOptions, 'peerId' | 'secret' | 'fingerprint' | 'timeoutMs' | 'limits'>;
  readonly endAfterMs: number;
  readonly silenceMs: number;
  readonly on: DriverLinkHandlers;
}

export interface DriverLinkHandlers {
  /** A link is open: introduce yourself. */
  register(): void;
  messages(messages: readonly Message[]): void;
  /** `open`; `probing` when an open link has closed; and how it ends. */
  state(state: ConnectionState, why: string | undefined): void;
  /** It has ended, and no link is open any more. */
  over(): void;
  /** For the log. */
  note(text: string): void;
}

export interface DriverLink {
  readonly actor: Actor<ConnectionMachine>;
  readonly state: ConnectionState;
  /** Dropped when no link is open. */
  send(message: Message): void;
  /** The driver has answered. */
  welcomed(): void;
  refused(why: string): void;
  end(why: string): void;
}

/** For the close of a link to be answered. */
const CLOSE_MS = 2000;

interface Current {
  readonly link: Link;
  readonly attempt: object;
}

export function openDriverLink(options: DriverLinkOptions): DriverLink {
  const { system, timers, nowMs, random, transport, silenceMs, on } = options;
  let current: Current | undefined;
  /** The attempt whose answers count. */
  let round = {};
  let heardMs = 0;
  let isOver = false;
  const state = (): ConnectionState => actor.getSnapshot().value;

  function probe(): void {
    const mine = {};
    round = mine;
    const addresses = [...new Set(options.addresses())];
    const failures: string[] = [];
    const refusals = new Map<string, string>();
    let left = addresses.length;
    const failed = (): void => {
      if (left > 0 || round !== mine) return;
      const known = actor.getSnapshot().context.address;
      // an address at which somebody else says no proves nothing while the one that we know is silent
      const counts = refusals.size > 0 && (known === undefined || refusals.has(known) || !addresses.includes(known));
      const why = (counts ? [...refusals.values()] : [...refusals.values(), ...failures]).join('; ');
      system.post(actor, { type: counts ? 'connection.refused' : 'connection.failed', why: why === '' ? 'it has no address' : why });
    };
    for (const address of addresses) {
      const attempt = {};
      transport.connect({ ...options.connect, address, handlers: handlersOf(attempt) }).then(
        (link) => {
          left--;
          if (round !== mine || state() !== 'probing') return link.close('another address has answered');
          round = {};
          current = { link, attempt };
          system.post(actor, { type: 'connection.opened', address });
        },
        (error: unknown) => {
          left--;
          const text = error instanceof Error ? error.message : String(error);
          if (error instanceof LinkError && error.isRefused) refusals.set(address, text);
          else failures.push(text);
          failed();
        },
      );
    }
    if (addresses.length === 0) queueMicrotask(failed);
  }

  function handlersOf(attempt: object): LinkHandlers {
    const isCurrent = (): boolean => current?.attempt === attempt;
    return {
      messages(messages) {
        if (!isCurrent()) return;
        heardMs = nowMs();
        on.messages(messages);
      },
      closed(reason) {
        if (!isCurrent()) return;
        current = undefined;
        timers.cancel('silence');
        if (actor.getSnapshot().status === 'active')
          system.post(actor, { type: 'connection.closed', why: `the link has closed: ${reason}` });
        else over();
      },
      faulted: (what) => on.note(`what came from the driver could not be read: ${what}`),
      drained() {},
    };
  }

  function watchSilence(): void {
    heardMs = nowMs();
    timers.start('silence', silenceMs, listen);
  }

  function listen(): void {
    const silentMs = nowMs() - heardMs;
    if (silentMs < silenceMs) timers.start('silence', silenceMs - silentMs, listen);
    else system.post(actor, { type: 'connection.silent', why: `the driver has said nothing for ${Math.round(silentMs / 1000)} s` });
  }

  function closeLink(why: string | undefined): void {
    if (current === undefined) return queueMicrotask(over);
    current.link.close((why ?? 'the manager has ended').slice(0, 100));
    timers.start('close', CLOSE_MS, () => {
      current?.link.terminate();
      over();
    });
  }

  function over(): void {
    if (isOver) return;
    isOver = true;
    timers.cancel('close');
    on.over();
  }

  let endTimerRuns = false;
  const machine = connectionMachine.provide({
    actions: {
      probe,
      startEndTimer() {
        if (endTimerRuns) return; // since the link was lost, however often it is tried
        endTimerRuns = true;
        timers.start('end', options.endAfterMs, () => system.post(actor, { type: 'timer.fired', timer: 'end' }));
      },
      cancelEndTimer() {
        endTimerRuns = false;
        timers.cancel('end');
      },
      startRetryTimer: ({ context }) =>
        timers.start('retry', retryMs(context.attempt, random()), () => system.post(actor, { type: 'timer.fired', timer: 'retry' })),
      watchSilence,
      register: on.register,
      cancelTimers() {
        for (const id of ['end', 'retry', 'silence']) timers.cancel(id);
      },
      closeLink: ({ context }) => closeLink(context.why),
      announce: ({ context }, { state: to }) => system.afterStep(() => on.state(to, context.why)),
    },
  });
  const actor: Actor<ConnectionMachine> = system.spawn(machine, { id: 'connection', input: undefined });

  return {
    actor,
    get state() {
      return state();
    },
    send: (message) => current?.link.send(message),
    welcomed: () => system.post(actor, { type: 'connection.welcomed' }),
    refused: (why) => system.post(actor, { type: 'connection.refused', why: `the driver has refused it: ${why}` }),
    end: (why) => system.post(actor, { type: 'connection.end', why }),
  };
}
