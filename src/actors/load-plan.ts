/**
 * How the workers of an executor come to import what the driver has imported: which of the driver's flags they take,
 * which loader they register for themselves, and which modules have to be bundled for them. Decided in the driver,
 * carried out by `loader.ts` in the worker.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { ConfigError } from '../machines/model/errors.ts';
import { bundler } from './bundle.ts';

/**
 * - `auto`: what the driver's flags name; else Node's own type stripping; else a bundle.
 * - `inherit`: the driver's flags as they are, which must bring a loader for TypeScript.
 * - `tsx`: registers tsx.
 * - `bundle`: bundles TypeScript with esbuild.
 */
export type LoaderOption = 'auto' | 'inherit' | 'tsx' | 'bundle';

/** What a worker needs to be told. */
export interface LoadPlan {
  /** For `new Worker(…, { execArgv })`. */
  readonly execArgv: readonly string[];
  /** Modules with a `register()` that a worker calls before it imports anything of the user. */
  readonly registers: readonly string[];
  /** URL that a worker imports for a module; waits when it has to be made first. */
  importUrlOf(moduleUrl: string): string | Promise<string>;
  /** URL of the program of a worker: troupe's own, which is TypeScript only when troupe runs from its sources. */
  programUrlOf(url: string): string | Promise<string>;
}

/** What the plan is made from; a process, unless it is tested. */
export interface DriverFlags {
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Set where Node itself runs TypeScript. */
  readonly stripsTypes: boolean;
  readonly workDir: string;
}

/**
 * Flags that a thread takes, and whether a value follows. Node refuses to start a thread with a flag that belongs to
 * the process (V8's among them: those hold in threads anyway), or that says where the program comes from.
 */
const kept: Readonly<Record<string, 'value' | 'alone'>> = {
  '--import': 'value',
  '--require': 'value',
  '-r': 'value',
  '--loader': 'value',
  '--experimental-loader': 'value',
  '--conditions': 'value',
  '-C': 'value',
  '--disable-warning': 'value',
  '--unhandled-rejections': 'value',
  '--enable-source-maps': 'alone',
  '--no-warnings': 'alone',
  '--no-deprecation': 'alone',
  '--trace-warnings': 'alone',
  '--trace-deprecation': 'alone',
  '--trace-uncaught': 'alone',
  '--preserve-symlinks': 'alone',
  '--experimental-vm-modules': 'alone',
  '--experimental-import-meta-resolve': 'alone',
  '--experimental-strip-types': 'alone',
  '--experimental-transform-types': 'alone',
};
const conditionFlags: readonly string[] = ['--conditions', '-C'];

interface Flag {
  readonly name: string;
  readonly value: string | undefined;
  readonly words: readonly string[];
}

/** tsx registers nothing in a thread that is started with its flags, on purpose; `tsx/esm/api` does. */
const isTsx = (value: string): boolean => /^tsx(?:\/|$)|[\\/]node_modules[\\/]tsx[\\/]/.test(value);
/** Loaders that are known to bring TypeScript; threads that are started with their flags have them. */
const bringsTypeScript = (value: string): boolean =>
  /(?:^|[\\/])(?:ts-node|@swc-node|esbuild-register|@esbuild-kit|@oxc-node|jiti|ts-blank-space|amaro)(?:[\\/]|$)/.test(value);

interface Way {
  readonly name: string;
  applies(option: LoaderOption, values: readonly string[], flags: DriverFlags): boolean;
  readonly registersTsx: boolean;
  readonly bundles: boolean;
}

/** The first that applies. */
const ways: readonly Way[] = [
  {
    name: 'tsx',
    applies: (option, values) => option === 'tsx' || (option !== 'bundle' && values.some(isTsx)),
    registersTsx: true,
    bundles: false,
  },
  {
    name: 'flags',
    applies: (option, values) => option === 'inherit' || (option === 'auto' && values.some(bringsTypeScript)),
    registersTsx: false,
    bundles: false,
  },
  // under vitest, sources are what vite makes of them, and that is more than Node does
  {
    name: 'node',
    applies: (option, _, { stripsTypes, env }) => option === 'auto' && stripsTypes && env['VITEST'] === undefined,
    registersTsx: false,
    bundles: false,
  },
  { name: 'bundle', applies: () => true, registersTsx: false, bundles: true },
];

export function loadPlan(option: LoaderOption, driver: DriverFlags = thisDriver()): LoadPlan {
  const flags = flagsOf(driver.execArgv);
  const values = [...flags, ...flagsOf((driver.env['NODE_OPTIONS'] ?? '').split(/\s+/))].flatMap(({ value }) => value ?? []);
  const { registersTsx, bundles } = ways.find(({ applies }) => applies(option, values, driver)) as Way;
  const conditions = flags.flatMap(({ name, value }) => (conditionFlags.includes(name) && value !== undefined ? [value] : []));
  const { prepare } = bundler(conditions);
  const ready = new Map<string, string>();
  const prepared = (url: string): string | Promise<string> => {
    if (!isTypeScript(url)) return url;
    return ready.get(url) ?? prepare(url).then((made) => remember(ready, url, made));
  };
  return {
    execArgv: flags.filter(({ value }) => value === undefined || !isTsx(value)).flatMap(({ words }) => words),
    registers: registersTsx ? [tsxApi(values.find(isTsx) ?? 'tsx', driver)] : [],
    importUrlOf: bundles ? prepared : (url) => url,
    programUrlOf: prepared,
  };
}

const thisDriver = (): DriverFlags => ({
  execArgv: process.execArgv,
  env: process.env,
  stripsTypes: 'typescript' in process.features && Boolean(process.features.typescript),
  workDir: process.cwd(),
});

const isTypeScript = (url: string): boolean => url.startsWith('file:') && /\.(?:[cm]?tsx?|jsx)$/.test(new URL(url).pathname);

function remember(map: Map<string, string>, key: string, value: string): string {
  map.set(key, value);
  return value;
}

function flagsOf(words: readonly string[]): readonly Flag[] {
  const flags: Flag[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    const [name = '', ...rest] = word.split('=');
    const arity = kept[name];
    if (arity === undefined) continue;
    const inline = word.includes('=') ? rest.join('=') : undefined;
    if (arity === 'alone') flags.push({ name, value: undefined, words: [word] });
    else if (inline !== undefined) flags.push({ name, value: inline, words: [word] });
    else if (words[at + 1] !== undefined) flags.push({ name, value: words[at + 1], words: [word, words[++at] as string] });
  }
  return flags;
}

/**
 * URL of `tsx/esm/api`, of the tsx that the driver runs with, or that the project has. By its package.json, since
 * `require.resolve` finds the variant for `require`, which registers nothing that `import` could use.
 */
function tsxApi(flag: string, { workDir }: DriverFlags): string {
  const path = flag.startsWith('file:') ? fileURLToPath(flag) : flag;
  const from = isAbsolute(path) ? path : join(workDir, 'package.json');
  try {
    const found = createRequire(from).resolve('tsx/package.json');
    const { exports } = JSON.parse(readFileSync(found, 'utf8')) as TsxPackage;
    return pathToFileURL(join(dirname(found), exports['./esm/api'].import.default)).href;
  } catch (cause) {
    throw new ConfigError(`loader 'tsx' needs tsx 4, which is not to be found from ${from}: install tsx`, {
      field: 'loader',
      value: 'tsx',
      cause,
    });
  }
}

interface TsxPackage {
  readonly exports: { readonly './esm/api': { readonly import: { readonly default: string } } };
}
