/** `docs/machines.md`, from the machines that run; `docs.mjs` writes it. Reads `dist/`, which is built first when it is stale. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { build, staleness } from './build.mjs';
import { report, root } from './process.mjs';

const built = (file) => import(pathToFileURL(join(root, 'dist', file)).href);

export async function machinesPage() {
  if (staleness() !== undefined) {
    const { code, output } = await build();
    if (code !== 0) report(`dist was built with type errors\n${output}`);
  }
  const { machines } = await built('api/cli/machine-view.js');
  const { markdown } = await built('api/cli/machine-page.js');
  const views = [...machines().values()];
  const contents = views.map(({ name, description }) => `- [${name}](#${name}): ${description}`);
  const text = `# Machines

The state machines that run, drawn from the very objects: \`troupe machines\` prints them anywhere, \`troupe/machines\` exports them.
A transition reads \`event [guard] / actions\`; of several for one event the first whose guard holds is taken; what stands within a
state does not leave it; a thick border marks a final state. Replaceable guards, actions and delays carry out the answer of a policy, see
[retry](policies/retry.md), [routing](policies/routing.md) and [dependency](policies/dependency.md); all others are bounds and effects.

<!-- Made by \`npm run docs\`. Do not edit. -->

${contents.join('\n')}

${views.map(markdown).join('\n\n')}
`;
  return { text, problem: undefined };
}
