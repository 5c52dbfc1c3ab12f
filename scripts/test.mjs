/**
 * `npm test`: the whole local gate, in the order in which failures are cheapest. Steps of one row run two at
 * a time. It stops after the row in which something failed. `npm test -- lint tests` runs only the steps that are named.
 *
 * Every run leaves `out/steps.json` (what ran, how it ended) and the full output of each step in `out/logs/`.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { build } from './build.mjs';
import { checkPackage } from './check-package.mjs';
import { report, root, run, runTool } from './process.mjs';
import { setup } from './setup.mjs';

/** A run of vitest. One that left out a file has failed, whatever it says. */
async function vitest(report, pattern, args) {
  const json = join(root, 'out', report);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${json}`];
  const result = await runTool('vitest', ['run', ...args, ...reporters], { env: { NO_COLOR: '1', FORCE_COLOR: undefined } });
  if (!existsSync(json)) return { ...result, code: result.code || 1 };
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(json, 'utf8'));
  const files = readdirSync(join(root, 'test'), { recursive: true }).filter((name) => pattern.test(name) && !name.startsWith('real/'));
  const left = files.filter((name) => !testResults.some((each) => each.name === join(root, 'test', name)));
  const note = `${numPassedTests} passed${numFailedTests > 0 ? `, ${numFailedTests} failed` : ''}`;
  if (left.length === 0) return { ...result, note };
  return { code: result.code || 1, output: `${result.output}\nThese files were not run:\n${left.join('\n')}\n`, note };
}

/** A change of the public surface shows as a diff of etc/troupe.api.md: written here, refused in CI. */
function api() {
  mkdirSync(join(root, 'etc'), { recursive: true });
  return runTool('api-extractor', process.env.CI ? ['run'] : ['run', '--local']);
}

const rows = [
  // First, since examples and tests see the package as a user does: through dist/.
  { build },
  {
    types: () => runTool('tsc', ['-p', '.']),
    lint: () => runTool('oxlint', []),
    format: () => runTool('oxfmt', ['--check']),
    unused: () => runTool('knip', ['--no-progress']),
  },
  { tests: () => vitest('vitest.json', /\.test\.ts$/, ['--coverage']) },
  {
    'type-tests': () => vitest('vitest-types.json', /\.test-d\.ts$/, ['--config=vitest.types.config.ts']),
    package: checkPackage,
    api,
    docs: () => run(process.execPath, ['scripts/docs.mjs', '--check']),
  },
];

const summary = [];

async function step(name, work) {
  const started = Date.now();
  const { code, output, note = '' } = await work();
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  writeFileSync(join(root, `out/logs/${name}.log`), output);
  summary.push({ name, ok: code === 0, seconds: Number(seconds) });
  report(`${code === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(12)} ${seconds.padStart(6)} s  ${note}`);
  if (code !== 0) process.stderr.write(`\n${lastLines(output, 120)}\n\n`);
}

const lastLines = (text, count) => {
  const lines = text.trimEnd().split('\n');
  return lines.length <= count ? lines.join('\n') : [`… ${lines.length - count} lines before these …`, ...lines.slice(-count)].join('\n');
};

function fail(message) {
  report(message);
  process.exitCode = 1;
}

async function main(only) {
  const known = rows.flatMap((row) => Object.keys(row));
  const strange = only.find((name) => !known.includes(name));
  if (strange !== undefined) return fail(`there is no step "${strange}"; there are: ${known.join(', ')}`);
  const started = Date.now();
  rmSync(join(root, 'out/logs'), { recursive: true, force: true });
  for (const file of ['steps.json', 'vitest.json', 'vitest-types.json']) rmSync(join(root, 'out', file), { force: true });
  mkdirSync(join(root, 'out/logs'), { recursive: true });
  try {
    await setup({ build: false });
  } catch (error) {
    summary.push({ name: 'setup', ok: false, seconds: 0 });
    report(error.message);
  }
  for (const row of rows) {
    if (summary.some(({ ok }) => !ok)) break;
    const chosen = Object.entries(row).filter(([name]) => only.length === 0 || only.includes(name));
    if (chosen.length > 0) report(`…      ${chosen.map(([name]) => name).join(', ')}`);
    // Two at a time.
    const next = async () => {
      for (let entry = chosen.shift(); entry !== undefined; entry = chosen.shift()) await step(...entry);
    };
    await Promise.all([next(), next()]);
  }
  writeFileSync(join(root, 'out/steps.json'), `${JSON.stringify(summary, null, 2)}\n`);
  const failed = summary.filter(({ ok }) => !ok).map(({ name }) => name);
  const total = `${((Date.now() - started) / 1000).toFixed(0)} s`;
  if (failed.length > 0) return fail(`${failed.join(' and ')} failed after ${total}; full output is in out/logs/, later steps did not run`);
  report(`all ${summary.length} steps passed in ${total}`);
}

await main(process.argv.slice(2));
