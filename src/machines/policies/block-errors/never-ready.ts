/**
 * Bad when nothing has ever come up: every block that there ever was has failed before a manager of it had registered,
 * and there were at least as many as are asked for at the start. A block that ran and was lost counts for nothing: it is
 * replaced. The default.
 */
import { failedEnds } from '../../model/blocks.ts';
import type { BlockErrorsPolicy } from './port.ts';

/** One for all: the firewall knows it as the default, which it need not watch. */
const policy: BlockErrorsPolicy = Object.freeze({
  kind: 'blockErrors',
  name: 'neverReady',
  decide({ ended, live, limits }) {
    const threshold = Math.max(1, limits.init);
    const bad = live === 0 && ended.length >= threshold && ended.every(({ end, hadManager }) => failedEnds.has(end) && !hadManager);
    return bad
      ? { bad, why: `all ${ended.length} blocks have failed before they were ready, the last one with '${ended.at(-1)?.end}'` }
      : { bad };
  },
} satisfies BlockErrorsPolicy);

export const neverReady = (): BlockErrorsPolicy => policy;
