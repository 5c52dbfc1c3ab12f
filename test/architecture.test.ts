/**
 * The layout that the house keeps: rooms with a port, plugins with a test, a page and an export, imports in one
 * direction, files that fit in a head, error codes with a row each, and a root entry whose types need no XState.
 * A check that saw no files would pass too, so each says how many it saw.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const sources: readonly string[] = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => `src/${path}`)
  .toSorted();

/** A folder with one `port.ts` and otherwise one file a plugin. */
interface Room {
  readonly folder: string;
  /** The published entry that exports the plugins. */
  readonly entry: string;
  /** Page and, where plugins share one, the heading that a plugin has on it. */
  readonly page: (plugin: string) => { readonly file: string; readonly heading?: string };
  /** Files that are parts of plugins, and no plugins. */
  readonly parts?: readonly string[];
}

const camelCase = (name: string): string => name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
const rooms: readonly Room[] = [
  {
    folder: 'src/actors/executors',
    entry: 'dist/api/executors.js',
    page: (plugin) => ({ file: `docs/executors/${plugin}.md` }),
    parts: ['slots'],
  },
  {
    folder: 'src/transport',
    entry: 'dist/api/transport.js',
    page: (plugin) => ({ file: 'docs/transports.md', heading: camelCase(plugin) }),
    parts: [
      'addresses',
      'admission',
      'codec',
      'link',
      'memory-link',
      'outbox',
      'pipe',
      'protocol',
      'tls',
      'websocket-connect',
      'websocket-listen',
      'websocket-link',
    ],
  },
  {
    folder: 'src/providers',
    entry: 'dist/api/providers.js',
    page: (plugin) => ({ file: `docs/providers/${plugin}.md` }),
    parts: ['leader', 'local-job', 'processes', 'waits'],
  },
  {
    folder: 'src/launchers',
    entry: 'dist/api/launchers.js',
    page: (plugin) => ({ file: `docs/launchers/${plugin}.md` }),
    parts: ['pipeline', 'reach', 'transforms'],
  },
  {
    folder: 'src/transport/serializers',
    entry: 'dist/api/transport.js',
    page: (plugin) => ({ file: 'docs/serializers.md', heading: camelCase(plugin) }),
    parts: ['errors', 'natives', 'pack', 'scan', 'tags', 'unpack', 'walk'],
  },
  ...readdirSync(join(root, 'src/machines/policies'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name: kind }) => ({
      folder: `src/machines/policies/${kind}`,
      entry: 'dist/api/policies.js',
      page: (plugin: string) => ({ file: `docs/policies/${kind}.md`, heading: camelCase(plugin) }),
    })),
];
const plugins = rooms.flatMap((room) =>
  readdirSync(join(root, room.folder))
    .filter((file) => file.endsWith('.ts') && file !== 'port.ts')
    .map((file) => file.slice(0, -'.ts'.length))
    .filter((name) => !(room.parts ?? []).includes(name))
    .map((name) => ({ room, name, file: `${room.folder}/${name}.ts` })),
);
const eachPlugin = plugins.map((plugin) => [plugin.file, plugin] as const);
const eachRoom = rooms.map((room) => [room.folder, room] as const);

