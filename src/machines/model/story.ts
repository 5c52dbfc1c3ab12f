/** What is told of tasks: lines of a story while they live, a digest when they have settled. Serialisable, without values. */
import type { Failure } from './failures.ts';
import type { SettledState } from './states.ts';

/** Lines kept for a live task. */
export const STORY_LENGTH = 64;
/** Sources kept in a digest. */
export const KEPT_SOURCES = 64;

/** Where a try ran. */
export interface Place {
  readonly host: string;
  /** Names one worker of the executor: `pid/threadId` or the like. */
  readonly worker: string;
  /** Of executors that run in blocks: the block, and its job as the provider names it. */
  readonly blockId?: string;
  readonly jobId?: string;
}

/** One line of a task's story. */
export interface StoryEvent {
  readonly seq: number;
  readonly atMs: number;
  readonly type: string;
  readonly taskId: string;
  readonly from: string;
  readonly to: string;
  /** `seq` of the step that caused it, of whichever actor; 0: from outside. */
  readonly causeId: number;
  /** The event as the task's machine got it. */
  readonly event: Readonly<{ type: string }>;
}

/** What remains of a settled task. Serialisable. */
export interface TaskDigest {
  readonly taskId: string;
  readonly name: string;
  readonly identity: string;
  readonly kind: 'function' | 'shell' | 'join';
  readonly state: SettledState;
  readonly parentId?: string;
  /** Task ids, at most {@link KEPT_SOURCES}; `inputs` counts all. */
  readonly dependsOn: readonly string[];
  readonly inputs: number;
  readonly tries: number;
  readonly submittedMs: number;
  /** Start of the last try; absent when none started. */
  readonly startedMs?: number;
  readonly settledMs: number;
  readonly executor?: string;
  readonly place?: Place;
  readonly timeRequestMs?: number;
  readonly key?: string;
  /** The last failure; absent when all went well at the first try. */
  readonly failure?: Failure;
  /** Size of the encoded result. */
  readonly bytes?: number;
}
