/**
 * `blocks({...}).start()`: the block executor alone, without a graph of tasks, for hosts that build their own service
 * on it. What they see of it; `start-block-service.ts` is loaded when one is started.
 */
import type { Clock } from '../actors/timers.ts';
import type { BlocksView } from '../machines/model/block-control.ts';
import type { Resources } from '../machines/model/resources.ts';
import type { BlockWork } from '../machines/model/work-events.ts';

export type { HostCall, HostEntry } from '../actors/run-call.ts';
export type { BlockControl, BlocksView } from '../machines/model/block-control.ts';
export type { BlocksSnapshot, BlockView, ManagerView } from '../machines/model/blocks.ts';
export type { BlockWork, WorkEvent } from '../machines/model/work-events.ts';
export type { WorkFailure } from '../machines/model/work-errors.ts';

export interface BlockServiceSettings {
  /** Shown in errors and in the log. @defaultValue `blocks-` and the run id */
  readonly name?: string;
  /** Parent folder of run folders: with it, what happens is written there, and `troupe reap` can clean up. @defaultValue a temporary folder */
  readonly runDir?: string;
  /** Source of time. @defaultValue the system's */
  readonly clock?: Clock;
  /** Uniform in [0, 1): for jitter and random selection. @defaultValue Math.random */
  readonly random?: () => number;
}

/** What runs work: a function `(payload, call) => Uint8Array` that a module of the host exports. */
export interface WorkerEntry {
  /** URL or absolute path: `new URL('./entry.js', import.meta.url)`. */
  readonly module: URL | string;
  /** Name of the export. @defaultValue run */
  readonly entry?: string;
}

export interface WorkOptions {
  readonly worker: WorkerEntry;
  readonly resources?: Resources;
  /** Larger first. @defaultValue 0 */
  readonly priority?: number;
  /** How long it needs, at least: it is given only to what lives that long. */
  readonly timeRequestMs?: number;
  /** Cancels the work when it aborts. */
  readonly signal?: AbortSignal;
  /** The host's own name for it: in events, errors and logs, and the `id` that the entry sees. */
  readonly correlationId?: string;
}

/** What is told, each with the time it is of. */
export interface BlockServiceEvents {
  /** What a snapshot shows has changed: at most once a turn of the event loop. */
  readonly change: { readonly atMs: number };
  /** One thing that happened to blocks, managers, workers or policies. */
  readonly note: { readonly atMs: number; readonly note: string; readonly data: Readonly<Record<string, unknown>> };
  /** Work has printed something. */
  readonly output: {
    readonly atMs: number;
    readonly workId: string;
    readonly correlationId: string | undefined;
    readonly stream: 'stdout' | 'stderr';
    readonly text: string;
  };
  /** Work has told how far it is. */
  readonly progress: {
    readonly atMs: number;
    readonly workId: string;
    readonly correlationId: string | undefined;
    readonly bytes: Uint8Array;
  };
}

/** A running pool of blocks that takes bytes and gives bytes. It is told as a pool of a troupe is, see {@link BlocksView}. */
export interface BlockService extends BlocksView {
  readonly name: string;
  /** Folder of this run; `undefined` when nothing is kept. */
  readonly runDir: string | undefined;
  /** Work that has not ended. */
  readonly size: number;
  /**
   * Gives work to a worker. Payloads are not copied: leave one as it is until its work has ended.
   *
   * @throws ConfigError for options that are wrong; ClosedError once `shutdown` was called.
   */
  submit(payload: Uint8Array, options: WorkOptions): BlockWork;
  /** Calls `listener` in a later turn. One that throws is reported as a warning. @returns Stops listening. */
  on<K extends keyof BlockServiceEvents>(type: K, listener: (event: BlockServiceEvents[K]) => void): () => void;
  /**
   * Takes no more work. `drain` waits for what there is, `kill` cancels it; then all blocks are given back. A second
   * call returns the same, and may turn a drain into a kill.
   *
   * @defaultValue drain
   */
  shutdown(options?: { readonly mode?: 'drain' | 'kill' }): Promise<void>;
  /** Kills, and says so if there was work left. */
  [Symbol.asyncDispose](): Promise<void>;
}