/** Every specifier that a file imports: statements, `import()` of values and of types. */
function specifiersOf(text: string): readonly string[] {
  return [...text.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)(['"])([^'"\n]+)\1/g)].map(([, , specifier]) => specifier ?? '');
}

/** Lines that are neither blank nor comment. */
function codeLines(text: string): number {
  let inComment = false;
  let count = 0;
  for (const line of text.split('\n').map((each) => each.trim())) {
    const starts = !inComment && line.startsWith('/*');
    if (starts) inComment = true;
    if (!inComment && line !== '' && !line.startsWith('//')) count++;
    if (inComment && line.includes('*/')) inComment = false;
  }
  return count;
}

/** What an entry exports under a name, itself or in a namespace such as `retry`. */
function exportedAs(name: string, entry: Readonly<Record<string, unknown>>): readonly unknown[] {
  const namespaces = Object.values(entry).filter(
    (value): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null,
  );
  return [entry, ...namespaces].map((each) => each[name]).filter((value) => value !== undefined);
}

describe('rooms and plugins', () => {
  it('are where they are looked for', () => {
    expect(rooms.map(({ folder }) => folder)).toEqual(
      expect.arrayContaining(['src/machines/policies/retry', 'src/machines/policies/routing', 'src/machines/policies/dependency']),
    );
    expect(plugins.map(({ file }) => file)).toEqual(
      expect.arrayContaining([
        'src/actors/executors/inline.ts',
        'src/actors/executors/threads.ts',
        'src/launchers/single-node.ts',
        'src/providers/local.ts',
        'src/transport/websocket.ts',
        'src/transport/serializers/cbor.ts',
        'src/machines/policies/retry/fixed.ts',
      ]),
    );
    expect(plugins.length).toBeGreaterThanOrEqual(12);
  });

  it.each(eachRoom)('%s has a port', (folder) => {
    expect(existsSync(join(root, folder, 'port.ts'))).toBe(true);
  });

  it.each(eachRoom)('%s has the parts that this test lists', (folder, { parts = [] }) => {
    for (const part of parts) expect(existsSync(join(root, folder, `${part}.ts`)), `${folder}/${part}.ts`).toBe(true);
  });

  it.each(eachPlugin)('%s has a test', (file) => {
    const test = file.replace(/^src/, 'test').replace(/\.ts$/, '.test.ts');
    expect(existsSync(join(root, test)), test).toBe(true);
  });

  it.each(eachPlugin)('%s has a page', (_file, { room, name }) => {
    const { file, heading } = room.page(name);
    expect(existsSync(join(root, file)), file).toBe(true);
    const headings = read(file)
      .split('\n')
      .filter((line) => line.startsWith('#'));
    if (heading !== undefined)
      expect(
        headings.filter((line) => new RegExp(String.raw`\b${heading}\b`).test(line)),
        `a heading for ${heading} in ${file}`,
      ).not.toEqual([]);
  });

  it.each(eachPlugin)('%s has an export', async (file, { room, name }) => {
    const built = (await import(join(root, room.entry))) as Record<string, unknown>;
    expect(exportedAs(camelCase(name), built), `${room.entry} exports ${camelCase(name)}`).toContainEqual(expect.any(Function));
    // Where api adds nothing of its own, it is the very factory: two kinds may have a plugin of one name.
    const entry = (await import(join(root, room.entry.replace(/^dist/, 'src').replace(/\.js$/, '.ts')))) as Record<string, unknown>;
    const own = (await import(join(root, file))) as Record<string, unknown>;
    const found = exportedAs(camelCase(name), entry);
    if (own[camelCase(name)] !== undefined) expect(found).toContain(own[camelCase(name)]);
  });
});

describe('imports', () => {
  const isIn = (folder: string, path: string): boolean => path.startsWith(`src/${folder}/`);
  const isPort = (path: string): boolean => path.endsWith('/port.ts') || path === 'src/transport/protocol.ts';
  const isPlugin = (path: string): boolean => plugins.some(({ file }) => file === path);
  const sameRoom = (from: string, to: string): boolean => dirname(from) === dirname(to);

  /** The rules of CONTRIBUTING.md again, for the forms that the linter does not look at: `import()` of values and types. */
  function isAllowed(from: string, to: string): boolean {
    if (to === 'src/index.ts') return false;
    if (from === 'src/index.ts' || isIn('api', from)) return true;
    if (isIn('api', to)) return false;
    if (isIn('machines', from)) return isIn('machines', to);
    if (isIn('actors', from)) return isIn('machines', to) || isPort(to) || (isIn('actors', to) && (!isPlugin(to) || sameRoom(from, to)));
    return isIn('machines/model', to) || isPort(to) || sameRoom(from, to);
  }

  it('go in one direction', () => {
    let seen = 0;
    for (const from of sources) {
      for (const specifier of specifiersOf(read(from)).filter((each) => each.startsWith('.'))) {
        seen++;
        const to = relative(root, resolve(root, dirname(from), specifier));
        expect(existsSync(join(root, to)), `${from} imports ${to}, which exists`).toBe(true);
        expect(isAllowed(from, to), `${from} may import ${to}`).toBe(true);
      }
    }
    expect(seen).toBeGreaterThan(sources.length);
  });

  it('of machines are machines, xstate and zod', () => {
    const machines = sources.filter((file) => isIn('machines', file));
    const packages = machines.flatMap((file) => specifiersOf(read(file))).filter((specifier) => !specifier.startsWith('.'));
    expect(machines.length).toBeGreaterThanOrEqual(25);
    expect(packages).toContain('xstate');
    expect(packages.filter((specifier) => !/^(xstate|zod)(\/|$)/.test(specifier))).toEqual([]);
  });

  it('leave machines without a clock', () => {
    for (const file of sources.filter((each) => isIn('machines', each))) expect(read(file), file).not.toMatch(/\bDate\(\)/);
  });

  it('of the root entry’s types never reach xstate', () => {
    const seen = new Set<string>();
    const chains: string[] = [];
    const visit = (path: string, chain: readonly string[]): void => {
      if (seen.has(path)) return;
      seen.add(path);
      const here = [...chain, relative(root, path)];
      for (const specifier of specifiersOf(readFileSync(path, 'utf8'))) {
        if (specifier.startsWith('.')) visit(resolve(dirname(path), specifier.replace(/\.[jt]s$/, '.d.ts')), here);
        else if (/^xstate(\/|$)/.test(specifier)) chains.push([...here, specifier].join(' → '));
      }
    };
    visit(join(root, 'dist/index.d.ts'), []);
    expect(seen.size).toBeGreaterThan(5);
    expect([...new Set(chains)]).toEqual([]);
  });
});

describe('files', () => {
  it('are all seen', () => {
    expect(sources.length).toBeGreaterThanOrEqual(60);
    expect(sources).toContain('src/index.ts');
  });

  it('have at most 300 lines of code', () => {
    const tooLong = sources.map((file) => `${file}: ${codeLines(read(file))}`).filter((line) => Number(line.split(' ')[1]) > 300);
    expect(tooLong).toEqual([]);
  });

  it('have a median of at most 110 lines of code', () => {
    const sizes = sources.map((file) => codeLines(read(file))).toSorted((a, b) => a - b);
    expect(sizes[Math.floor(sizes.length / 2)]).toBeLessThanOrEqual(110);
  });

  it('open with a paragraph that says what they are', () => {
    expect(sources.filter((file) => !/^(#!.*\n)?\/\*\*/.test(read(file)))).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  const texts = sources.filter((file) => /^src\/machines\/model\/(.+-)?errors?\.ts$/.test(file)).map(read);
  const union = /export type ErrorCode =([^;]+);/.exec(texts.join('\n'))?.[1] ?? '';
  const codes = [...union.matchAll(/'(ERR_\w+)'/g)].map(([, code]) => code ?? '');

  it('has a row for each code, with something to do', () => {
    const rows = new Map(
      [...read('docs/errors.md').matchAll(/^\| `(ERR_\w+)` \|.*\| (.*) \|$/gm)].map(([, code, todo]) => [code ?? '', todo ?? '']),
    );
    expect(codes.length).toBeGreaterThanOrEqual(20);
    expect([...rows.keys()].toSorted()).toEqual(codes.toSorted());
    expect([...rows].filter(([, todo]) => todo.trim() === '')).toEqual([]);
  });
});
