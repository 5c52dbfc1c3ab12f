/** Part of launchers: what each can reach, checked before a command is made of it. */
import { ConfigError } from '../machines/model/errors.ts';
import type { LaunchTarget } from './port.ts';

/** Who starts the command where this launcher does not. */
const ways = {
  nodes: "for several nodes use the launcher of the batch system, or wrapped({ prepend: ['srun'], everyRank: true })",
  ranksPerNode: 'for several copies on one node use singleNode()',
} as const;

/** @throws ConfigError for a command that is none, and for a target that is out of reach. */
export function checkReach(
  launcher: string,
  argv: readonly string[],
  at: LaunchTarget,
  most: Partial<Record<keyof typeof ways, number>> = {},
): void {
  if (argv.length === 0) throw new ConfigError(`${launcher}: there is no command to start`, { field: 'argv', value: argv });
  for (const field of ['nodes', 'ranksPerNode'] as const) {
    const asked = at[field];
    if (!Number.isSafeInteger(asked) || asked < 1)
      throw new ConfigError(`${launcher}: ${field} is ${asked}, not a whole number from 1`, { field, value: asked });
    const reach = most[field] ?? asked;
    if (asked > reach)
      throw new ConfigError(
        `${launcher} starts one copy on ${field === 'nodes' ? 'the first node' : 'a node'}, and ${field} is ${asked}: ${ways[field]}`,
        {
          field,
          value: asked,
        },
      );
  }
}
