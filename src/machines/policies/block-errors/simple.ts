/**
 * Bad when every block that there ever was has failed, none of them had come up, and there were at least as many as are
 * asked for at the start. The default. Source: Parsl, `jobs/error_handlers.py`, `simple_error_handler`; there, a block
 * that ran for hours counts too, and the loss of the only node fails everything that waits.
 */
import { failedEnds } from '../../model/blocks.ts';
import type { BlockErrorsPolicy } from './port.ts';

/** One for all: the firewall knows it as the default, which it need not watch. */
const policy: BlockErrorsPolicy = Object.freeze({
  kind: 'blockErrors',
  name: 'simple',
  decide({ ended, live, limits }) {
    const threshold = Math.max(1, limits.init);
    // a block that lives has not failed: Parsl counts it among those that must have
    const bad = live === 0 && ended.length >= threshold && ended.every(({ end, hadManager }) => failedEnds.has(end) && !hadManager);
    return bad ? { bad, why: `all ${ended.length} blocks have failed, the last one with '${ended.at(-1)?.end}'` } : { bad };
  },
} satisfies BlockErrorsPolicy);

export const simple = (): BlockErrorsPolicy => policy;
