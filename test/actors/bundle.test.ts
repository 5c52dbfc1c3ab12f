import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { bundler } from '../../src/actors/bundle.ts';

const root = join(import.meta.dirname, '../..');

describe('bundler', () => {
  let folder = '';
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'troupe-bundle-')));
    mkdirSync(join(folder, 'node_modules'));
    for (const name of ['esbuild', '@esbuild', 'nanoid']) symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    write('package.json', JSON.stringify({ name: 'bundled', type: 'module', imports: { '#inside': './inside.ts' } }));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (path: string, text: string): string => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return pathToFileURL(file).href;
  };
  const cacheDir = (): string => join(folder, 'node_modules/.cache/troupe');
  const textOf = (url: string): string => readFileSync(fileURLToPath(url), 'utf8');
  const load = async (url: string): Promise<Readonly<Record<string, unknown>>> =>
    (await import(/* @vite-ignore */ url)) as Readonly<Record<string, unknown>>;

  it('makes JavaScript of a source and of all that it imports, and leaves the rest where it is', async () => {
    write('inside.ts', 'export const inside: string = "inside";');
    write('plain.mjs', 'export const plain = import.meta.url;');
    write('data.json', '{ "n": 7 }');
    const url = write(
      'main.ts',
      `import { inside } from '#inside';
       import { plain } from './plain.mjs';
       import data from './data.json';
       import { nanoid } from 'nanoid';
       import { join } from 'path';
       export const all: unknown[] = [inside, plain, data.n, typeof nanoid, join('a', 'b'), import.meta.url];`,
    );
    const made = await bundler().prepare(url);
    expect((await load(made))['all']).toEqual(['inside', pathToFileURL(join(folder, 'plain.mjs')).href, 7, 'function', 'a/b', url]);
    expect(textOf(made)).toContain(pathToFileURL(join(root, 'node_modules/nanoid')).href);
  });

  it('gives modules that import each other one instance each', async () => {
    write('a.ts', `import { b } from './b.ts'; export const a = (): string => 'a'; export const viaB = (): string => b();`);
    const url = write('b.ts', `import { a } from './a.ts'; export const b = (): string => a() + 'b';`);
    const bundle = bundler();
    const [b, a] = await Promise.all([bundle.prepare(url), bundle.prepare(new URL('a.ts', url).href)]);
    expect(textOf(b)).toContain(a);
    expect(((await load(a))['viaB'] as () => string)()).toBe('ab');
  });

  it('names a file by all that it consists of: what has not changed is not written again', async () => {
    write('dep.ts', 'export const n = 1;');
    const url = write('main.ts', `export { n } from './dep.ts';`);
    const first = await bundler().prepare(url);
    expect(await bundler().prepare(url)).toBe(first);
    expect(readdirSync(cacheDir())).toHaveLength(2);
    write('dep.ts', 'export const n = 22;');
    const second = await bundler().prepare(url);
    expect(second).not.toBe(first);
    expect((await load(second))['n']).toBe(22);
  });

  it('sees one version of a source for as long as an executor is open', async () => {
    const url = write('main.ts', 'export const n = 1;');
    const bundle = bundler();
    const first = await bundle.prepare(url);
    write('main.ts', 'export const n = 22;');
    expect(await bundle.prepare(url)).toBe(first);
  });

  it('lets any number of bundlers write at once, and leaves no drafts', async () => {
    const url = write('main.ts', 'export const n: number = 1;');
    const made = await Promise.all(Array.from({ length: 8 }, () => bundler().prepare(url)));
    expect(new Set(made).size).toBe(1);
    expect(readdirSync(cacheDir())).toHaveLength(1);
  });

  it('removes what nobody has used for a week', async () => {
    const url = write('main.ts', 'export const n = 1;');
    const made = fileURLToPath(await bundler().prepare(url));
    const old = join(cacheDir(), 'old-0123.mjs');
    writeFileSync(old, '');
    const before = new Date(Date.now() - 8 * 24 * 3_600_000);
    utimesSync(old, before, before);
    utimesSync(made, new Date(Date.now() - 3_600_000), new Date(Date.now() - 3_600_000));
    await bundler().prepare(url);
    expect(existsSync(old)).toBe(false);
    expect(Date.now() - statSync(made).mtimeMs).toBeLessThan(60_000); // in use
  });

  it('honours the conditions of the driver', async () => {
    write(
      'node_modules/conditional/package.json',
      JSON.stringify({ name: 'conditional', type: 'module', exports: { special: './special.js', default: './default.js' } }),
    );
    write('node_modules/conditional/special.js', 'export const which = "special";');
    write('node_modules/conditional/default.js', 'export const which = "default";');
    const url = write('main.ts', `export { which } from 'conditional';`);
    expect((await load(await bundler(['special']).prepare(url)))['which']).toBe('special');
    expect((await load(await bundler().prepare(url)))['which']).toBe('default');
  });

  it('refuses a source that is wrong with what esbuild says of it', async () => {
    const url = write('main.ts', 'export const = 1;');
    await expect(bundler().prepare(url)).rejects.toThrow(/main\.ts:1:13/);
  });

  it('leaves it to Node to say that a package is not there', async () => {
    const url = write('main.ts', `export const load = () => import('not-installed');`);
    const made = await load(await bundler().prepare(url));
    await expect((made['load'] as () => Promise<unknown>)()).rejects.toThrow(/not-installed/);
  });

  it('has a folder of its own user where the project has no node_modules', async () => {
    rmSync(join(folder, 'node_modules'), { recursive: true });
    const made = await bundler().prepare(write('main.ts', 'export const n = 1;'));
    const dir = dirname(fileURLToPath(made));
    expect(dir.startsWith(join(tmpdir(), `troupe-${process.getuid?.() ?? 0}`))).toBe(true);
    expect(statSync(dir).mode & 0o022).toBe(0);
  });

  it('leaves no process of esbuild behind', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap');
    await bundler().prepare(write('main.ts', 'export const n = 1;'));
    expect(process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap')).toEqual(before);
  });
});
