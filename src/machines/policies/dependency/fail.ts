/** A task whose input failed is not run. The default. */
import type { DependencyPolicy } from './port.ts';

export const fail = (): DependencyPolicy => ({ kind: 'dependency', name: 'fail', decide: () => ({ run: false }) });
