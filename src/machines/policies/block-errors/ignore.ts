/** Blocks may fail as they like. Source: Parsl, `jobs/error_handlers.py`, `noop_error_handler`. */
import type { BlockErrorsPolicy } from './port.ts';

/** One for all: it has no state. */
const policy: BlockErrorsPolicy = Object.freeze({
  kind: 'blockErrors',
  name: 'ignore',
  decide: () => ({ bad: false }),
} satisfies BlockErrorsPolicy);

export const ignore = (): BlockErrorsPolicy => policy;
