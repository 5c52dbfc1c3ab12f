/**
 * How fast does CO₂ rise at Mauna Loa, how much has its seasonal swing grown, and how sure can we be? About four
 * hundred tasks (shell commands, functions, joins) that answer it from the measured record; see README.md.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { File, Troupe, type Future } from 'troupe';
import { blocks } from 'troupe/executors';
import { retry, scaling } from 'troupe/policies';

import { randomFrom } from './science/statistics.ts';
import { fit, pilot, sweep } from './tasks/bootstrap.ts';
import { byDecade } from './tasks/decades.ts';
import { conclude, type Findings } from './tasks/findings.ts';
import { FULL, QUICK, type Plan } from './tasks/plan.ts';
import { archive, decades, fetch, months, tidy } from './tasks/record.ts';
import { recordBlocks } from './view/blocks.ts';
import { showProgress } from './view/progress.ts';
import { recordTasks } from './view/recorder.ts';
import { resultPicture } from './view/result-picture.ts';
import { countsAsText, findingsAsText } from './view/tables.ts';
import { timelinePicture } from './view/timeline-picture.ts';

const HELP = `Bootstraps the CO₂ record of Mauna Loa.

  --workers N   blocks of one worker each, at most (default: one a core, at most 8)
  --seed N      of all random numbers: the same seed gives the same numbers (default: 1958)
  --quick       a tenth of the work
  --out DIR     where the pictures go (default: out/demo)
  --help`;

/** The whole graph: every call makes a task, and takes futures for values that are still to come. */
function analyse(source: File, folder: string, plan: Plan): Future<Findings> {
  const inFolder = (name: string) => new File(join(folder, name));
  const compressed = inFolder('co2.csv.gz');
  // fetch does not wait for archive: it fails as long as there is nothing to fetch, and is tried again
  const record = tidy(fetch(compressed, inFolder('co2.csv')), inFolder('co2.txt'));
  void archive(source, compressed);
  const series = months(record, 0, 9999);
  const fitted = fit(series);
  const advice = pilot(fitted);
  return conclude({
    series,
    fit: fitted,
    pilot: advice,
    answers: sweep(fitted, advice, plan),
    decades: byDecade(record, decades(record), fitted, plan),
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      workers: { type: 'string', default: String(Math.min(8, availableParallelism())) },
      seed: { type: 'string', default: '1958' },
      quick: { type: 'boolean', default: false },
      out: { type: 'string', default: 'out/demo' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const workers = wholeNumber('workers', values.workers, 1);
  const seed = wholeNumber('seed', values.seed, 0);
  const out = resolve(values.out);
  const data = join(out, 'data');
  await rm(data, { recursive: true, force: true }); // the archive starts empty
  await mkdir(data, { recursive: true });

  await using troupe = await Troupe.start({
    name: 'climate',
    // one block to begin with; more while there is more to do than they can, given back after a second with nothing to do
    executors: [
      blocks({
        label: 'local',
        workers: 1,
        block: { init: 1, min: 1, max: workers },
        policies: { scaling: scaling.autoScale({ idleMs: 1000 }) },
      }),
    ],
    policies: { retry: retry.exponential({ retries: 5, initialMs: 300 }) },
    random: randomFrom(seed, 'jitter'), // of the back-off
  });
  const tasks = recordTasks(troupe, (line) => progress.tell(line));
  const pool = recordBlocks(troupe, (line) => progress.tell(line));
  const progress = showProgress(tasks, pool.blocks, process.stdout);
  const findings = await analyse(new File(co2Record), data, { seed, ...(values.quick ? QUICK : FULL) }).finally(progress.stop);
  await pool.shrunk(1);
  const counts = await troupe.close();

  console.log(findingsAsText(findings));
  await save(join(out, 'co2.svg'), resultPicture(findings));
  await save(join(out, 'timeline.svg'), timelinePicture(tasks));
  console.log(`tasks: ${countsAsText(counts)}`);
}

/** Real data of the Scripps CO₂ Program, as the package vega-datasets ships it. */
const co2Record = new URL('../data/co2-concentration.csv', import.meta.resolve('vega-datasets'));

async function save(path: string, svg: string): Promise<void> {
  await writeFile(path, svg);
  console.log(`picture: ${relative('', path)}`);
}

class UsageError extends Error {
  readonly code = 'ERR_PARSE_ARGS_VALUE'; // as those of parseArgs
}
function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new UsageError(`--${option} takes a whole number from ${least}, not '${text}'`);
  return value;
}

main().catch((error: Error & { readonly code?: string }) => {
  const isUsage = error.code?.startsWith('ERR_PARSE_ARGS') === true;
  console.error(isUsage ? `${error.message}\n\n${HELP}` : error);
  process.exitCode = isUsage ? 2 : 1;
});
