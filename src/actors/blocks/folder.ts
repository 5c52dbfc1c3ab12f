/** The folder of one executor: what its blocks are told, what they write, and the ledger of its jobs. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ManagerConfigInput } from '../node/config.ts';

export interface Folder {
  readonly dir: string;
  /** Writes what a block's managers connect with, for nobody else to read. */
  keep(blockId: string, config: ManagerConfigInput): Promise<string>;
  forget(blockId: string): void;
  close(): Promise<void>;
}

/** Inside the folder of the run; without one, a temporary folder that is gone after `close`. */
export async function openFolder(label: string, runDir: string | undefined, runId: string): Promise<Folder> {
  const isTemporary = runDir === undefined;
  const dir = runDir === undefined ? await mkdtemp(join(tmpdir(), `troupe-${runId}-`)) : join(runDir, 'executors', fileName(label));
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const pathOf = (blockId: string): string => join(dir, `block-${blockId}.json`);
  let forgetting: Promise<void> = Promise.resolve();
  return {
    dir,
    async keep(blockId, config) {
      await writeFile(pathOf(blockId), JSON.stringify(config), { mode: 0o600 });
      return pathOf(blockId);
    },
    forget(blockId) {
      forgetting = forgetting.then(() => rm(pathOf(blockId), { force: true })).catch(() => {}); // of a folder that is gone
    },
    async close() {
      await forgetting;
      if (isTemporary) await rm(dir, { recursive: true, force: true });
    },
  };
}

const fileName = (label: string): string => label.replaceAll(/[^\w.-]/g, '_');
