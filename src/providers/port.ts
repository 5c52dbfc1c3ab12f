/**
 * What gets blocks: a batch system, this machine, a cloud. A provider says *how* a block is got; how many and how
 * large is said once, in `blocks({ provider, block })`.
 *
 * A provider is an event protocol: requests go in by `send`, facts come out by `tell`, whenever they are known.
 * `providerFrom` lifts plain async functions into it; an XState actor may speak it directly.
 */
import type { JobSpec, JobStatus } from '../machines/model/blocks.ts';

export type { JobEnd, JobSpec, JobStatus } from '../machines/model/blocks.ts';

/** A kind of provider with its options: data and functions, no live state. */
export interface Provider {
  /** `local`, `slurm`, … */
  readonly kind: string;
  /** Its options as plain data, from which a registry can build it again: what `troupe reap` does. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly traits: ProviderTraits;
  /** The text that `submit` would hand to the batch system, for a look at it; nothing is submitted. */
  render(job: JobSpec): string;
  open(host: ProviderHost): OpenProvider;
}

/** What is known of a provider before it is asked anything. */
export interface ProviderTraits {
  /** How often jobs are asked for when nothing else tells of them. 0: it tells by itself (`job.changed`), always. */
  readonly pollMs: number;
  /** Jobs in one request, at most. */
  readonly batch: number;
  /** Requests of submission a second, at most; `undefined` without a limit. */
  readonly submitsPerSecond?: number;
  /** The job runs on this machine: it reaches the driver's loopback address and sees its files. */
  readonly isLocal: boolean;
}

/** What a provider is given. */
export interface ProviderHost {
  /** Every fact; may be called at any time until `close` has resolved. Never throws. */
  tell(fact: ProviderFact): void;
  /** Ids of runs and executors, for names and comments. */
  readonly runId: string;
  /** Folder for scripts and logs of this executor; exists. */
  readonly dir: string;
}

/** Each has an id that the fact that answers it repeats. A request that is not answered in time counts as failed. */
export type ProviderRequest =
  | { readonly type: 'jobs.submit'; readonly requestId: string; readonly job: JobSpec }
  | { readonly type: 'jobs.status'; readonly requestId: string; readonly jobIds: readonly string[] }
  | { readonly type: 'jobs.cancel'; readonly requestId: string; readonly jobIds: readonly string[] }
  /** Which jobs have these names? After a submission whose answer was lost, and for `troupe reap`. */
  | { readonly type: 'jobs.find'; readonly requestId: string; readonly names: readonly string[] };

export type ProviderFact =
  | { readonly type: 'jobs.submitted'; readonly requestId: string; readonly jobId: string }
  /** It was not submitted, for sure. */
  | { readonly type: 'jobs.refused'; readonly requestId: string; readonly message: string }
  /** One status a job asked for; a job that is not in the answer is `unknown`. */
  | { readonly type: 'jobs.known'; readonly requestId: string; readonly jobs: Readonly<Record<string, JobStatus>> }
  /** Cancelling was taken on; that the jobs are gone is said by their status. */
  | { readonly type: 'jobs.cancelled'; readonly requestId: string }
  /** Name → job id; a name that is absent has no job, for sure. */
  | { readonly type: 'jobs.found'; readonly requestId: string; readonly jobs: Readonly<Record<string, string>> }
  /** The request failed; of a submission it is not known whether there is a job now. */
  | { readonly type: 'jobs.failed'; readonly requestId: string; readonly message: string }
  /** Unasked: a job has changed. */
  | { readonly type: 'job.changed'; readonly jobId: string; readonly status: JobStatus };

export interface OpenProvider {
  /** Never throws, never blocks. */
  send(request: ProviderRequest): void;
  /** Lets go of what it opened (connections, timers, watches). Jobs go on. */
  close(): Promise<void>;
}
