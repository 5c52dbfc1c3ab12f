#!/usr/bin/env node
/** The program `troupe`: its commands are in `api/cli`, one a file. Wrong usage ends with 2, anything else that fails with 1. */
import { readFileSync } from 'node:fs';

import { Command, CommanderError } from 'commander';

import { explainCommand } from '../cli/explain.ts';
import { machinesCommand } from '../cli/machines.ts';
import { endWithReader } from '../cli/output.ts';
import { perfCommand } from '../cli/perf.ts';
import { managerCommand, workerCommand } from '../cli/programs.ts';
import { reapCommand } from '../cli/reap.ts';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { readonly version: string };

const program = new Command('troupe')
  .description('tasks in parallel, every part of them a state machine')
  .version(version, '-V, --version')
  .addHelpText(
    'after',
    `
Examples:
  $ troupe machines task --format mermaid     draw the machine of a task
  $ troupe explain troupe.config.ts           what a configuration offers, and why so much
  $ troupe perf --executor threads            measure no-op tasks on this machine
  $ troupe reap runs/latest                   cancel what a driver that died has left
  $ troupe help perf                          options and examples of a command

TROUPE_DEBUG=1 shows errors with their stack.`,
  );
for (const command of [machinesCommand(), explainCommand(), perfCommand(), reapCommand(), managerCommand(), workerCommand()])
  program.addCommand(command);
for (const command of [program, ...program.commands]) {
  command.exitOverride().showHelpAfterError(`(see: troupe ${command === program ? '' : `${command.name()} `}--help)`);
}

endWithReader();
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = codeOf(error);
}

/** Help and version are no errors; commander has said already what is wrong with the usage. */
function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const isDebug = (process.env['TROUPE_DEBUG'] ?? '') !== '';
  const text = error instanceof Error ? ((isDebug ? error.stack : undefined) ?? error.message) : String(error);
  process.stderr.write(`troupe: ${isDebug ? text : text.split('\n')[0]}\n`);
  return 1;
}
