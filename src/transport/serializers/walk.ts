/**
 * Where `pack` is in a value: the containers around it and the keys that led there, so that a refusal names its
 * path. The path is kept as raw keys and only written out when something is refused.
 */
import { UnserializableError, type ValueExtension } from './port.ts';
import { maxLevels } from './tags.ts';

/** Stops values that share one object so often that their copies would not fit into memory. */
const maxValues = 20_000_000;

/** One encoding. */
export interface Walk {
  readonly root: string;
  readonly extensions: readonly ValueExtension[];
  /** Containers from the root to here. */
  readonly parents: object[];
  /** `keys[i]` is where in `parents[i]`; `undefined` adds nothing to the path. */
  readonly keys: (string | number | undefined)[];
  depth: number;
  /** As `depth`, in levels of CBOR. */
  levels: number;
  values: number;
  /** Above 0 within errors: what cannot cross is described instead of refused. */
  lenient: number;
}

export function startWalk(root: string, extensions: readonly ValueExtension[]): Walk {
  return { root, extensions, parents: [], keys: [], depth: 0, levels: 0, values: 0, lenient: 0 };
}

/** Goes into a container; returns why that is not possible, else `undefined`. */
export function enter(walk: Walk, container: object, levels: number, size: number): string | undefined {
  const { parents, depth } = walk;
  for (let index = 0; index < depth; index++) if (parents[index] === container) return 'a cycle';
  if (walk.levels + levels > maxLevels) return `nested more than ${maxLevels} levels deep`;
  // 8: a container weighs about as much as that many numbers
  if ((walk.values += size + 8) > maxValues) return 'part of too large a value (objects that are shared are copied each time)';
  parents[depth] = container;
  walk.depth++;
  walk.levels += levels;
  return undefined;
}

export function leave(walk: Walk, levels: number): void {
  walk.depth--;
  walk.levels -= levels;
}

/** Throws; within an error, returns a description to use in place of the value. */
export function refuse(walk: Walk, found: string): string {
  if (walk.lenient > 0) return `[${found}]`;
  throw new UnserializableError(pathOf(walk), found);
}

/** For example `args[0].options.onDone`. */
export function pathOf(walk: Walk): string {
  const steps: string[] = [];
  for (let index = 0; index < walk.depth; index++) {
    const step = stepOf(walk.parents[index], walk.keys[index]);
    if (step !== '') steps.push(step);
  }
  const shown = steps.length > 24 ? [...steps.slice(0, 12), ' … ', ...steps.slice(-6)] : steps;
  return walk.root + shown.join('');
}

function stepOf(parent: unknown, key: string | number | undefined): string {
  if (key === undefined) return '';
  if (typeof key === 'string') return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${literal(key)}]`;
  if (parent instanceof Set) return `.values()[${key}]`;
  if (!(parent instanceof Map)) return `[${key}]`;
  // `pack` numbers the keys and values of a Map in turn
  const entry = Math.floor(key / 2);
  if (key % 2 === 0) return `.keys()[${entry}]`;
  const name: unknown = [...parent.keys()][entry];
  return (typeof name === 'object' && name !== null) || typeof name === 'function' ? `.values()[${entry}]` : `.get(${literal(name)})`;
}

function literal(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'string') return Object.is(value, -0) ? '-0' : String(value);
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}
