/** placeholder while the executors are being written */
import type { ExecutorPlugin } from '../actors/executors/port.ts';
export const threads = (): ExecutorPlugin => {
  throw new Error('not yet');
};
