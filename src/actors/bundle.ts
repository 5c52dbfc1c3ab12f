/**
 * TypeScript modules for workers that have no loader for them: each source becomes one JavaScript file in a cache, by
 * esbuild. One file per source rather than one bundle, so that a module that two others share stays one module (a
 * task function in it is defined once), and `import.meta` says where the source is, so that identities are the same
 * as in the driver. JavaScript and packages are not touched: they are imported from where they are.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import type * as Esbuild from 'esbuild';

import { ConfigError } from '../machines/model/errors.ts';
import { bundleCache, type BundleCache } from './bundle-cache.ts';

/** Prepares modules for the workers of one executor: every source is read once, so that all of them see one version. */
export interface Bundler {
  /** URL of a module that JavaScript can import in place of `moduleUrl`. @throws ConfigError without esbuild */
  prepare(moduleUrl: string): Promise<string>;
}

interface Source {
  readonly file: string;
  /** Other sources stand in it as `troupe-source:/path`. */
  readonly code: string;
  readonly map: string;
  readonly imports: readonly string[];
}

/** Sources that Node cannot import as they are (JSON needs an attribute there that compilers do not ask for). */
export const isSource = (path: string): boolean => /\.(?:[cm]?tsx?|jsx|json)$/.test(path);
const PLACEHOLDER = 'troupe-source:';

export function bundler(conditions: readonly string[] = []): Bundler {
  const sources = new Map<string, Promise<Source>>();
  let cache: BundleCache | undefined;

  /** The source and all that it imports, the source first. */
  async function closure(file: string): Promise<ReadonlyMap<string, Source>> {
    const found = new Map<string, Source>();
    const visited = new Set<string>();
    const visit = async (path: string): Promise<void> => {
      if (visited.has(path)) return;
      visited.add(path);
      const source = await once(sources, path, () => compiled(path, conditions));
      found.set(path, source);
      await Promise.all(source.imports.map(visit));
    };
    await visit(file);
    return found;
  }

  return {
    async prepare(moduleUrl) {
      const file = fileURLToPath(moduleUrl);
      const all = await closure(file);
      const to = (cache ??= bundleCache(dirname(file)));
      const nameOf = namesOf(all);
      const urlOf = (path: string): string => pathToFileURL(to.pathOf(nameOf(path))).href;
      for (const source of all.values()) to.write(nameOf(source.file), () => withMap(source, urlOf));
      return urlOf(file);
    },
  };
}

/** What this process has compiled, by path and conditions: another executor compiles it again only when it has changed. */
const known = new Map<string, { readonly stamp: string; readonly source: Promise<Source> }>();
let esbuild: typeof Esbuild | undefined;
let busy = 0;

function compiled(file: string, conditions: readonly string[]): Promise<Source> {
  const { mtimeMs, size } = statSync(file);
  const stamp = `${mtimeMs} ${size}`;
  const key = [file, ...conditions].join('\n');
  const before = known.get(key);
  if (before?.stamp === stamp) return before.source;
  const source = compile(file, conditions);
  known.set(key, { stamp, source });
  source.catch(() => known.delete(key));
  return source;
}

async function compile(file: string, conditions: readonly string[]): Promise<Source> {
  const { build, stop } = (esbuild ??= ownEsbuild(file));
  busy++;
  try {
    return await compileWith(build, file, conditions);
  } finally {
    if (--busy === 0) await stop(); // a process of ours, which would outlive the executor
  }
}

async function compileWith(build: typeof Esbuild.build, file: string, conditions: readonly string[]): Promise<Source> {
  const imports = new Set<string>();
  const result = await build({
    entryPoints: [file],
    bundle: true,
    write: false,
    outdir: dirname(file),
    format: 'esm',
    platform: 'node',
    target: `node${process.versions.node}`,
    mainFields: ['main'],
    conditions: [...conditions],
    charset: 'utf8',
    logLevel: 'silent',
    sourcemap: 'external',
    sourcesContent: false,
    define: { 'import.meta': '__troupe_meta' },
    plugins: [{ name: 'troupe', setup: (setup) => keepApart(setup, imports) }],
  });
  const text = (end: string): string => result.outputFiles.find(({ path }) => path.endsWith(end))?.text ?? '';
  const code = text('.js');
  const url = pathToFileURL(file).href;
  return {
    file,
    code: header(url, code) + code,
    map: JSON.stringify({ ...(JSON.parse(text('.map')) as object), sources: [url] }),
    imports: [...imports],
  };
}

