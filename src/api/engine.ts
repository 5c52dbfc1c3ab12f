/**
 * What a troupe runs on, loaded when one is started: workers import modules of task functions, and with them the root
 * entry, and need none of this.
 */
import type { ExecutorPlugin } from '../actors/executors/port.ts';
import { blocks } from './blocks.ts';

export { nanoid } from 'nanoid';

export { digestStory } from '../actors/recorder.ts';
export { openTroupe } from '../actors/troupe.ts';
export { taskMachine } from '../machines/task.ts';
/** What runs tasks when a configuration names nothing: a worker process a core, one block of them, kept. */
export const defaultExecutor = (): ExecutorPlugin => blocks({ block: { min: 1 } });
export { forgottenStory, openRunLog } from './run-log.ts';
