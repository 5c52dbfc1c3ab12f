/**
 * Every message between a manager and one of its worker processes. Both are of one installation, so it has no version.
 * What comes up is checked, since code of the user runs there; what goes down is trusted, so that a worker need not
 * load what checks.
 */
import { z } from 'zod';

const lease = z.number().int().min(1);
const leases = z.array(lease);
const bytes = z.instanceof(Uint8Array) as unknown as z.ZodType<Uint8Array>;
const message = <T extends string, S extends z.core.$ZodLooseShape>(t: T, shape: S) => z.object({ t: z.literal(t), ...shape });

const upward = {
  /** It takes orders. */
  ready: message('ready', {}),
  /** Tries that ended, in the order in which they were given. `totalMs` is what all of them took, `longestMs` the longest. */
  ended: message('ended', { leases, outcomes: z.array(bytes), totalMs: z.number().min(0), longestMs: z.number().min(0) }),
  /** Answers `revoke`, and `stop` of what has not started: what is given back, and what had started or ended. */
  revoked: message('revoked', { leases, kept: leases }),
  progress: message('progress', { lease, value: bytes }),
  output: message('output', { lease, stream: z.enum(['stdout', 'stderr']), text: z.string() }),
  /** Process groups of its commands: all that live. */
  groups: message('groups', { pids: z.array(z.number().int().min(2)) }),
} as const;
type Wire<S> = S extends z.ZodType<infer M> ? { readonly [K in keyof M]: M[K] extends (infer E)[] ? readonly E[] : M[K] } : never;
/** Worker → manager. */
export type FromWorker = { [T in keyof typeof upward]: Wire<(typeof upward)[T]> }[keyof typeof upward];
export type FromWorkerOf<T extends FromWorker['t']> = Extract<FromWorker, { t: T }>;

/** Manager → worker. */
export type ToWorker =
  /** The first message. */
  | {
      readonly t: 'setup';
      /** Modules with a `register()`, called before anything of the user is imported. */
      readonly registers: readonly string[];
      /** What a try may forward of its console output. */
      readonly outputBytes: number;
      /** URLs of modules that are imported while there is nothing to run. */
      readonly preload: readonly string[];
      /** Names of the accelerators of its slot. */
      readonly accelerators: readonly string[];
    }
  /** Run these behind what you have, one after another. */
  | { readonly t: 'run'; readonly leases: readonly number[]; readonly works: readonly Uint8Array[] }
  /** Give back what has not started. */
  | { readonly t: 'revoke'; readonly leases: readonly number[] }
  /** Abort it, or give it back. `reason` is encoded as a value. */
  | { readonly t: 'stop'; readonly lease: number; readonly reason: Uint8Array; readonly graceMs: number }
  /** Abort what runs, and end. */
  | { readonly t: 'end'; readonly graceMs: number };

/** One frame from a worker, checked. */
export const fromWorkerSchema: z.ZodType<readonly FromWorker[]> = z.array(
  z.discriminatedUnion('t', Object.values(upward) as unknown as [(typeof upward)['ready'], (typeof upward)['ended']]),
) as never;
