/**
 * `npm run test:real`: tests against real software. First it installs what the table says, with apt where it may
 * (root on Debian or Ubuntu); what is missing then is an error, never a reason to skip. `npm run test:real -- browser`
 * runs one file.
 */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { report, root, run } from './process.mjs';
import { setup } from './setup.mjs';

/** What each file of test/real needs: programs, and files that must exist; and Debian's packages that bring them. */
const needs = {
  package: { programs: ['npm', 'tar'], packages: [] },
  clone: { programs: ['git', 'npm'], packages: ['git'] },
  browser: {
    programs: ['chromium'],
    files: ['/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf'],
    packages: ['chromium', 'fonts-dejavu-core'],
  },
};

const isProgram = (name) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
const missingOf = ({ programs, files = [] }) => [
  ...programs.filter((name) => !isProgram(name)),
  ...files.filter((file) => !existsSync(file)),
];

async function provide(chosen) {
  const lacking = chosen.filter((name) => missingOf(needs[name]).length > 0);
  if (lacking.length === 0) return;
  const packages = [...new Set(lacking.flatMap((name) => needs[name].packages))];
  const what = lacking.map((name) => `${name} needs ${missingOf(needs[name]).join(', ')}`).join('; ');
  if (process.getuid?.() !== 0 || !isProgram('apt-get')) throw new Error(`${what}. On Debian: sudo apt-get install ${packages.join(' ')}`);
  report(`${what}: installing ${packages.join(', ')} …`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    const { code, output } = await run('apt-get', args, { env });
    if (code !== 0) throw new Error(`apt-get ${args[0]} failed:\n${output}`);
  }
  const still = chosen.flatMap((name) => missingOf(needs[name]));
  if (still.length > 0) throw new Error(`still missing after the installation: ${still.join(', ')}`);
}

try {
  const only = process.argv.slice(2);
  const strange = only.find((name) => needs[name] === undefined);
  if (strange !== undefined) throw new Error(`there is no real test "${strange}"; there are: ${Object.keys(needs).join(', ')}`);
  const unlisted = readdirSync(join(root, 'test/real')).find(
    (file) => file.endsWith('.test.ts') && needs[file.slice(0, -'.test.ts'.length)] === undefined,
  );
  if (unlisted !== undefined) throw new Error(`say in scripts/real.mjs what test/real/${unlisted} needs`);
  const chosen = only.length === 0 ? Object.keys(needs) : only;
  rmSync(join(root, 'out/vitest-real.json'), { force: true });
  mkdirSync(join(root, 'out'), { recursive: true });
  await setup();
  await provide(chosen);
  const reporters = ['--reporter=verbose', '--reporter=json', '--outputFile.json=out/vitest-real.json'];
  const filters = chosen.map((name) => `test/real/${name}.test.ts`);
  const { code } = await run(join(root, 'node_modules/.bin/vitest'), ['run', '--config=vitest.real.config.ts', ...reporters, ...filters], {
    inherit: true,
  });
  process.exitCode = code;
} catch (error) {
  report(error.message);
  process.exitCode = 1;
}
