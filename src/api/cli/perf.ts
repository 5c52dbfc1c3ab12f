/** `troupe perf`: what troupe itself costs on this machine, measured with tasks that do nothing. */
import { Command, InvalidArgumentError, Option } from 'commander';

import type { ExecutorPlugin } from '../../actors/executors/port.ts';
import * as executors from '../executors.ts';
import { aligned, print, report } from './output.ts';
import type { PerfResult, PerfSettings } from './perf-measure.ts';

type Factory = (options: { readonly workers?: number; readonly listen?: { readonly tls: boolean } }) => ExecutorPlugin;
/** Every executor that can be made without more than a number of workers. */
const factories: Readonly<Record<string, Factory>> = { blocks: executors.blocks, inline: executors.inline, threads: executors.threads };

const examples = `
Examples:
  $ troupe perf                                      blocks of this machine, as many workers as there are cores
  $ troupe perf --executor blocks --workers 2 --tls  with encrypted links to the managers
  $ troupe perf --executor inline --tasks 100000     without threads: what the graph alone costs
  $ troupe perf --args-bytes 100000 --json           with 100 kB to each task; figures for a program
  $ troupe perf --chain --tasks 10000                only a chain, each task with the result of the one before`;

interface Options extends Pick<PerfSettings, 'tasks' | 'chain' | 'argsBytes' | 'warmup' | 'log'> {
  readonly executor: string;
  readonly workers?: number;
  readonly tls: boolean;
  readonly json: boolean;
}

export function perfCommand(): Command {
  return new Command('perf')
    .description('measure no-op tasks through the whole of troupe')
    .addOption(new Option('--executor <name>', 'what runs them').choices(Object.keys(factories)).default('blocks'))
    .addOption(new Option('--tasks <n>', 'independent tasks, all queued at once').argParser(countFrom(1)).default(50_000))
    .addOption(new Option('--workers <n>', 'tasks that run at once (default: the cores of this machine)').argParser(countFrom(1)))
    .addOption(new Option('--chain', 'measure only a chain of --tasks tasks').default(false))
    .addOption(new Option('--tls', 'encrypt the links of blocks').default(false))
    .addOption(new Option('--args-bytes <n>', 'size of the argument of each task').argParser(countFrom(0)).default(0))
    .addOption(new Option('--warmup <n>', 'tasks before anything is measured').argParser(countFrom(0)).default(10_000))
    .addOption(
      new Option('--log <level>', 'write an event log meanwhile, to a folder that is deleted')
        .choices(['off', 'summary', 'full'])
        .default('off'),
    )
    .addOption(new Option('--json', 'figures for a program').default(false))
    .addHelpText('after', examples)
    .action(async ({ executor, workers, tls, json, ...rest }: Options, command: Command) => {
      if (tls && executor !== 'blocks') command.error(`error: --tls is for blocks; ${executor} has no links`, { exitCode: 2 });
      const { measure } = await import('./perf-measure.ts'); // the rest of the program starts faster without it
      const plugin = factories[executor]?.({
        ...(workers === undefined ? undefined : { workers }),
        ...(tls ? { listen: { tls } } : undefined),
      });
      if (plugin === undefined) return;
      const result = await measure({
        ...rest,
        executor: plugin,
        progress: (what, done, of) => report(`${what}: ${number(done)} of ${number(of)} tasks`),
      });
      print(json ? `${JSON.stringify(result, undefined, 2)}\n` : table(result));
    });
}

function countFrom(least: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!/^\d+$/.test(text) || count < least || !Number.isSafeInteger(count))
      throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
    return count;
  };
}

const number = (value: number): string => value.toLocaleString('en-US');

function table(result: PerfResult): string {
  const { tasks, tasksPerSecond, callsPerSecond, latencyMs, chainTasks, chainTasksPerSecond, bytesPerWaitingTask, logBytesPerTask } =
    result;
  const { executor, workers, argsBytes, log, node, cores } = result;
  const rows = [
    ['throughput', tasksPerSecond, 'tasks/s', `${number(tasks)} independent tasks, all queued at once`],
    ['calls', callsPerSecond, 'calls/s', 'how fast they were queued'],
    ['round trip', latencyMs?.p50, 'ms p50', `one task at a time, ${number(latencyMs?.samples ?? 0)} times`],
    ['', latencyMs?.p95, 'ms p95', ''],
    ['', latencyMs?.p99, 'ms p99', ''],
    ['chain', chainTasksPerSecond, 'tasks/s', `${number(chainTasks)} tasks, each with the result of the one before`],
    ['waiting task', bytesPerWaitingTask, 'bytes', 'heap of the driver, its Future included'],
    ['event log', logBytesPerTask, 'bytes/task', `level ${log}`],
  ] as const;
  const found = rows.flatMap(([what, value, unit, note]) => (value === undefined ? [] : [[what, number(value), unit, note]]));
  return `${executor}, ${workers} workers, ${number(argsBytes)} bytes to each task; node ${node}, ${cores} cores\n\n${aligned(found, [1])}`;
}
