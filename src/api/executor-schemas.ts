/** What may be said of `inline()` and `threads()`: checked where they are called, and known to the registry. */
import { z } from 'zod';

import { lazy } from '../machines/model/lazy.ts';

export const schemas = lazy(() => {
  const label = z.string().min(1, 'is empty; give the executor a name');
  const workers = z.number().int('must be a whole number').min(1, 'must be 1 or more');
  const outputBytes = z.custom<number>((value) => typeof value === 'number' && value >= 0, 'must be a number of bytes, 0 or more');
  const megabytes = z.number().positive();
  return {
    inline: z.strictObject({ label, workers, copy: z.boolean(), outputBytes }).partial(),
    threads: z
      .strictObject({
        label,
        workers,
        outputBytes,
        loader: z.enum(['auto', 'inherit', 'tsx', 'bundle']),
        resourceLimits: z
          .strictObject({
            maxOldGenerationSizeMb: megabytes,
            maxYoungGenerationSizeMb: megabytes,
            codeRangeSizeMb: megabytes,
            stackSizeMb: megabytes,
          })
          .partial(),
        env: z.record(z.string(), z.string()),
      })
      .partial(),
  } as const;
});
