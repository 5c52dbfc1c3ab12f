/**
 * Every error this library throws or rejects with. Facts are fields, messages are sentences that name the
 * ids and the way out, and nothing is ever decided by parsing a message.
 */
export {
  TroupeError,
  ClosedError,
  ConfigError,
  DefinitionError,
  EventLogError,
  ExecutorError,
  InternalError,
  InvalidTransitionError,
  NoTroupeError,
  RemoteError,
} from './general-errors.ts';
export type { ErrorCode } from './general-errors.ts';
export { SubmitRefusedError } from './provider-errors.ts';
export {
  MissingOutputsError,
  ShellCommandError,
  ShellExitError,
  ShellOutputError,
  ShellStartError,
  StreamFileError,
} from './shell-errors.ts';
export {
  CancelledError,
  DependencyError,
  JoinError,
  SerializationError,
  TaskError,
  TaskNotFoundError,
  TimeLimitError,
  UnroutableError,
  NodeLostError,
  WorkerLostError,
} from './task-errors.ts';
export type { FailedInput } from './task-errors.ts';
export { WorkError } from './work-errors.ts';
export type { WorkFailure } from './work-errors.ts';
