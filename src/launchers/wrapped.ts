/** Puts words before the command: a container, `numactl`, or a program of one's own that starts it everywhere. */
import { z } from 'zod';

import { checked } from '../machines/model/checked.ts';
import { lazy } from '../machines/model/lazy.ts';
import type { Launcher } from './port.ts';
import { checkReach } from './reach.ts';

/** Options of {@link wrapped}. */
export interface WrappedOptions {
  /** The words, each an argument of its own: no shell reads them. */
  readonly prepend: readonly string[];
  /** True when the words start the command once a rank on every node by themselves, as `srun` does. @defaultValue false */
  readonly everyRank?: boolean;
}

export const wrappedSchema = lazy(() =>
  z.strictObject({
    prepend: z
      .array(z.string())
      .min(1, 'is empty; without words to prepend, use simple()')
      .describe('Words before the command, each an argument of its own.'),
    everyRank: z.boolean().optional().describe('The words start the command once a rank on every node by themselves.'),
  }),
);

/**
 * The command behind other words: `wrapped({ prepend: ['numactl', '--interleave=all'] })`.
 *
 * @throws ConfigError
 */
export function wrapped(options: WrappedOptions): Launcher {
  const { prepend, everyRank = false } = checked(wrappedSchema(), options, 'wrapped');
  const words = [...prepend];
  return {
    kind: 'wrapped',
    options: { prepend: words, ...(everyRank ? { everyRank } : undefined) },
    launch(argv, at) {
      checkReach(`wrapped(${words[0]} …)`, argv, at, everyRank ? {} : { nodes: 1, ranksPerNode: 1 });
      return [...words, ...argv];
    },
  };
}
