/** Starts the command once, on the first node, as it is. */
import { checkReach } from './reach.ts';
import type { Launcher } from './port.ts';

/**
 * For blocks of one node with one copy: the command unchanged.
 *
 * @example
 * const executor = blocks({ provider: local(), launcher: simple() });
 */
export function simple(): Launcher {
  return {
    kind: 'simple',
    options: {},
    launch(argv, at) {
      checkReach('simple()', argv, at, { nodes: 1, ranksPerNode: 1 });
      return argv;
    },
  };
}