/** Leaves every import of a source an import: of another source by a name to be filled in, of anything else by its URL. */
function keepApart(setup: Esbuild.PluginBuild, imports: Set<string>): void {
  const inner = Symbol('resolved by esbuild itself');
  setup.onResolve({ filter: /.*/ }, async ({ path, importer, kind, resolveDir, pluginData, with: attributes }) => {
    if (kind === 'entry-point' || pluginData === inner) return undefined;
    const resolved = await setup.resolve(path, { importer, kind, resolveDir, with: attributes, pluginData: inner });
    if (resolved.errors.length > 0) return { path, external: true }; // Node's own error says it best, and only if it is reached
    if (resolved.external || resolved.namespace !== 'file') return { path: resolved.path, external: true };
    const isNodes = !isSource(resolved.path) || attributes['type'] !== undefined; // JSON that says so
    if (isNodes) return { path: pathToFileURL(resolved.path).href, external: true };
    imports.add(resolved.path);
    return { path: PLACEHOLDER + resolved.path, external: true };
  });
}

/** One line above the code: what `import.meta` was, and `require` where esbuild wants one. */
function header(url: string, code: string): string {
  const file = fileURLToPath(url);
  const meta = `const __troupe_meta = { url: ${quote(url)}, filename: ${quote(file)}, dirname: ${quote(dirname(file))}, resolve: (to) => (/^\\.{0,2}\\//.test(to) ? new URL(to, ${quote(url)}).href : import.meta.resolve(to)) };`;
  const require = code.includes('var __require =')
    ? `import { createRequire as __troupe_require } from 'node:module'; const require = __troupe_require(${quote(url)}); `
    : '';
  return `${require}${meta}\n`;
}
const quote = (text: string): string => JSON.stringify(text);

/** A name says what a file and all that it imports contain: equal names, equal code, wherever it was made. */
function namesOf(all: ReadonlyMap<string, Source>): (file: string) => string {
  const names = new Map<string, string>();
  const own = new Map([...all].map(([file, { code }]) => [file, hash(code)]));
  return (file) =>
    once(names, file, () => {
      const reached = new Set([file]);
      for (const path of reached) for (const next of all.get(path)?.imports ?? []) reached.add(next);
      const parts = [...reached].map((path) => `${path} ${own.get(path) ?? ''}`);
      const [first = '', ...others] = parts;
      return `${basename(file, extname(file))}-${hash([first, ...others.toSorted()].join('\n'))}.mjs`;
    });
}
const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 24);

function withMap({ code, map, imports }: Source, urlOf: (file: string) => string): string {
  let text = code;
  for (const file of imports) text = text.replaceAll(quote(PLACEHOLDER + file), quote(urlOf(file)));
  // the header is a line of its own: lines of the map start below it
  const shifted = JSON.parse(map) as { mappings: string };
  const data = Buffer.from(JSON.stringify({ ...shifted, mappings: `;${shifted.mappings}` })).toString('base64');
  return `${text}//# sourceMappingURL=data:application/json;base64,${data}\n`;
}

function once<T>(map: Map<string, T>, key: string, make: (key: string) => T): T {
  const made = map.get(key) ?? make(key);
  map.set(key, made);
  return made;
}

/**
 * An instance of esbuild of our own, from the user's project or from ours: stopping it ends its process, and must not
 * end that of a bundler in this process that uses esbuild too.
 */
function ownEsbuild(file: string): typeof Esbuild {
  for (const from of [file, fileURLToPath(import.meta.url)]) {
    const require = createRequire(from);
    const path = resolved(require, 'esbuild');
    if (path === undefined) continue;
    const shared = require.cache[path];
    Reflect.deleteProperty(require.cache, path);
    const own = require(path) as typeof Esbuild;
    Reflect.deleteProperty(require.cache, path);
    if (shared !== undefined) require.cache[path] = shared;
    return own;
  }
  throw new ConfigError(
    `${file} is TypeScript, and threads cannot import it: install esbuild, or set threads({ loader: 'tsx' }) and install tsx`,
    { field: 'loader', value: 'auto' },
  );
}

function resolved(require: NodeJS.Require, id: string): string | undefined {
  try {
    return require.resolve(id);
  } catch {
    return undefined;
  }
}
