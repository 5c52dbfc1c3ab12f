/**
 * One worker process, as its manager has it: the process, its machine, and the tries in its pipe. The process comes
 * from a port, so that tests have workers without processes; the real one is {@link file://./worker-process.ts}.
 */
import type { Actor } from 'xstate';

import { compiled } from '../../machines/compiled.ts';
import { workerMachine, type WorkerMachine, type WorkerState } from '../../machines/worker.ts';
import type { FromWorker, ToWorker } from './pipe-protocol.ts';
import type { MessageOf } from '../../transport/protocol.ts';
import type { ActorSystem, Target } from '../spawn.ts';
import type { Timers } from '../timers.ts';

/** Starts a worker process. Nothing is told before it returns; a process that cannot be started closes soon after. */
export type SpawnWorker = (options: SpawnWorkerOptions) => WorkerProcess;

export interface SpawnWorkerOptions {
  readonly slot: number;
  /** Laid over the environment of the manager. */
  readonly env: Readonly<Record<string, string>>;
  /** Cores to bind it to. */
  readonly cores: readonly number[] | undefined;
  onMessages(messages: readonly FromWorker[]): void;
  /** Once, last: the process is gone, and all that it has sent was told. */
  onClosed(exit: WorkerExit): void;
}

export interface WorkerProcess {
  /** 0 when it could not be started. */
  readonly pid: number;
  /** Dropped once the process is gone. */
  send(message: ToWorker): void;
  /** SIGKILL to its process group, and to those of its commands. */
  kill(): void;
}

export interface WorkerExit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** The end (at most 4 kB) of what the process has written outside of tries. */
  readonly stderr: string;
  /** There is evidence that it was ended for its memory. */
  readonly isOutOfMemory: boolean;
}

/** A try that the manager has been granted, and that has not ended. */
export interface Entry {
  readonly lease: number;
  readonly work: Uint8Array;
  /** `undefined` while it is in the manager's own queue. */
  worker: Handle | undefined;
  /** Since when it is the first in its pipe. */
  sinceMs: number;
  /** The driver was told that it runs. */
  isAnnounced: boolean;
  /** The worker was asked to give it back. */
  isAsked: boolean;
  /** The worker has until the end of its grace. */
  isTimed: boolean;
  /** What is to become of it: it runs, is given back unless it runs, is stopped, or is nobody's any more. */
  wish: 'run' | 'return' | 'stop' | 'drop';
  graceMs: number;
}

export interface Handle {
  readonly slot: number;
  /** Its process id: what it is called in messages. */
  readonly name: string;
  readonly actor: Actor<WorkerMachine>;
  readonly state: WorkerState;
  /** It was ready once. */
  readonly wasUp: boolean;
  /** What it was given and has not ended, in the order in which it runs them: the first runs, the others do not. */
  readonly pipe: Entry[];
  /** It has brought at least one try to an end. */
  hasEnded: boolean;
  /** Once it is lost or ended. */
  readonly exit: WorkerExit | undefined;
  send(message: ToWorker): void;
}

export interface HandleOptions {
  readonly system: ActorSystem;
  readonly parent: Target;
  readonly timers: Timers;
  readonly nowMs: () => number;
  /** Unique for ever: names the actor. */
  readonly id: string;
  readonly slot: number;
  readonly startMs: number;
  readonly spawn: (on: Pick<SpawnWorkerOptions, 'onMessages' | 'onClosed'>) => WorkerProcess;
  readonly setup: Extract<ToWorker, { t: 'setup' }>;
  onState(handle: Handle, state: WorkerState): void;
  onMessages(handle: Handle, messages: readonly FromWorker[]): void;
}

export function startHandle(options: HandleOptions): Handle {
  const { system, timers, nowMs, id, slot } = options;
  let wasUp = false;
  let exit: WorkerExit | undefined;
  let graceDueMs: number | undefined;

  const timer = (ms: number): void => timers.start(id, ms, () => system.post(actor, { type: 'timer.fired' }));
  const process = options.spawn({
    onMessages(messages) {
      if (!wasUp && messages[0]?.t === 'ready') {
        wasUp = true;
        system.post(actor, { type: 'worker.ready' });
      }
      options.onMessages(self, messages);
    },
    onClosed(how) {
      exit = how;
      system.post(actor, { type: 'worker.closed' });
    },
  });
  process.send(options.setup);

  const machine = workerMachine.provide({
    actions: {
      startUpTimer: () => timer(options.startMs),
      startGrace(_, { graceMs }) {
        const dueMs = Math.min(graceDueMs ?? Number.POSITIVE_INFINITY, nowMs() + graceMs); // told twice: the sooner
        graceDueMs = dueMs;
        timer(dueMs - nowMs());
      },
      cancelTimer() {
        graceDueMs = undefined;
        timers.cancel(id);
      },
      tellEnd: (_, { graceMs }) => process.send({ t: 'end', graceMs }),
      kill: () => process.kill(),
      announce: (_, { state }) => options.onState(self, state),
    },
  });
  const actor: Actor<WorkerMachine> = system.spawn(compiled(machine), { id, input: { slot }, parent: options.parent });
  const self: Handle = {
    slot,
    name: String(process.pid),
    actor,
    get state() {
      return actor.getSnapshot().value;
    },
    get wasUp() {
      return wasUp;
    },
    pipe: [],
    hasEnded: false,
    get exit() {
      return exit;
    },
    send: (message) => process.send(message),
  };
  return self;
}

/** Just granted. */
export const fresh = (lease: number, work: Uint8Array): Entry => ({
  lease,
  work,
  worker: undefined,
  sinceMs: 0,
  isAnnounced: false,
  isAsked: false,
  isTimed: false,
  wish: 'run',
  graceMs: 0,
});

/** What the driver is told of the try that a worker ran when it ended. */
export function lossOf({ lease }: Entry, { name, exit, actor }: Handle): Omit<MessageOf<'lost'>, 't' | 'seq'> {
  const { code, signal, stderr = '', isOutOfMemory = false } = exit ?? {};
  const why = actor.getSnapshot().context.why;
  return {
    lease,
    kind: isOutOfMemory ? 'oom' : 'workerLost',
    message: why ?? (exit === undefined ? 'it is gone' : exitText(exit)),
    worker: name,
    ...(code === undefined ? undefined : { exitCode: code }),
    ...(signal === undefined ? undefined : { signal }),
    ...(stderr === '' ? undefined : { stderr }),
  };
}

/** How a process ended, in words. */
export function exitText({ code, signal, isOutOfMemory }: WorkerExit): string {
  if (isOutOfMemory) return 'it had no memory left';
  if (signal !== undefined) return `it was ended by ${signal}`;
  return code === undefined ? 'it could not be started' : `it exited with code ${code}`;
}
