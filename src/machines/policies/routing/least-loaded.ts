/** Routes to the executor with the least work per slot; among equals to the first. The default. */
import type { RoutingCandidate, RoutingPolicy } from './port.ts';

const load = ({ queued, running, slots }: RoutingCandidate): number => (queued + running) / Math.max(1, slots);

export function leastLoaded(): RoutingPolicy {
  return {
    kind: 'routing',
    name: 'leastLoaded',
    decide: ({ candidates }) => ({ executor: candidates.reduce((best, next) => (load(next) < load(best) ? next : best)).label }),
  };
}
