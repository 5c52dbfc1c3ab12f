/**
 * Where the stdout and stderr of a shell task go: what its options may say, and the policy that names files by
 * itself. Pure; `actors/run-shell.ts` opens what comes out.
 */
import { isFileLike, utf8Bytes, type FileLike } from './command.ts';
import { ConfigError } from './errors.ts';

/**
 * Where a stream goes. A path or File alone means append, as in Parsl: the tries of a task follow one another.
 * `auto` asks the {@link StreamPathPolicy}. A relative path starts where the command runs.
 */
export type StreamOption =
  | string
  | FileLike
  | { readonly path: string | FileLike; readonly mode?: 'append' | 'truncate' }
  | { readonly auto: true };

/** A file for a stream; its folders are made. */
export interface StreamTarget {
  readonly path: string;
  readonly mode: 'append' | 'truncate';
}

/** What a name of a file can be made from. */
export interface StreamInfo {
  /** Folder of this run. */
  readonly runDir: string;
  readonly taskId: string;
  /** Name of the task function. */
  readonly name: string;
  /** From 0. */
  readonly tryIndex: number;
  readonly stream: 'stdout' | 'stderr';
  /** Free text of the user's, only for the name. */
  readonly label?: string;
}

/**
 * Names the file of an `{ auto: true }` stream.
 *
 * @throws Whatever it throws becomes the `cause` of a `ConfigError` at the call of the task.
 * @see Parsl, `std_autopath`
 */
export type StreamPathPolicy = (info: StreamInfo) => string | FileLike;

const TASKS_PER_FOLDER = 10_000;
const MAX_NAME_BYTES = 100; // two of these and the rest stay below the 255 of file systems

/**
 * `<runDir>/task_logs/0001/task_t12345_simulate_label.stdout`: ten thousand tasks a folder, one file for all tries.
 *
 * @see Parsl, `parsl/dataflow/dflow.py`, `default_std_autopath`
 */
export function taskLogs({ runDir, taskId, name, stream, label }: StreamInfo): string {
  const number = Number(/\d+/.exec(taskId)?.[0] ?? 0);
  const folder = String(Math.floor(number / TASKS_PER_FOLDER)).padStart(4, '0');
  const parts = ['task', taskId, name, ...(label === undefined ? [] : [label])].map(fileName);
  return `${runDir}/task_logs/${folder}/${parts.join('_')}.${stream}`;
}

/**
 * The file that a stream option means; `undefined` when the stream stays in memory.
 *
 * @param info - `runDir` is needed for `auto` alone.
 * @throws ConfigError with the stream's name as its field.
 */
export function streamTarget(
  option: StreamOption | undefined,
  stream: 'stdout' | 'stderr',
  info: Omit<StreamInfo, 'stream' | 'runDir'> & { readonly runDir?: string | undefined },
  policy: StreamPathPolicy = taskLogs,
): StreamTarget | undefined {
  if (option === undefined) return undefined;
  if (typeof option === 'string' || isFileLike(option)) return { path: pathOf(option, stream, option), mode: 'append' };
  const { path, mode = 'append', auto } = (option ?? {}) as { readonly path?: unknown; readonly mode?: unknown; readonly auto?: unknown };
  if (auto === true && path === undefined) return { path: automatic(stream, info, policy), mode: 'append' };
  if (mode !== 'append' && mode !== 'truncate') {
    throw new ConfigError(`${stream}.mode is ${String(mode)}; it is 'append' or 'truncate'`, { field: `${stream}.mode`, value: mode });
  }
  return { path: pathOf(path, stream, option), mode };
}

function automatic(
  stream: 'stdout' | 'stderr',
  info: Omit<StreamInfo, 'stream' | 'runDir'> & { readonly runDir?: string | undefined },
  policy: StreamPathPolicy,
): string {
  const { runDir } = info;
  const who = `${info.name} (${info.taskId})`;
  if (runDir === undefined) {
    throw new ConfigError(
      `${who} asks for a ${stream} file named automatically, and there is no folder for it: set runDir in the configuration, or give a path`,
      {
        field: stream,
        value: { auto: true },
      },
    );
  }
  let answer: unknown;
  try {
    answer = policy({ ...info, runDir, stream });
  } catch (cause) {
    throw new ConfigError(
      `the policy for stream paths threw when asked for the ${stream} of ${who}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        field: stream,
        value: { auto: true },
        cause,
      },
    );
  }
  return pathOf(answer, stream, answer, `the policy for stream paths answered, for ${who}, with`);
}

function pathOf(path: unknown, stream: 'stdout' | 'stderr', value: unknown, what = `${stream} is`): string {
  const text = isFileLike(path) ? path.path : path;
  if (typeof text === 'string' && text !== '' && !text.includes('\0')) return text;
  throw new ConfigError(`${what} ${describe(path)}; a path, a File, { path, mode } or { auto: true } is what can be used`, {
    field: stream,
    value,
  });
}

const describe = (value: unknown): string =>
  typeof value === 'string'
    ? JSON.stringify(value)
    : value === null || value === undefined
      ? String(value)
      : Array.isArray(value)
        ? 'an array'
        : `of type ${typeof value}`;

/** Text that is safe as part of a file's name, whole characters of at most 100 bytes. */
function fileName(text: string): string {
  let bytes = 0;
  let result = '';
  for (const char of text.replace(/[^\p{L}\p{N}.=,+-]+/gu, '_')) {
    bytes += utf8Bytes(char);
    if (bytes > MAX_NAME_BYTES) break;
    result += char;
  }
  return result;
}
