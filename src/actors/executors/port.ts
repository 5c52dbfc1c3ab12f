/**
 * What runs tries. An executor plugin (`inline()`, `threads()`, …) is a plain description that can be used in
 * any number of troupes; `open` makes one running executor of it. It speaks in plain messages: tries go in,
 * reports come out, one lease (task id and try index) fences each.
 */
import type { BlockControl } from '../../machines/model/block-control.ts';
import type { BlocksSnapshot } from '../../machines/model/blocks.ts';
import type { ExecutorExplanation } from '../../machines/model/explanation.ts';
import type { FailureKind } from '../../machines/model/failures.ts';
import type { Resources } from '../../machines/model/resources.ts';
import type { Place } from '../../machines/model/story.ts';
import type { StreamTarget } from '../../machines/model/stream-paths.ts';
import type { Serializer } from '../../transport/serializers/port.ts';
import type { Clock } from '../timers.ts';

export type { Place };

/** A kind of executor with its options: data and one function, no live state. */
export interface ExecutorPlugin {
  /** `inline`, `threads`, `blocks`, … */
  readonly kind: string;
  /** Unique within a troupe; what `executors: [label]` of a task refers to. */
  readonly label: string;
  /**
   * True when values reach the task function as copies. False hands over the very objects and skips the
   * encoding (`inline({ copy: false })`).
   */
  readonly copies: boolean;
  /**
   * Loads what only a running executor needs, so that a worker that imports the module of a task function does not.
   * Awaited before `open`; `undefined` when there is nothing left to load.
   */
  load?(): Promise<void> | undefined;
  /** Makes a running executor. Throws nothing: what goes wrong rejects its `ready`. */
  open(port: ExecutorPort): OpenExecutor;
  /** What it will offer, worked out from its options alone. Without it `explain` says that nothing is known. */
  explain?(): ExecutorExplanation;
}

/** What an executor is given. */
export interface ExecutorPort {
  readonly clock: Clock;
  readonly serializer: Serializer;
  /** Every report about a try; never throws, may be called at any time until `close` has resolved. */
  report(report: TryReport): void;
  /** It will run nothing any more, and says why: what it still has is failed for it. */
  broken(message: string): void;
  /** Something that is not about one try: a worker was lost, a module failed to load. Goes to the event log. */
  note(type: string, data: Readonly<Record<string, unknown>>): void;
  /** It runs, but not as it should, and says why; `restored` takes that back. */
  degraded(message: string): void;
  restored(): void;
  /** Where an executor that consists of actors puts them. */
  readonly actors: ActorSpace;
  readonly runId: string;
  /** Folder of this run; `undefined` when nothing is to be written. */
  readonly runDir: string | undefined;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** An actor system and the actor that is to be the parent; opaque here, see `spaceOf` in `actors/spawn.ts`. */
export interface ActorSpace {
  readonly system: object;
  readonly parent: object;
}

/** A running executor. */
export interface OpenExecutor {
  /** Resolves when tries can run; until then they are queued. Rejects when they never will. */
  readonly ready: Promise<void>;
  /** Why no task with these resources could ever run here; `undefined` when one could. */
  misfit(resources: Resources): string | undefined;
  load(): ExecutorLoad;
  /** Takes a try. Never throws; answers with `try.started` and one of `try.done`, `try.failed`, `try.stopped`. */
  submit(attempt: Try): void;
  /**
   * Stops a try: one in the queue at once; a running one gets its abort signal, and after `graceMs` its worker is
   * killed where that is possible. Confirmed by `try.stopped`, unless a result or failure comes first.
   */
  stop(lease: Lease, reason: unknown, graceMs: number): void;
  /** Why a try is still queued here; for `future.why()`. */
  why(lease: Lease): string | undefined;
  /** Ends everything the executor opened. Resolves when no process, thread, timer or file of it is left. */
  close(): Promise<void>;
  /** Of an executor that consists of blocks: what it can be told, and what there is. One that was broken goes on by `recover`. */
  readonly control?: BlockControl;
  readonly pool?: { snapshot(): BlocksSnapshot };
}

/** For the routing policy. */
export interface ExecutorLoad {
  readonly queued: number;
  readonly running: number;
  /** Tries that can run at once. */
  readonly slots: number;
}

/** Fences one try: reports of another `tryIndex` are late and dropped. */
export interface Lease {
  readonly taskId: string;
  /** From 0. */
  readonly tryIndex: number;
}

/** One try of a task, as an executor gets it. */
export interface Try extends Lease {
  readonly kind: 'function' | 'shell';
  /** Name of the task function. */
  readonly name: string;
  /** See `Definition.identity`. */
  readonly identity: string;
  readonly moduleUrl: string;
  /** The argument list: encoded by the troupe's serializer, or as it is for an executor that does not copy. */
  readonly args: { readonly bytes: Uint8Array } | { readonly values: readonly unknown[] };
  /** Larger first. */
  readonly priority: number;
  readonly resources: Resources;
  readonly timeLimitMs: number | undefined;
  /** How long it is expected to take: it is given only to what lives that long. */
  readonly timeRequestMs?: number | undefined;
  readonly shell: ShellSettings | undefined;
  /** Paths of declared outputs: checked after success. */
  readonly outputs: readonly string[];
}

/** Where a shell task's command runs and where its streams go. */
export interface ShellSettings {
  readonly stdout?: StreamTarget;
  readonly stderr?: StreamTarget;
  /** @defaultValue the driver's working directory */
  readonly cwd?: string;
  /** Added to the worker's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What comes out of a try: encoded, or as it is from an executor that does not copy. */
export type Payload = { readonly bytes: Uint8Array } | { readonly value: unknown };

/** What an executor says about a try. */
export type TryReport = Lease &
  (
    | { readonly type: 'try.launched' }
    | { readonly type: 'try.started'; readonly place: Place }
    | { readonly type: 'try.progress'; readonly progress: unknown }
    /** Console output or a stream of the try, to be forwarded. */
    | { readonly type: 'try.output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
    | { readonly type: 'try.done'; readonly result: Payload; readonly place?: Place }
    /** `error` is encoded as a value (an Error) or given as it is; `output` is the tail (4 kB) of the console. */
    | { readonly type: 'try.failed'; readonly kind: FailureKind; readonly error: Payload; readonly output?: string; readonly place?: Place }
    | { readonly type: 'try.stopped' }
  );
