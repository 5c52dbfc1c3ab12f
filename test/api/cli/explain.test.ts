/** `troupe explain`: reads a configuration from a module or from JSON, and prints what comes of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';

import { explainCommand } from '../../../src/api/cli/explain.ts';

const folder = mkdtempSync(join(tmpdir(), 'troupe-explain-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

const source = join(import.meta.dirname, '../../../src/api/executors.ts');
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** What it prints. */
async function explain(...args: readonly string[]): Promise<string> {
  let printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  await explainCommand()
    .exitOverride()
    .parseAsync([...args], { from: 'user' });
  return printed;
}

describe('troupe explain', () => {
  it('builds what is written as data', async () => {
    const path = file(
      'config.json',
      JSON.stringify({
        executors: [{ type: 'blocks', workers: 2, node: { cores: 4, memoryBytes: 8e9 }, block: { max: 3 } }],
        policies: { retry: { type: 'exponential', retries: 2 } },
      }),
    );
    expect(await explain(path)).toMatch(/^ {2}tasks at once, at most +6 +3 blocks × 2 workers$/m);
    expect(JSON.parse(await explain(path, '--json'))).toMatchObject({ slots: { init: 2, max: 6 } });
  });

  it('takes what a module exports as config, or as default', async () => {
    const executor = `{ kind: 'ours', label: 'ours', copies: true, open() {}, explain: () => ({ label: 'ours', kind: 'ours', slots: { init: 1, max: 7 }, facts: [] }) }`;
    const named = file('named.mjs', `export const config = { executors: [${executor}] };`);
    expect(JSON.parse(await explain(named, '--json'))).toMatchObject({ slots: { init: 1, max: 7 } });
    const only = file('only.mjs', `export default ${executor};`);
    expect(JSON.parse(await explain(only, '--json'))).toMatchObject({ executors: [{ label: 'ours' }] });
  });

  it('takes TypeScript', async () => {
    const path = file(
      'config.mts',
      `import { inline } from ${JSON.stringify(source)};\nexport const config = { executors: [inline({ workers: 3 as number })] };`,
    );
    expect(JSON.parse(await explain(path, '--json'))).toMatchObject({ slots: { init: 3, max: 3 } });
  });

  it('says what a module has to export', async () => {
    await expect(explain(file('empty.mjs', 'export const nothing = 1;'))).rejects.toThrow(/exports no configuration; export const config/);
  });

  it('says what is wrong with data, and where', async () => {
    await expect(explain(file('wrong.json', '{ "executors": [{ "type": "blokcs" }] }'))).rejects.toThrow(/there is no executor 'blokcs'/);
  });
});
