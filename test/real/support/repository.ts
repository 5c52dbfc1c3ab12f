/** Where the repository is, and which pictures a run of the demo has left there. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../../..');

/** SVG files under a folder, written at or after `since`; paths from the folder. */
export function picturesSince(folder: string, since: number): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules' && name !== '.git')
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return picturesSince(path, since).map((below) => join(entry.name, below));
      return entry.isFile() && entry.name.endsWith('.svg') && statSync(path).mtimeMs >= since ? [entry.name] : [];
    })
    .toSorted();
}
