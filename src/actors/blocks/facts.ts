/** What a provider says, checked where it enters: providers are plugins, and what they say of a batch system is hearsay. */
import { z } from 'zod';

import type { ProviderFact } from '../../providers/port.ts';

/** Longer texts are cut: the tails of a job's streams are at most 2 kB. */
const MAX_TEXT = 4000;
const text = z.string().transform((all) => all.slice(0, MAX_TEXT));
const id = z.string().min(1).max(1000);
/** `undefined` stands for absent: providers are written by hand. */
const maybe = <S extends z.ZodType>(schema: S): z.ZodOptional<S> => schema.optional();

const evidence = z.object({
  end: z.enum(['completed', 'failed', 'cancelled', 'timeout', 'preempted', 'nodeFailed', 'outOfMemory', 'unknown']),
  exitCode: maybe(z.number()),
  signal: maybe(text),
  message: maybe(text),
  stdout: maybe(text),
  stderr: maybe(text),
});
const status = z.discriminatedUnion('type', [
  z.object({ type: z.literal('known'), phase: z.enum(['pending', 'held', 'running']), message: maybe(text) }),
  z.object({ type: z.literal('unknown'), message: text }),
  z.object({ type: z.literal('gone'), evidence }),
]);

const schema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('jobs.submitted'), requestId: id, jobId: id }),
  z.object({ type: z.literal('jobs.refused'), requestId: id, message: text }),
  z.object({ type: z.literal('jobs.known'), requestId: id, jobs: z.record(z.string(), status) }),
  z.object({ type: z.literal('jobs.cancelled'), requestId: id }),
  z.object({ type: z.literal('jobs.found'), requestId: id, jobs: z.record(z.string(), id) }),
  z.object({ type: z.literal('jobs.failed'), requestId: id, message: text }),
  z.object({ type: z.literal('job.changed'), jobId: id, status }),
]);

/** The fact, or what is wrong with it. */
export function readFact(said: unknown): { readonly fact: ProviderFact } | { readonly wrong: string } {
  try {
    const { success, data, error } = schema.safeParse(said);
    if (success) return { fact: data as ProviderFact };
    const [issue] = error.issues;
    return { wrong: `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'is no fact'}`.slice(0, 500) };
  } catch (thrown) {
    return { wrong: `threw while it was read: ${typeof thrown}` }; // a getter, a proxy
  }
}
