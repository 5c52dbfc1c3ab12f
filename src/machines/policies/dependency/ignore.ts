/** A task is run without the inputs that failed: they arrive as `undefined`. */
import type { DependencyPolicy } from './port.ts';

export const ignore = (): DependencyPolicy => ({ kind: 'dependency', name: 'ignore', decide: () => ({ run: true }) });
