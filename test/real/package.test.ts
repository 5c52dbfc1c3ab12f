/** The packed file, installed in an empty folder: what it brings, what its types need, what a first program does. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { root } from './support/repository.ts';
import { must, sh } from './support/shell.ts';

const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
};
/** `troupe`, `troupe/executors`, … */
const entries = Object.keys(exports)
  .filter((path) => path !== './package.json' && !path.includes('*'))
  .map((path) => path.replace('.', 'troupe'));

let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-package-'));
  await must(root, 'npm', ['pack', '--silent', '--pack-destination', folder]);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', version: '1.0.0', type: 'module', private: true }));
  await must(folder, 'npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', `./${tarball}`]);
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  symlinkSync(join(root, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Compiles one file in the consumer's folder with the strictest settings. */
async function compile(name: string, text: string, settings: Readonly<Record<string, unknown>>): Promise<string> {
  writeFileSync(join(folder, name), text);
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2023'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    noEmit: true,
    ...settings,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [name] }));
  const { code, stdout, stderr } = await sh(folder, join(root, 'node_modules/.bin/tsc'), ['-p', '.']);
  return code === 0 ? '' : stdout + stderr;
}

const program = `import { Troupe, task } from 'troupe';

export const square = task(import.meta, 'square', (n) => n * n);
export const sum = task(import.meta, 'sum', (ns) => ns.reduce((a, b) => a + b, 0));

const troupe = await Troupe.start();
try {
  console.log(await sum(troupe.map(square, [1, 2, 3, 4])));
} finally {
  await troupe.close();
}
`;

const typedProgram = `import { Troupe, task, type Future } from 'troupe';

export const square = task(import.meta, 'square', async (n: number) => n * n);
export const sum = task(import.meta, 'sum', (ns: readonly number[]) => ns.reduce((a, b) => a + b, 0));

const troupe = await Troupe.start();
const total: Future<number> = sum(troupe.map(square, [1, 2, square(2)]));
const value: number = await total;
// @ts-expect-error: a number is asked for
square('one');
await troupe.close();
console.log(value);
`;

describe('the tarball', () => {
  it('has what is published and nothing else', () => {
    const installed = join(folder, 'node_modules/troupe');
    for (const name of ['dist/index.js', 'dist/index.d.ts', 'README.md', 'LICENSE', 'CHANGELOG.md', 'docs/errors.md']) {
      expect(existsSync(join(installed, name)), name).toBe(true);
    }
    for (const name of ['src', 'test', 'examples', 'scripts', 'out']) expect(existsSync(join(installed, name)), name).toBe(false);
  });

  it('brings no development tool', () => {
    for (const name of ['typescript', 'vitest', 'tsx', 'esbuild']) expect(existsSync(join(folder, 'node_modules', name)), name).toBe(false);
  });

  it('runs a ten-line program', async () => {
    writeFileSync(join(folder, 'main.js'), program);
    const { code, stdout, stderr } = await sh(folder, process.execPath, ['main.js']);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '30\n', stderr: '' });
  });

  it.each(entries)('%s can be imported', async (entry) => {
    const { code, stderr } = await sh(folder, process.execPath, [
      '--input-type=module',
      '--eval',
      `const m = await import('${entry}'); if (Object.keys(m).length === 0) process.exit(3);`,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it.each(Object.keys(bin))('installs the program %s', async (name) => {
    const { code, stdout } = await sh(folder, join(folder, 'node_modules/.bin', name), ['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(name);
  });
});

describe('its types', () => {
  it('compile for users of the root entry, declarations included', async () => {
    expect(await compile('typed.ts', typedProgram, { skipLibCheck: false })).toBe('');
  });

  it('compile for every entry', async () => {
    const text = entries.map((entry, index) => `import * as m${index} from '${entry}';\nvoid m${index};\n`).join('');
    expect(await compile('entries.ts', text, { skipLibCheck: true })).toBe('');
  });
});
