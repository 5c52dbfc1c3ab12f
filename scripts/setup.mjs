/**
 * Makes a fresh clone ready: installs what package-lock.json names when something of it is missing, and builds
 * `dist/` when it is missing or older than `src/`. `npm run demo` and `npm test` start here, so that each of them
 * works as the first command. Plain Node without dependencies: nothing is installed yet.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { build, staleness } from './build.mjs';
import { isMain, report, root, run } from './process.mjs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  report(`troupe needs Node 20.19 or newer; this is ${process.versions.node}`);
  process.exit(1);
}

/** Why an install is due, or `undefined` when `node_modules` holds what the lock file names. */
export function missingPackages() {
  const installedFile = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedFile)) return 'node_modules is missing';
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.link === true) continue;
    const found = installed[path];
    // Packages for other platforms, and peers that are not wanted, are rightly absent.
    if (found === undefined && entry.optional !== true && entry.devOptional !== true && entry.peer !== true)
      return `${path} is not installed`;
    if (found !== undefined && found.version !== entry.version) return `${path} is ${found.version}, not ${entry.version}`;
  }
  return undefined;
}

async function install(reason) {
  report(`installing the packages of package-lock.json (${reason}) …`);
  // Not `npm ci`: it refuses a lock file that leaves out optional binaries for other platforms, as npm writes one when
  // a registry lacks them. This installs what the lock file names, finds the platform's own binaries, and saves nothing.
  const started = Date.now();
  const args = ['install', '--no-save', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  const { code } = await run('npm', args, { inherit: true });
  if (code !== 0) throw new Error(`npm install failed with exit code ${code}`);
  report(`installed in ${seconds(started)} s`);
}

/** @param {{ build?: boolean }} options - `build: false` leaves `dist/` alone. */
export async function setup(options = {}) {
  const missing = missingPackages();
  if (missing !== undefined) await install(missing);
  const stale = options.build === false ? undefined : staleness();
  if (stale === undefined) return;
  report(`building dist (${stale}) …`);
  const started = Date.now();
  const { code, output } = await build();
  if (code !== 0) throw new Error(`the build failed:\n${output}`);
  report(`built in ${seconds(started)} s`);
}

const seconds = (since) => ((Date.now() - since) / 1000).toFixed(1);

if (isMain(import.meta.url)) {
  try {
    await setup();
  } catch (error) {
    report(error.message);
    process.exit(1);
  }
}
