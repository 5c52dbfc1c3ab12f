/** troupe: a graph of tasks, every part of it a state machine. In the order of a first program. */
export { join, shell, task } from './api/task.ts';
export type { Module, ShellTask, Task, TaskMaking } from './api/task.ts';
export type { JoinOptions, ShellOptions, TaskOptions } from './api/options.ts';
export type { Arg, Args, Eventual, Params, Resolved } from './api/arguments.ts';
export { Troupe } from './api/troupe.ts';
export type { MachineLike, Policies, TroupeConfig } from './api/config.ts';
export type { Completed, StreamOptions } from './api/flow.ts';
export { DataFuture, Future } from './api/future.ts';
export type { FutureFailure } from './api/future.ts';
export type { ActorView, TaskActor, TaskView, TroupeActor, TroupeSnapshot, Waiting } from './api/views.ts';
export type { TroupeEvents } from './api/events.ts';
export type { ReapedBlock, ReapOutcome, ReapReport, ReapSettings } from './api/reap.ts';
export type {
  BlockEnd,
  BlockLimits,
  BlocksSnapshot,
  BlockState,
  BlockView,
  JobEnd,
  ManagerState,
  ManagerView,
} from './machines/model/blocks.ts';
export type { BlockControl, BlocksView } from './machines/model/block-control.ts';
export { explain } from './api/explain.ts';
export type { ExecutorExplanation, ExplainedFact, TroupeExplanation } from './api/explain.ts';
export { File } from './api/file.ts';
export { Command, sh } from './machines/model/command.ts';
export type { FileLike, Line, ShellResult, Word } from './machines/model/command.ts';
export type { StreamOption } from './machines/model/stream-paths.ts';
export { current } from './actors/current.ts';
export type { Current } from './actors/current.ts';
export { registerError } from './transport/serializers/errors.ts';
export type { Counts, ExecutorState, SettledState, TaskState } from './machines/model/states.ts';
export type { Budget, Failure, FailureKind } from './machines/model/failures.ts';
export type { Resources } from './machines/model/resources.ts';
export type { Place, StoryEvent, TaskDigest } from './machines/model/story.ts';
export {
  CancelledError,
  ClosedError,
  ConfigError,
  DefinitionError,
  DependencyError,
  EventLogError,
  ExecutorError,
  InternalError,
  InvalidTransitionError,
  JoinError,
  MissingOutputsError,
  NoTroupeError,
  RemoteError,
  SerializationError,
  ShellCommandError,
  ShellExitError,
  ShellOutputError,
  ShellStartError,
  StreamFileError,
  SubmitRefusedError,
  TaskError,
  TaskNotFoundError,
  TimeLimitError,
  TroupeError,
  UnroutableError,
  NodeLostError,
  WorkError,
  WorkerLostError,
} from './machines/model/errors.ts';
export type { ErrorCode, FailedInput, WorkFailure } from './machines/model/errors.ts';
