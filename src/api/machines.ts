/** `troupe/machines`: the machines that run, for drawing, testing, and replacing their pluggable members. */
export { dataflowMachine } from '../machines/dataflow.ts';
export { executorMachine } from '../machines/executor.ts';
export { taskMachine, taskPluggable } from '../machines/task.ts';
export { troupeMachine } from '../machines/troupe.ts';
export type { DataflowContext, DataflowEvent, DataflowMachine } from '../machines/dataflow.ts';
export type { ExecutorContext, ExecutorEvent, ExecutorMachine } from '../machines/executor.ts';
export type { TaskContext, TaskEvent, TaskInput } from '../machines/model/task.ts';
export type { TaskMachine } from '../machines/task.ts';
export type { TroupeContext, TroupeEvent, TroupeMachine } from '../machines/troupe.ts';
