/**
 * Bad when every block that there ever was has failed, and there were at least as many as are asked for at the start.
 * Source: Parsl, `jobs/error_handlers.py`, `simple_error_handler`. A block that ran for hours and was lost counts too, so
 * the loss of the only node fails everything that waits: the default is `neverReady`.
 */
import { failedEnds } from '../../model/blocks.ts';
import type { BlockErrorsPolicy } from './port.ts';

export function simple(): BlockErrorsPolicy {
  return Object.freeze({
    kind: 'blockErrors',
    name: 'simple',
    decide({ ended, live, limits }) {
      const threshold = Math.max(1, limits.init);
      // a block that lives has not failed: Parsl counts it among those that must have
      const bad = live === 0 && ended.length >= threshold && ended.every(({ end }) => failedEnds.has(end));
      return bad ? { bad, why: `all ${ended.length} blocks have failed, the last one with '${ended.at(-1)?.end}'` } : { bad };
    },
  } satisfies BlockErrorsPolicy);
}
