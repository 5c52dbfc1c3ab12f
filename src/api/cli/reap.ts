/** `troupe reap`: cancels what a driver that died has left, and says what it did. */
import { Argument, Command, InvalidArgumentError, Option } from 'commander';

import { aligned, print, report } from './output.ts';

const examples = `
Examples:
  $ troupe reap runs/latest             the blocks of the last run
  $ troupe reap runs                    of every run in this folder
  $ troupe reap runs/latest --json      what was done, for a program

Ends with 1 when something may still run: a driver that lives, a block that could not be cancelled.`;

interface Options {
  readonly force: boolean;
  readonly timeout: number;
  readonly json: boolean;
}

export function reapCommand(): Command {
  return new Command('reap')
    .description('cancel the blocks that a dead driver has left')
    .addArgument(new Argument('<run-dir>', 'folder of a run, or of many'))
    .addOption(new Option('--force', 'also when the driver may still live').default(false))
    .addOption(new Option('--timeout <seconds>', 'how long all of it may take').argParser(seconds).default(60))
    .addOption(new Option('--json', 'the report for a program').default(false))
    .addHelpText('after', examples)
    .action(async (runDir: string, { force, timeout, json }: Options) => {
      const { reap } = await import('../reap.ts');
      const found = await reap(runDir, { force, timeoutMs: 1000 * timeout });
      for (const problem of found.problems) report(problem);
      if (json) print(`${JSON.stringify(found, undefined, 2)}\n`);
      else if (found.refused !== undefined) report(`nothing was done: ${found.refused}; --force does it all the same`);
      else if (found.blocks.length === 0) print(found.ledgers.length === 0 ? `no ledger of jobs in ${runDir}\n` : 'nothing was left\n');
      else
        print(
          aligned(
            found.blocks.map(({ label, blockId, jobName, jobId = '', outcome, message = '' }) => [
              `${label}/${blockId}`,
              jobName,
              jobId,
              outcome,
              message,
            ]),
          ),
        );
      if (found.refused !== undefined || found.problems.length > 0 || found.blocks.some(({ outcome }) => outcome === 'failed'))
        process.exitCode = 1;
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number of seconds above 0.');
  return value;
}
