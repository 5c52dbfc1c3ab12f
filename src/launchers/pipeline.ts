/** The way of a command from the manager's own to the one that a job runs. */
import { ConfigError } from '../machines/model/errors.ts';
import type { Launcher, LaunchTarget, LaunchTransform } from './port.ts';

/**
 * The command of a job: transforms in their order, then the launcher.
 *
 * @throws ConfigError of the launcher, and when a step gives what is no command.
 */
export function launchPipeline(
  argv: readonly string[],
  transforms: readonly LaunchTransform[],
  launcher: Launcher,
  at: LaunchTarget,
): readonly string[] {
  const steps = [...transforms.map((step, i) => [`transforms.${i}`, step] as const), ['launcher', launcher.launch.bind(launcher)] as const];
  return steps.reduce<readonly string[]>((words, [field, step]) => {
    const next: unknown = step(words, at);
    if (isCommand(next)) return next;
    throw new ConfigError(`${field} gave what is no command: an array of texts without NUL, at least one`, { field, value: next });
  }, argv);
}

const isCommand = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string' && !word.includes('\0'));
