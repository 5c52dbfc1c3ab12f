/** Routes to the executor with the least work per slot; among equals to the first. The default. */
import type { RoutingCandidate, RoutingPolicy } from './port.ts';

const load = ({ queued, running, slots }: RoutingCandidate): number => (queued + running) / Math.max(1, slots);

/** One for all: the firewall knows it as the default, which it need not watch. */
const policy: RoutingPolicy = Object.freeze({
  kind: 'routing',
  name: 'leastLoaded',
  decide: ({ candidates }) => ({ executor: candidates.reduce((best, next) => (load(next) < load(best) ? next : best)).label }),
} satisfies RoutingPolicy);

export const leastLoaded = (): RoutingPolicy => policy;
