/** A task whose input failed is not run. The default. */
import type { DependencyPolicy } from './port.ts';

/** One for all: the firewall knows it as the default, which it need not watch. */
const policy: DependencyPolicy = Object.freeze({
  kind: 'dependency',
  name: 'fail',
  decide: () => ({ run: false }),
} satisfies DependencyPolicy);

export const fail = (): DependencyPolicy => policy;
