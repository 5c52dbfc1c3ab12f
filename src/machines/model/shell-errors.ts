/** Errors of shell tasks, and of the files that tasks declare. */
import type { WithCause } from './general-errors.ts';
import { TaskError } from './task-errors.ts';

/** A shell command ended with a code that is not 0, or by a signal. */
export class ShellExitError extends TaskError {
  override readonly name = 'ShellExitError';
  readonly code = 'ERR_SHELL_EXIT';
  readonly command: string;
  /** `undefined` when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** At most the last 4 kB of each stream; empty when the stream went to a file. */
  readonly stdout: string;
  readonly stderr: string;
  constructor(
    message: string,
    details: {
      readonly taskId: string;
      readonly tryIndex?: number;
      readonly command: string;
      readonly exitCode?: number | undefined;
      readonly signal?: string | undefined;
      readonly stdout: string;
      readonly stderr: string;
    },
  ) {
    super(message, details);
    this.command = details.command;
    this.exitCode = details.exitCode;
    this.signal = details.signal;
    this.stdout = details.stdout;
    this.stderr = details.stderr;
  }
}

/** A shell command could not be started at all. */
export class ShellStartError extends TaskError {
  override readonly name = 'ShellStartError';
  readonly code = 'ERR_SHELL_START';
  readonly command: string;
  constructor(message: string, details: { readonly taskId: string; readonly tryIndex?: number; readonly command: string } & WithCause) {
    super(message, details);
    this.command = details.command;
  }
}

/** The body of a shell task returned something that is not a command. */
export class ShellCommandError extends TaskError {
  override readonly name = 'ShellCommandError';
  readonly code = 'ERR_SHELL_COMMAND';
}

/** A shell command wrote more to a stream that is kept in memory than may be kept, and was stopped. */
export class ShellOutputError extends TaskError {
  override readonly name = 'ShellOutputError';
  readonly code = 'ERR_SHELL_OUTPUT';
  readonly stream: 'stdout' | 'stderr';
  readonly limitBytes: number;
  constructor(
    message: string,
    details: { readonly taskId: string; readonly tryIndex?: number; readonly stream: 'stdout' | 'stderr'; readonly limitBytes: number },
  ) {
    super(message, details);
    this.stream = details.stream;
    this.limitBytes = details.limitBytes;
  }
}

/** A file for stdout or stderr could not be opened. */
export class StreamFileError extends TaskError {
  override readonly name = 'StreamFileError';
  readonly code = 'ERR_STREAM_FILE';
  readonly stream: 'stdout' | 'stderr';
  readonly path: string;
  constructor(
    message: string,
    details: {
      readonly taskId: string;
      readonly tryIndex?: number;
      readonly stream: 'stdout' | 'stderr';
      readonly path: string;
    } & WithCause,
  ) {
    super(message, details);
    this.stream = details.stream;
    this.path = details.path;
  }
}

/** The task ended well, yet files that it declared as outputs are not there. */
export class MissingOutputsError extends TaskError {
  override readonly name = 'MissingOutputsError';
  readonly code = 'ERR_MISSING_OUTPUTS';
  /** Paths, in the order of the declaration. */
  readonly outputs: readonly string[];
  constructor(message: string, details: { readonly taskId: string; readonly tryIndex?: number; readonly outputs: readonly string[] }) {
    super(message, details);
    this.outputs = details.outputs;
  }
}
