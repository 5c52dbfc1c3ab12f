/**
 * The table of task functions of this process, driver or worker. It hangs under a `Symbol.for`, so that two
 * installed copies of troupe, and a bundle that carries one, see the same functions.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import { DefinitionError } from '../machines/model/errors.ts';

export type TaskKind = 'function' | 'shell' | 'join';

/** A task function as it was defined. */
export interface Definition {
  /** `package/path/to/module.ts#name`: the same on every machine that has the package. */
  readonly identity: string;
  readonly name: string;
  readonly kind: TaskKind;
  /** `import.meta.url` of the module that defines it: what a worker imports. */
  readonly moduleUrl: string;
  /** The user's function: the body of a function, shell or join task. */
  readonly fn: (...args: never) => unknown;
  /** Shell tasks: makes the result from a `ShellResult`. Runs where the command ran. */
  readonly parse?: (result: never) => unknown;
}

interface Table {
  readonly definitions: Map<string, Definition>;
}
const key = Symbol.for('troupe.definitions');

/** One per realm (process or worker thread). */
function table(): Table {
  const holder = globalThis as { [key]?: Table };
  holder[key] ??= { definitions: new Map() };
  return holder[key];
}

/** Adds a definition. @throws DefinitionError when its identity is taken. */
export function define(definition: Omit<Definition, 'identity'>): Definition {
  const identity = identityOf(definition.moduleUrl, definition.name);
  const { definitions } = table();
  const taken = definitions.get(identity);
  if (taken !== undefined) {
    throw new DefinitionError(
      `'${definition.name}' is defined twice in ${definition.moduleUrl}${taken.moduleUrl === definition.moduleUrl ? '' : ` and ${taken.moduleUrl}`}; give each task function of a module a name of its own`,
      { identity },
    );
  }
  const complete = Object.freeze({ ...definition, identity });
  definitions.set(identity, complete);
  return complete;
}

export const definitionOf = (identity: string): Definition | undefined => table().definitions.get(identity);

/** Identities known so far, in the order of their definition. */
export const knownIdentities = (): readonly string[] => [...table().definitions.keys()];

const roots = new Map<string, { readonly name: string; readonly dir: string } | undefined>();

/** The package a folder belongs to: the nearest `package.json` upwards that has a name. */
export function packageOf(dir: string): { readonly name: string; readonly dir: string } | undefined {
  if (roots.has(dir)) return roots.get(dir);
  const found = readPackage(dir) ?? (dirname(dir) === dir ? undefined : packageOf(dirname(dir)));
  roots.set(dir, found);
  return found;
}

function readPackage(dir: string): { readonly name: string; readonly dir: string } | undefined {
  const file = join(dir, 'package.json');
  if (!existsSync(file)) return undefined;
  const { name } = JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown };
  return typeof name === 'string' ? { name, dir } : undefined;
}

/** Never an absolute path: package name, path within the package, task name. */
export function identityOf(moduleUrl: string, name: string): string {
  if (!moduleUrl.startsWith('file:')) return `${moduleUrl}#${name}`;
  const file = fileURLToPath(moduleUrl);
  const owner = packageOf(dirname(file));
  const path = owner === undefined ? basename(file) : `${owner.name}/${relative(owner.dir, file).split(sep).join('/')}`;
  return `${path}#${name}`;
}
