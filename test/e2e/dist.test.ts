/** What is built: how little of it an import loads, and that code which was moved together still finds its way. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const dist = join(import.meta.dirname, '../../dist');
const built = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.js'));
const read = (path: string): string => readFileSync(join(dist, path), 'utf8');

/** What is loaded with a file before its first line runs: files of ours with their size, and packages. */
function loadedWith(entry: string): { readonly bytes: number; readonly packages: readonly string[] } {
  const packages = new Set<string>();
  const files = new Set<string>([entry]);
  for (const file of files) {
    for (const [, named, bare] of read(file).matchAll(/^(?:import|export)\b[^;"']*\bfrom "([^"]+)";$|^import "([^"]+)";$/gm)) {
      const specifier = named ?? bare ?? '';
      if (specifier.startsWith('.')) files.add(relative(dist, join(dist, dirname(file), specifier)));
      else if (!specifier.startsWith('node:')) packages.add(specifier);
    }
  }
  return { bytes: [...files].reduce((sum, file) => sum + read(file).length, 0), packages: [...packages].toSorted() };
}

describe('dist', () => {
  it('loads neither machines nor executors with the root entry: a worker imports it with its task functions', () => {
    const { bytes, packages } = loadedWith('index.js');
    expect(packages).toEqual(['cbor-x/encode']);
    expect(bytes).toBeGreaterThan(100_000);
    expect(bytes).toBeLessThan(400_000);
  });

  it.each(built.filter((path) => /^(index|api\/(bin\/)?[\w-]+)\.js$/.test(path)))('%s loads no native add-on and no pool', (path) => {
    // `cbor-x` loads `cbor-extract`, which takes as long as cbor-x itself and is slower at most messages
    expect(loadedWith(path).packages.filter((name) => ['cbor-x', 'piscina', 'zod'].includes(name))).toEqual([]);
  });

  it('has zod inside, without its texts in other languages, and with its licence', () => {
    const all = built.map(read).join('\n');
    expect(all).toContain('Unrecognized key');
    expect(all).not.toContain('Ungültig');
    expect(read('THIRD-PARTY.txt')).toMatch(/^zod [\d.]+\n\nMIT License/m);
  });

  it('knows where its modules were', () => {
    const places = built.flatMap((path) =>
      [...read(path).matchAll(/new URL\("([^"]+)", import\.meta\.url\)/g)].map(([, to = '']) => join(dist, dirname(path), to)),
    );
    expect(places.length).toBeGreaterThanOrEqual(3);
    for (const place of places) expect(existsSync(place.replace(/\.js$/, '.d.ts')), place).toBe(true);
  });

  it('has stacks that name functions, and with source maps the sources', () => {
    const code = `import { Troupe } from ${JSON.stringify(join(dist, 'index.js'))};
      await Troupe.start({ retires: 1 }).catch((error) => console.log(error.stack));`;
    const run = (...flags: string[]): string =>
      spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', code], { encoding: 'utf8' }).stdout;
    expect(run()).toMatch(/retires is not an option[^]*at checkConfig /);
    expect(run('--enable-source-maps')).toMatch(/at checkConfig \(.*src\/api\/config\.ts:\d+:\d+\)/);
  });
});
