/** Larger priorities first; among equals, first in first out. The default. */
import type { OrderingPolicy } from './port.ts';

/** One for all: the firewall knows it as the default, which it need not watch. */
const policy: OrderingPolicy = Object.freeze({
  kind: 'ordering',
  name: 'priority',
  decide: ({ priority: rank }) => ({ rank }),
} satisfies OrderingPolicy);

export const priority = (): OrderingPolicy => policy;
