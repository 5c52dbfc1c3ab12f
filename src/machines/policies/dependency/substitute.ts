/** A task is run with a value in place of each input that failed. */
import type { DependencyPolicy } from './port.ts';

/** @param value - Within the contract for values; the same for every failed input. */
export const substitute = (value: unknown): DependencyPolicy => ({ kind: 'dependency', name: 'substitute', decide: () => ({ run: true, value }) });
