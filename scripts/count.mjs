/**
 * Adds up what a CI run did: each test by vitest's own reports, each other step of the gate (types, lint, build, …)
 * as one. A step that never came to run its tests counts as one failure. Arguments: exit codes of `npm test` and of
 * `npm run test:real`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { root } from './process.mjs';

function read(name) {
  try {
    return JSON.parse(readFileSync(join(root, 'out', name), 'utf8'));
  } catch {
    return undefined;
  }
}

let passed = 0;
let failed = 0;

/** Counts one vitest run. A failure that no test shows (a file that does not load, a threshold) counts as one. */
function addTests(report, ok) {
  const suites = report?.testResults ?? [];
  const broken = suites.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.every((each) => each.status !== 'failed'),
  );
  const failures = (report?.numFailedTests ?? 0) + broken.length;
  passed += report?.numPassedTests ?? 0;
  failed += ok ? failures : Math.max(failures, 1);
}

const [gate, real] = process.argv.slice(2).map(Number);
const steps = read('steps.json') ?? [];
const reports = { tests: 'vitest.json', 'type-tests': 'vitest-types.json' };
for (const { name, ok } of steps) {
  if (reports[name] !== undefined) addTests(read(reports[name]), ok);
  else if (ok) passed += 1;
  else failed += 1;
}
if (gate !== 0 && failed === 0) failed += 1;
addTests(read('vitest-real.json'), real === 0);

process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || gate !== 0 || real !== 0 || passed === 0 ? 1 : 0;
