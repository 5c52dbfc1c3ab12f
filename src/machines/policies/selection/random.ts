/** Selects any manager, each with the same chance. Source: Parsl, `high_throughput/manager_selector.py`, `RandomManagerSelector`. */
import type { SelectionPolicy } from './port.ts';

/** One for all: it has no state. */
const policy: SelectionPolicy = Object.freeze({
  kind: 'selection',
  name: 'random',
  decide: ({ candidates, random: drawn }) => ({ managerId: candidates[Math.floor(drawn * candidates.length)]?.managerId ?? '' }),
} satisfies SelectionPolicy);

export const random = (): SelectionPolicy => policy;
