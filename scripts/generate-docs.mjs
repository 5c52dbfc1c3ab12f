/**
 * Writes `docs/machines.md` from the machines that run; with `--check`, fails when the page is not what they say, and
 * shows where. Reads `dist/`, which is built first when it is older than the sources.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { build, staleness } from './build.mjs';
import { report, root } from './process.mjs';

const path = 'docs/machines.md';

const built = (file) => import(pathToFileURL(join(root, 'dist', file)).href);

async function machinesPage() {
  const { machines } = await built('api/cli/machine-view.js');
  const { markdown } = await built('api/cli/machine-page.js');
  const views = [...machines().values()];
  const contents = views.map(({ name, description }) => `- [${name}](#${name}): ${description}`);
  return `# Machines

The state machines that run, drawn from the very objects: \`troupe machines\` prints them anywhere, \`troupe/machines\` exports them.
A transition reads \`event [guard] / actions\`; of several for one event the first whose guard holds is taken; what stands within a
state does not leave it; a thick border marks a final state. Replaceable guards, actions and delays carry out the answer of a policy, see
[retry](policies/retry.md), [routing](policies/routing.md) and [dependency](policies/dependency.md); all others are bounds and effects.

<!-- Made by scripts/generate-docs.mjs: \`npm run docs\`. Do not edit. -->

${contents.join('\n')}

${views.map(markdown).join('\n\n')}
`;
}

/** The first line that differs, from both. */
function difference(current, wanted) {
  const [before, after] = [current.split('\n'), wanted.split('\n')];
  const at = after.findIndex((line, i) => line !== before[i]);
  const line = at === -1 ? after.length : at;
  const show = (text) => (text === undefined ? '(nothing)' : text.slice(0, 160));
  return `line ${line + 1}:\n  - ${show(before[line])}\n  + ${show(after[line])}`;
}

if (staleness() !== undefined) {
  const { code, output } = await build();
  if (code !== 0) report(`dist was built with type errors\n${output}`);
}
const file = join(root, path);
const current = existsSync(file) ? readFileSync(file, 'utf8') : '';
const wanted = await machinesPage();
if (current !== wanted && process.argv.includes('--check')) {
  report(`${path} is not what the machines say: run \`node scripts/generate-docs.mjs\`. ${difference(current, wanted)}`);
  process.exitCode = 1;
} else if (current !== wanted) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, wanted);
  report(`wrote ${path}`);
}
