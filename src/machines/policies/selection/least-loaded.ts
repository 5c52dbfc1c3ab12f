/** Selects the manager with the most free credit for its size; among equals the first. The default. */
import type { SelectionCandidate, SelectionPolicy } from './port.ts';

/** Share of it that is free. */
export const freedom = ({ credit, workers }: SelectionCandidate): number => credit / Math.max(1, workers);

/** The freest of them, the first of equals. */
export function freest(candidates: readonly SelectionCandidate[]): SelectionCandidate | undefined {
  let best: SelectionCandidate | undefined;
  // a loop: asked once a grant
  for (const candidate of candidates) if (best === undefined || freedom(candidate) > freedom(best)) best = candidate;
  return best;
}

/** One for all: the firewall knows it as the default, which it need not watch. */
const policy: SelectionPolicy = Object.freeze({
  kind: 'selection',
  name: 'leastLoaded',
  decide: ({ candidates }) => ({ managerId: freest(candidates)?.managerId ?? '' }),
} satisfies SelectionPolicy);

export const leastLoaded = (): SelectionPolicy => policy;
