/** `troupe manager` and `troupe worker`: the programs that nodes start, by the name that a script can rely on. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { Command, Option } from 'commander';

import { programUrl } from '../programs.ts';

export function managerCommand(): Command {
  return new Command('manager')
    .description('run the manager of a node: connects to its driver, and runs its workers')
    .addOption(new Option('--connect <file>', 'what the driver wrote for the block; without it, JSON in TROUPE_CONNECT'))
    .addHelpText(
      'after',
      `
A block's job runs this; there is seldom a reason to run it by hand. The file has a secret: it must be readable for its
owner only. Ends with 0 when it was told to end, 3 when the driver refuses it, 4 when its workers do not come up.`,
    )
    .action(({ connect }: { readonly connect?: string }) => run('manager', connect === undefined ? [] : ['--connect', connect]));
}

export function workerCommand(): Command {
  return new Command('worker')
    .description('run one worker: for managers only, which speak with it over file descriptors 3 and 4')
    .action(() => run('worker', []));
}

/** In its place: same streams, same end. */
function run(name: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(programUrl(name)), ...args], {
    stdio: [0, 1, 2, ...(name === 'worker' ? [3, 4] : [])],
  });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGTERM', pass).on('SIGINT', pass);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      process.off('SIGTERM', pass).off('SIGINT', pass);
      process.exitCode = code ?? (signal === null ? 1 : 128);
      resolve();
    });
  });
}
