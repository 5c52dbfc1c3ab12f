/** What the options of a task function come down to at one call of it. */
import type { TaskKind } from '../actors/definitions.ts';
import type { TaskSettings } from '../actors/records.ts';
import { streamTarget, type StreamPathPolicy } from '../machines/model/stream-paths.ts';
import type { AnyOptions } from './options.ts';

/** What is the same for all calls in a troupe. */
export interface SettingsHost {
  /** Of tasks that state none. */
  readonly retries: number;
  readonly runDir: string | undefined;
  readonly streamPath: StreamPathPolicy | undefined;
}

/** What the options of a call come down to. Made once for all calls with the same options, unless the task names files. */
export function settingsFor(host: SettingsHost): (options: AnyOptions, kind: TaskKind, taskId: string, name: string) => TaskSettings {
  const made = new WeakMap<AnyOptions, TaskSettings>();
  return (options, kind, taskId, name) => {
    if (kind === 'shell') return settingsOf(options, host.retries, shellSettings(options, { ...host, taskId, name }));
    let settings = made.get(options);
    if (settings === undefined) made.set(options, (settings = settingsOf(options, host.retries, undefined)));
    return settings;
  };
}

function settingsOf(options: AnyOptions, defaultRetries: number, shell: TaskSettings['shell']): TaskSettings {
  const { executors, retries = defaultRetries, priority = 0, resources = {}, timeRequestMs, timeLimitMs, outputs = [], key } = options;
  return { executors, retries, priority, resources, timeRequestMs, timeLimitMs, outputs: outputs.map(({ path }) => path), key, shell };
}

function shellSettings(
  { stdout, stderr, cwd, env, key }: AnyOptions,
  { taskId, name, runDir, streamPath }: SettingsHost & { readonly taskId: string; readonly name: string },
): TaskSettings['shell'] {
  const info = { taskId, name, tryIndex: 0, runDir, ...(key === undefined ? undefined : { label: key }) };
  const out = streamTarget(stdout, 'stdout', info, streamPath);
  const err = streamTarget(stderr, 'stderr', info, streamPath);
  return {
    ...(out === undefined ? undefined : { stdout: out }),
    ...(err === undefined ? undefined : { stderr: err }),
    ...(cwd === undefined ? undefined : { cwd }),
    ...(env === undefined ? undefined : { env }),
  };
}
