/** Packs the package once, then lets publint and attw look at the very file that would be published. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { root, run, runTool } from './process.mjs';

export async function checkPackage() {
  const folder = join(root, 'out/package');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  let output = '';
  for (const check of [
    () => run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder]),
    () => runTool('publint', ['run', '--strict', tarball(folder)]),
    () => runTool('attw', [tarball(folder), '--profile', 'esm-only', '--no-emoji', '--format', 'ascii']),
  ]) {
    const result = await check();
    output += result.output;
    if (result.code !== 0) return { code: result.code, output };
  }
  return { code: 0, output };
}

function tarball(folder) {
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'no-tarball.tgz');
}
