/**
 * Where `bundle.ts` keeps its files: by content, so that any number of processes may write at once and none ever
 * sees half a file or another version. What nobody has used for a week is removed.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  accessSync,
  constants,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';

import { packageOf } from './definitions.ts';

export interface BundleCache {
  pathOf(name: string): string;
  /** Writes a file unless it is there. */
  write(name: string, content: () => string): void;
}

const KEPT_MS = 7 * 24 * 3_600_000;

/** The cache for modules of the package that `folder` belongs to. */
export function bundleCache(folder: string): BundleCache {
  const dir = cacheFolder(folder);
  prune(dir);
  const pathOf = (name: string): string => join(dir, name);
  return {
    pathOf,
    write(name, content) {
      const path = pathOf(name);
      const now = new Date();
      try {
        utimesSync(path, now, now); // there, and in use
      } catch {
        const draft = `${path}.${process.pid}.${threadId}.tmp`;
        writeFileSync(draft, content());
        renameSync(draft, path);
      }
    },
  };
}

/** Beside the packages of the project, as other tools do; else a folder of this user alone, since what is in it is run. */
function cacheFolder(folder: string): string {
  const modules = join(packageOf(folder)?.dir ?? folder, 'node_modules');
  if (existsSync(modules) && isWritable(modules)) {
    const dir = join(modules, '.cache', 'troupe');
    mkdirSync(dir, { recursive: true });
    return dir;
  }
  const uid = process.getuid?.() ?? 0;
  const dir = join(tmpdir(), `troupe-${uid}`);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const found = lstatSync(dir);
  const isOurs = found.isDirectory() && found.uid === uid && (found.mode & 0o022) === 0;
  return isOurs ? dir : mkdtempSync(`${dir}-`);
}

function isWritable(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function prune(dir: string): void {
  const before = Date.now() - KEPT_MS;
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    try {
      if (statSync(path).mtimeMs < before) rmSync(path);
    } catch {
      // somebody else has removed it
    }
  }
}
