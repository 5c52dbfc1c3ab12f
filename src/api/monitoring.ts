/** `troupe/monitoring`: what a run has left behind, read, told and replayed. */
export { readLog, storyOf } from '../actors/read-log.ts';
export type { LogRecords, LogSource, ReadLogOptions } from '../actors/read-log.ts';
export { checkReplay, replay } from '../actors/replay.ts';
export type { Divergence, ReplayedStep, ReplayOptions, ReplayReport } from '../actors/replay.ts';
export { LOG_FORMAT } from '../actors/log-records.ts';
export type {
  ClosedRecord,
  DeadLetterRecord,
  FactRecord,
  GapRecord,
  LogLevel,
  LogRecord,
  OpenedRecord,
  RunConfig,
  RunInfo,
  SettledRecord,
  SpawnedRecord,
  StepRecord,
  StoppedRecord,
} from '../actors/log-records.ts';
export type { StoryEvent, TaskDigest } from '../machines/model/story.ts';
