/**
 * Steps of a launch pipeline: each takes the command of a manager and gives another. A step of one's own is a
 * function; these are the two that most need.
 */
import { ConfigError } from '../machines/model/errors.ts';
import type { LaunchTarget, LaunchTransform } from './port.ts';

/**
 * Words before the command, such as those that run it in a container.
 *
 * @param words - Each is an argument; a function makes them for the target.
 * @example
 * prepend(({ workDir }) => ['apptainer', 'exec', '--bind', workDir, 'node.sif'])
 */
export function prepend(words: readonly string[] | ((at: LaunchTarget) => readonly string[])): LaunchTransform {
  return (argv, at) => [...(typeof words === 'function' ? words(at) : words), ...argv];
}

/**
 * Variables for the command alone, by `env(1)`: for what the job itself must not see. Never for secrets, since every
 * user of a machine can read commands.
 *
 * @throws ConfigError for a name that no variable can have.
 */
export function environment(variables: Readonly<Record<string, string>>): LaunchTransform {
  const wrong = Object.keys(variables).find((name) => !/^[A-Za-z_]\w*$/.test(name));
  if (wrong !== undefined)
    throw new ConfigError(`environment: '${wrong}' is no name of a variable`, { field: wrong, value: variables[wrong] });
  const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return (argv) => (words.length === 0 ? argv : ['/usr/bin/env', ...words, ...argv]);
}
