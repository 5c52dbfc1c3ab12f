/**
 * What the event log is made of: one JSON object a line, told apart by `type`. Written by `event-log.ts`, checked
 * against `log-schemas.ts` by `read-log.ts`. Ids, sizes, digests and policy answers only; never a task's values.
 */
import type { TaskDigest } from '../machines/model/story.ts';

/** Readers refuse a log of a later format. Records may get more fields within one. */
export const LOG_FORMAT = 1;

/** `summary`: a record a settled task, and each fact. `full`: each macrostep too, which can be replayed. */
export type LogLevel = 'summary' | 'full';

/** How the troupe was set up, in words. */
export interface RunConfig {
  readonly executors: readonly { readonly label: string; readonly kind: string }[];
  /** Kind of policy → name of the policy. */
  readonly policies: Readonly<Record<string, string>>;
  /** Members of machines that are not the published ones: `task.guards.shouldRetry`. A replay needs them. */
  readonly replaced: readonly string[];
}

/** What `run.json` says, and the first record. */
export interface RunInfo {
  readonly format: number;
  /** Version of troupe. */
  readonly troupe: string;
  readonly name: string;
  readonly runId: string;
  readonly level: LogLevel;
  /** ISO 8601, of the wall clock; `t` of the records is on the troupe's clock. */
  readonly startedAt: string;
  readonly pid: number;
  readonly host: string;
  /** Version of Node. */
  readonly node: string;
  /** The script that was started. Its arguments are not kept: they may be secret. */
  readonly program: string;
  readonly config: RunConfig;
}

/** The first record. */
export interface OpenedRecord {
  readonly type: 'log.opened';
  /** Milliseconds on the troupe's clock, as in every record. */
  readonly t: number;
  readonly run: RunInfo;
}

/** An actor was made. Level `full`. */
export interface SpawnedRecord {
  readonly type: 'actor.spawned';
  readonly t: number;
  readonly actor: string;
  /** Id of its machine. */
  readonly machine: string;
  readonly input?: unknown;
  /** `seq` of the step that made it; 0: from outside. */
  readonly causeId: number;
}

/** An actor was stopped before it had ended. Level `full`. */
export interface StoppedRecord {
  readonly type: 'actor.stopped';
  readonly t: number;
  readonly actor: string;
  readonly causeId: number;
}

interface Taken {
  /** From 1, without gaps over steps and dead letters. */
  readonly seq: number;
  readonly t: number;
  readonly actor: string;
  /** Whole, as the machine got it. */
  readonly event: { readonly type: string };
  /** `seq` of the step that posted the event; 0: from outside. */
  readonly causeId: number;
}

/** One macrostep: an event taken by one actor. Level `full`. */
export interface StepRecord extends Taken {
  readonly type: 'step';
  readonly from: string;
  readonly to: string;
  /** The actor ended with an error in this step: a defect. */
  readonly failed?: true;
}

/** An event that reached an actor which had ended. Level `full`. */
export interface DeadLetterRecord extends Taken {
  readonly type: 'actor.deadLetter';
}

/** A task has settled. */
export interface SettledRecord {
  readonly type: 'task.settled';
  readonly t: number;
  readonly task: TaskDigest;
  /** Bytes it printed; absent when none. The text itself is the user's and stays out. */
  readonly output?: { readonly stdout: number; readonly stderr: number };
}

/** Anything else that happened: `executor.state`, `retry.decided`, `policy.faulted`, `task.progress`, … */
export interface FactRecord {
  readonly type: 'fact';
  readonly t: number;
  readonly fact: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Something in `data` was too large, and shortened. */
  readonly cut?: true;
}

/** Here records are missing. */
export interface GapRecord {
  readonly type: 'log.gap';
  /** When the last of them was lost. */
  readonly t: number;
  /** When the first of them was. */
  readonly sinceT: number;
  /** How many there were. */
  readonly records: number;
  /** How many of those a replay would need. */
  readonly steps: number;
  /** In words. */
  readonly why: string;
}

/** The last record of a log that was closed. */
export interface ClosedRecord {
  readonly type: 'log.closed';
  readonly t: number;
  /** Records before this one. */
  readonly records: number;
  /** Records that were lost, over all gaps. */
  readonly dropped: number;
  /** The last `seq`, and how many actors were made; 0 at level `summary`. */
  readonly lastSeq: number;
  readonly actors: number;
}

export type LogRecord =
  | OpenedRecord
  | SpawnedRecord
  | StoppedRecord
  | StepRecord
  | DeadLetterRecord
  | SettledRecord
  | FactRecord
  | GapRecord
  | ClosedRecord;
