/**
 * Runs the code of README.md and of the pages in docs/ as a reader would. A block takes part when its info string
 * names a file: ```ts title=first.ts. All such blocks of a page are written into one package folder, with a link to
 * this package; TypeScript is checked, then ts, js, mjs and sh files run in the order of the page. With
 * `run=false` a file is only written and checked, for others to import; `exit=1` expects that exit code.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, extname, join, relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const bin = join(root, 'node_modules/.bin');

interface Block {
  readonly file: string;
  readonly text: string;
  readonly runs: boolean;
  readonly exitCode: number;
}

function blocksOf(page: string): readonly Block[] {
  return [...readFileSync(page, 'utf8').matchAll(/^```(?:ts|js|sh|json)\s+(.*\btitle=(\S+).*)\n([\s\S]*?)^```$/gm)].map(
    ([, info = '', file = '', text = '']) => ({
      file,
      text,
      runs: !/\brun=false\b/.test(info) && ['.ts', '.js', '.mjs', '.sh'].includes(extname(file)),
      exitCode: Number(/\bexit=(\d+)/.exec(info)?.[1] ?? 0),
    }),
  );
}

const pages = [
  'README.md',
  ...(existsSync(join(root, 'docs'))
    ? readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((path) => `docs/${path}`)
    : []),
]
  .filter((path) => path.endsWith('.md') && !path.startsWith('docs/adr/'))
  .toSorted()
  .map((page) => ({ page, blocks: blocksOf(join(root, page)) }))
  .filter(({ blocks }) => blocks.length > 0);

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A package folder as `npm install troupe` would leave it. */
function packageFolder(blocks: readonly Block[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-readme-'));
  folders.push(folder);
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules/troupe'));
  for (const name of ['xstate', 'zod', '@types/node']) symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  const compilerOptions = { ...compilerSettings(), noEmit: true, allowImportingTsExtensions: true };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'reader', version: '1.0.0', type: 'module', private: true }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['**/*.ts'] }));
  for (const { file, text } of blocks) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  return folder;
}

function compilerSettings(): Record<string, unknown> {
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as {
    readonly compilerOptions: Record<string, unknown>;
  };
  const { declaration, declarationMap, sourceMap, rewriteRelativeImportExtensions, ...rest } = compilerOptions;
  return rest;
}

function run(folder: string, command: string, args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` };
    for (const name of Object.keys(env))
      if (/^(VITEST|NODE_OPTIONS|NODE_ENV|npm_)/.test(name)) delete (env as Record<string, unknown>)[name];
    const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

const commandFor = (file: string): readonly [string, readonly string[]] =>
  file.endsWith('.sh') ? ['bash', ['-e', file]] : file.endsWith('.ts') ? ['tsx', [file]] : [process.execPath, [file]];

it('finds the pages with code', () => {
  expect(pages.map(({ page }) => page)).toContain('README.md');
});

describe.each(pages.map(({ page, blocks }) => [page, blocks] as const))('%s', (_page, blocks) => {
  const folder = packageFolder(blocks);

  it.runIf(blocks.some(({ file }) => file.endsWith('.ts')))('type-checks', async () => {
    const { code, output } = await run(folder, 'tsc', ['-p', '.']);
    expect(code, output).toBe(0);
  });

  it.each(blocks.filter(({ runs }) => runs).map((block) => [relative('.', block.file), block] as const))(
    '%s runs',
    async (_file, block) => {
      const { code, output } = await run(folder, ...commandFor(block.file));
      expect(code, output).toBe(block.exitCode);
    },
  );
});
