/** The check of a policy that is given in a configuration: of a troupe, or of an executor. */
import { z } from 'zod';

/** Refuses what is of another kind, has no name, or cannot decide. For the registry, it is a place for a plugin. */
export const policySchema = (kind: string): z.ZodType<{ readonly kind: string }> =>
  z
    .custom<{ readonly kind: string }>(
      (value) =>
        typeof value === 'object' &&
        value !== null &&
        (value as { kind?: unknown }).kind === kind &&
        typeof (value as { name?: unknown }).name === 'string' &&
        typeof (value as { decide?: unknown }).decide === 'function' &&
        !((value as { retries?: number }).retries !== undefined && !((value as { retries: number }).retries >= 0)),
      `is not a ${kind} policy: { kind: '${kind}', name, decide(snapshot) }${kind === 'retry' ? ', with retries from 0' : ''}`,
    )
    .meta({ plugin: kind });
