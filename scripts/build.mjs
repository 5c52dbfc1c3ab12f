/**
 * Builds `dist/`: declarations by tsc, JavaScript by esbuild. The new tree is made beside the old one and put in its
 * place in one step, so that what runs from `dist/` meanwhile never sees half of it, and no file of a deleted source
 * stays behind.
 */
import { existsSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

import { bundle, entries } from './bundle.mjs';
import { isMain, report, root, runTool } from './process.mjs';

const dist = join(root, 'dist');
const settings = ['tsconfig.json', 'tsconfig.build.json', 'package.json', 'scripts/build.mjs', 'scripts/bundle.mjs'];

const filesUnder = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : [];

/** Why a build is due, or `undefined`. */
export function staleness() {
  if (!existsSync(join(dist, 'index.js'))) return 'it is missing';
  const builtAt = statSync(join(dist, 'index.js')).mtimeMs; // when the build began
  const expected = new Set();
  for (const source of filesUnder(join(root, 'src')).filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))) {
    const built = join(dist, source.slice(join(root, 'src').length).replace(/\.ts$/, '.d.ts'));
    expected.add(built);
    if (!existsSync(built)) return `${source.slice(root.length + 1)} is new`;
    if (builtAt < statSync(source).mtimeMs) return `${source.slice(root.length + 1)} has changed`;
  }
  const changed = settings.find((name) => builtAt < statSync(join(root, name)).mtimeMs);
  if (changed !== undefined) return `${changed} has changed`;
  const missing = entries().find((path) => !existsSync(join(dist, `${path}.js`)));
  if (missing !== undefined) return `${missing} is an entry now`;
  const orphan = filesUnder(dist).find((file) => file.endsWith('.d.ts') && !expected.has(file));
  return orphan === undefined ? undefined : `${orphan.slice(root.length + 1)} has no source`;
}

/** Builds. Type errors give a code other than 0 and a `dist/` all the same; what cannot be bundled leaves the old one. */
export async function build() {
  const fresh = join(root, `dist.${process.pid}.new`);
  const old = join(root, `dist.${process.pid}.old`);
  const began = new Date();
  try {
    const [types, code] = await Promise.all([runTool('tsc', ['-p', 'tsconfig.build.json', '--outDir', fresh]), bundle(fresh)]);
    const result = { code: types.code || code.code, output: types.output + code.output };
    if (code.code === 0) {
      utimesSync(join(fresh, 'index.js'), began, began);
      if (existsSync(dist)) renameSync(dist, old);
      renameSync(fresh, dist);
    }
    return result;
  } finally {
    rmSync(old, { recursive: true, force: true });
    rmSync(fresh, { recursive: true, force: true });
  }
}

if (isMain(import.meta.url)) {
  const { code, output } = await build();
  process.stdout.write(output);
  report(code === 0 ? 'built dist' : existsSync(dist) ? 'the build has errors' : 'the build has failed');
  process.exitCode = code;
}
