/** What the options of a task function come down to at one call of it. */
import type { TaskKind } from '../actors/definitions.ts';
import type { TaskSettings } from '../actors/records.ts';
import { streamTarget, type StreamPathPolicy } from '../machines/model/stream-paths.ts';
import type { AnyOptions } from './options.ts';

/** What the options of a call come down to. */
export function settingsOf(
  options: AnyOptions,
  call: {
    readonly taskId: string;
    readonly name: string;
    readonly kind: TaskKind;
    readonly retries: number;
    readonly runDir: string | undefined;
    readonly streamPath: StreamPathPolicy | undefined;
  },
): TaskSettings {
  const { executors, retries = call.retries, priority = 0, resources: asked = {}, timeRequestMs, timeLimitMs, outputs = [], key } = options;
  return {
    executors,
    retries,
    priority,
    resources: asked,
    timeRequestMs,
    timeLimitMs,
    outputs: outputs.map(({ path }) => path),
    key,
    shell: call.kind === 'shell' ? shellSettings(options, call) : undefined,
  };
}

function shellSettings(
  { stdout, stderr, cwd, env, key }: AnyOptions,
  { taskId, name, runDir, streamPath }: Parameters<typeof settingsOf>[1],
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
