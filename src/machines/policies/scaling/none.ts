/** Asks for `init` blocks at first, and for nothing ever after. Source: Parsl, `jobs/strategy.py`, strategy `none`. */
import type { ScalingPolicy } from './port.ts';

/** One for all: it has no state. */
const policy: ScalingPolicy = Object.freeze({
  kind: 'scaling',
  name: 'none',
  decide({ isFirst, limits, blocks }) {
    const out = isFirst ? Math.max(0, Math.min(limits.init, limits.max - blocks.length)) : 0;
    return { out, in: [], ...(out > 0 ? { why: 'init' } : undefined) };
  },
} satisfies ScalingPolicy);

export const none = (): ScalingPolicy => policy;
