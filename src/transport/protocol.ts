/**
 * Every message between a driver and its managers, and between a manager and its workers, versioned. A message is an
 * object with a type `t`; what there are many of (grants, ends) goes in columns, a batch a message. Work and outcomes
 * are bytes that only their ends read: the driver's executor and the worker.
 *
 * A grant of work has a number, its *lease*: it is made once, for one try on one manager, and never used again, so it
 * fences the task, the try and the manager at once.
 */
import { z } from 'zod';

import type { Capacity } from '../machines/model/resources.ts';

export { outcomeTags } from '../machines/model/outcome-tags.ts';

export { PROTOCOL } from '../machines/model/protocol-version.ts';

const count = z.number().int().min(0);
const lease = z.number().int().min(1);
const bytes = z.instanceof(Uint8Array) as unknown as z.ZodType<Uint8Array>;
const text = z.string().max(100_000);
const amounts = z
  .object({ cores: z.number().min(0), memoryBytes: z.number().min(0), gpus: z.number().min(0) })
  .partial() as unknown as z.ZodType<Capacity>;

const message = <T extends string, S extends z.core.$ZodLooseShape>(t: T, shape: S) => z.object({ t: z.literal(t), ...shape });

/** Manager → driver. */
const upward = {
  /** The first message on every link. */
  register: message('register', {
    managerId: z.string().min(1).max(64),
    blockId: z.string().min(1).max(64),
    build: z.object({ protocol: count, version: text, bundleHash: text, node: text, platform: text }),
    host: z.string().max(255),
    pid: count,
    workers: count,
    capacity: amounts,
    /** How many leases it takes at once. */
    credit: count,
    /** How long it lives on, at most; absent without a walltime. */
    remainingMs: z.number().min(0).optional(),
    /** Leases it has and has not reported the end of, or has and was not acknowledged; in which worker, when it runs. */
    holds: z.array(lease),
    /** `seq` of the last reliable message that it has sent on any link. */
    sent: count,
  }),
  /** These run now. Not sent for tries that end within the same turn. `workers` names them, column by column. */
  started: message('started', { leases: z.array(lease), workers: z.array(z.string().max(300)) }),
  /** Reliable. Tries that ended in their worker: see {@link outcomeTags}. */
  ended: message('ended', { seq: count, leases: z.array(lease), outcomes: z.array(bytes), workers: z.array(z.string().max(300)) }),
  /** Reliable. A try's worker is gone, after its pipe was read to the end. */
  lost: message('lost', {
    seq: count,
    lease,
    kind: z.enum(['workerLost', 'oom']),
    message: text,
    worker: z.string().max(300),
    exitCode: z.number().optional(),
    signal: z.string().optional(),
    /** End of what the worker has written outside of tries. */
    stderr: text.optional(),
  }),
  /** Reliable. Leases that were given back before they started: recalled, stopped, or left over by a worker that ended. */
  returned: message('returned', { seq: count, leases: z.array(lease) }),
  progress: message('progress', { lease, value: bytes }),
  output: message('output', { lease, stream: z.enum(['stdout', 'stderr']), text: z.string() }),
  /** How many leases it takes at once, from now on. */
  credit: message('credit', { credit: count, workers: count }),
  /** It will end soon (walltime) and takes nothing new. */
  draining: message('draining', { why: text }),
  /** It has nothing left and goes. `isBroken`: its workers do not come up, and `why` says why. */
  leaving: message('leaving', { why: text, isBroken: z.boolean(), stderr: text.optional() }),
  note: message('note', { type: z.string().max(100), data: z.record(z.string(), z.unknown()) }),
  heartbeat: message('heartbeat', {}),
} as const;

/** Driver → manager. */
const downward = {
  /** Answers `register`. */
  welcome: message('welcome', {
    /** `seq` of the last reliable message that has arrived: the manager sends what is later again, in order. */
    received: count,
    /** Of the leases that the manager holds: those that are no longer its. It ends them without a word. */
    drop: z.array(lease),
    heartbeatMs: z.number().positive(),
  }),
  /** Readable; the manager ends. */
  refused: message('refused', { why: text }),
  grant: message('grant', { leases: z.array(lease), works: z.array(bytes) }),
  /** Reliable messages up to `seq` have arrived. */
  ack: message('ack', { seq: count }),
  /** Give back what has not started. Answered by `returned` with those that had not. */
  recall: message('recall', { leases: z.array(lease) }),
  /** End this try: its signal at once, its process group after `graceMs`. `reason` is encoded as a value. */
  stop: message('stop', { lease, reason: bytes, graceMs: z.number().min(0) }),
  /** Take nothing new, finish what runs, then leave. */
  drain: message('drain', {}),
  /** Leave now: stop what runs. */
  end: message('end', { why: text }),
  heartbeat: message('heartbeat', {}),
} as const;

const all = { ...upward, ...downward } as const;
type Wire<S> = S extends z.ZodType<infer M> ? { readonly [K in keyof M]: M[K] extends (infer E)[] ? readonly E[] : M[K] } : never;
export type Message = { [T in keyof typeof all]: Wire<(typeof all)[T]> }[keyof typeof all];
export type MessageOf<T extends Message['t']> = Extract<Message, { t: T }>;
export type Upward = { [T in keyof typeof upward]: Wire<(typeof upward)[T]> }[keyof typeof upward];
export type Downward = { [T in keyof typeof downward]: Wire<(typeof downward)[T]> }[keyof typeof downward];

/** One frame, checked. What is too much in an object is dropped: a newer peer may say more. */
export const frameSchema: z.ZodType<readonly Message[]> = z.array(
  z.discriminatedUnion('t', Object.values(all) as unknown as [(typeof all)['ack'], (typeof all)['grant']]),
) as never;
