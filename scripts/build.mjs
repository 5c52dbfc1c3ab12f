/**
 * Builds `dist/` with plain tsc. The new tree is made beside the old one and put in its place in one step, so that
 * what runs from `dist/` meanwhile never sees half of it, and no file of a deleted source stays behind.
 */
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { isMain, report, root, runTool } from './process.mjs';

const dist = join(root, 'dist');

const filesUnder = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : [];

/** Why a build is due, or `undefined`. */
export function staleness() {
  if (!existsSync(dist)) return 'it is missing';
  const settings = Math.max(...['tsconfig.json', 'tsconfig.build.json'].map((name) => statSync(join(root, name)).mtimeMs));
  const expected = new Set();
  for (const source of filesUnder(join(root, 'src')).filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))) {
    const built = join(dist, source.slice(join(root, 'src').length).replace(/\.ts$/, '.js'));
    expected.add(built);
    if (!existsSync(built)) return `${source.slice(root.length + 1)} is new`;
    const builtAt = statSync(built).mtimeMs;
    if (builtAt < statSync(source).mtimeMs) return `${source.slice(root.length + 1)} has changed`;
    if (builtAt < settings) return 'the compiler settings have changed';
  }
  const orphan = filesUnder(dist).find((file) => file.endsWith('.js') && !expected.has(file));
  return orphan === undefined ? undefined : `${orphan.slice(root.length + 1)} has no source`;
}

/** Builds. Type errors give a code other than 0 and a `dist/` all the same. */
export async function build() {
  const fresh = join(root, `dist.${process.pid}.new`);
  const old = join(root, `dist.${process.pid}.old`);
  try {
    const result = await runTool('tsc', ['-p', 'tsconfig.build.json', '--outDir', fresh]);
    if (existsSync(fresh)) {
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
  report(code === 0 ? 'built dist' : 'the build has type errors');
  process.exitCode = code;
}
