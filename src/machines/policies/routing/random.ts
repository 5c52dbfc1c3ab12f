/** Routes to any executor, each with the same chance. Source: Parsl, `DataFlowKernel.submit`. */
import type { RoutingPolicy } from './port.ts';

export function random(): RoutingPolicy {
  return {
    kind: 'routing',
    name: 'random',
    decide: ({ candidates, random: drawn }) => ({ executor: candidates[Math.floor(drawn * candidates.length)]?.label ?? '' }),
  };
}
