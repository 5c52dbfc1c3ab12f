/** The vocabulary of blocks: jobs as a provider knows them, blocks, managers, and the one snapshot of them all. Plain, serialisable data. */
import type { Capacity } from './resources.ts';

/** Why a block has ended; it never changes again. */
export const blockEnds = [
  /** The job ended by itself, with success, and nobody asked for it. */
  'completed',
  'failed',
  /** Cancelled from outside, by somebody else. */
  'cancelled',
  /** At its walltime: the normal end of a pilot, and no failure. */
  'timeout',
  'preempted',
  'nodeFailed',
  'outOfMemory',
  /** The job ended and no manager of it had ever registered. */
  'missing',
  /** The job ran on, but no manager was left for too long: cancelled by us. */
  'deserted',
  /** Given back by us. */
  'scaledIn',
  'submitFailed',
  /** The provider knows nothing of the job, and can prove nothing. */
  'unknown',
] as const;
export type BlockEnd = (typeof blockEnds)[number];

/** Ends that count against an executor; see the policy kind `blockErrors`. Source: Parsl, FAILED and MISSING. */
export const failedEnds: ReadonlySet<BlockEnd> = new Set(['failed', 'missing', 'submitFailed', 'nodeFailed', 'outOfMemory', 'deserted']);

export type BlockState = 'requested' | 'submitting' | 'pending' | 'held' | 'starting' | 'ready' | 'draining' | 'cancelling' | 'ended';

/** Where a job stands, as far as it is known: known, unknown, or gone with evidence. */
export type JobStatus =
  | { readonly type: 'known'; readonly phase: 'pending' | 'held' | 'running'; readonly message?: string }
  /** The provider could not say, this time: changes nothing. */
  | { readonly type: 'unknown'; readonly message: string }
  | { readonly type: 'gone'; readonly evidence: JobEnd };

/** How a job has ended. */
export interface JobEnd {
  readonly end: Extract<
    BlockEnd,
    'completed' | 'failed' | 'cancelled' | 'timeout' | 'preempted' | 'nodeFailed' | 'outOfMemory' | 'unknown'
  >;
  readonly exitCode?: number;
  readonly signal?: string;
  /** What the batch system says, in its own words. */
  readonly message?: string;
  /** The end (at most 2 kB) of what the job has written. */
  readonly stdout?: string;
  readonly stderr?: string;
}

/** What is asked of a provider: one job. */
export interface JobSpec {
  readonly blockId: string;
  /** Unique over all runs: what `find` looks for. Letters, digits, `-`, `_`, `.`; at most 60. */
  readonly name: string;
  readonly nodes: number;
  /** Longest life; `undefined` leaves it to the batch system. */
  readonly walltimeMs: number | undefined;
  /** The command that the job runs once, after the launch pipeline: on its first node. */
  readonly argv: readonly string[];
  /** Added to the environment of the job. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly workDir: string;
  /** Absolute paths of the files that the job's streams go to. */
  readonly stdout: string;
  readonly stderr: string;
}

/** One block, as policies, snapshots and the viewer see it. */
export interface BlockView {
  readonly blockId: string;
  readonly state: BlockState;
  /** When it entered its state. */
  readonly sinceMs: number;
  readonly requestedMs: number;
  /** When its first manager registered. */
  readonly readyMs?: number;
  readonly jobId?: string;
  readonly jobName: string;
  readonly end?: BlockEnd;
  readonly endedMs?: number;
  readonly why?: string;
  /** Of its managers: how many are connected, their workers, and the tries they have been given. */
  readonly managers: number;
  readonly workers: number;
  readonly tries: number;
  /** Since when it has had managers and no tries; absent while it has tries, and before a manager has registered. */
  readonly idleSinceMs?: number;
  /** When its walltime is over; absent without one, and before it runs. */
  readonly deadlineMs?: number;
}

export type ManagerState = 'registering' | 'ready' | 'held' | 'suspect' | 'draining' | 'lost' | 'drained';

/** One manager, as the driver sees it. */
export interface ManagerView {
  readonly managerId: string;
  readonly blockId: string;
  readonly state: ManagerState;
  readonly host: string;
  readonly pid: number;
  readonly registeredMs: number;
  readonly heardMs: number;
  readonly workers: number;
  readonly capacity: Capacity;
  /** Tries granted and not ended; how many more it takes now. */
  readonly tries: number;
  readonly credit: number;
  readonly idleSinceMs?: number;
  readonly deadlineMs?: number;
  /** What it said of itself when it registered. */
  readonly version: string;
  readonly node: string;
}

/** Limits on the number of blocks. They hold outside of every policy. */
export interface BlockLimits {
  /** Asked for at the start, whatever there is to do. */
  readonly init: number;
  /** Kept, from above and from below. */
  readonly min: number;
  /** Never exceeded, blocks counted from the moment they are decided on. */
  readonly max: number;
}

/** Everything there is to know of a blocks executor at one moment. */
export interface BlocksSnapshot {
  readonly label: string;
  readonly state: string;
  readonly why?: string;
  readonly limits: BlockLimits & { readonly nodes: number; readonly walltimeMs?: number };
  readonly queued: number;
  readonly granted: number;
  readonly running: number;
  readonly blocks: readonly BlockView[];
  readonly managers: readonly ManagerView[];
}
