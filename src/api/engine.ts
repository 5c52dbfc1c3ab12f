/**
 * What a troupe runs on, loaded when one is started: workers import modules of task functions, and with them the root
 * entry, and need none of this.
 */
export { nanoid } from 'nanoid';

export { digestStory } from '../actors/recorder.ts';
export { openTroupe } from '../actors/troupe.ts';
export { taskMachine } from '../machines/task.ts';
export { threads } from './executors.ts';
export { forgottenStory, openRunLog } from './run-log.ts';
