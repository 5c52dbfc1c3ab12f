/**
 * `troupe/registry`: plugins by kind and name, for configurations that are written as data. `{ type: 'local', … }` is
 * a plugin of the kind that stands there, with its options; what is nested is built first. Kinds are an open list.
 */
import { z } from 'zod';

import type { ExecutorPlugin } from '../actors/executors/port.ts';
import type { Launcher, LaunchTransform } from '../launchers/port.ts';
import { checked } from '../machines/model/checked.ts';
import { ConfigError } from '../machines/model/errors.ts';
import type { BlockErrorsPolicy } from '../machines/policies/block-errors/port.ts';
import type { DependencyPolicy } from '../machines/policies/dependency/port.ts';
import type { HandshakePolicy } from '../machines/policies/handshake/port.ts';
import type { OrderingPolicy } from '../machines/policies/ordering/port.ts';
import type { RetryPolicy } from '../machines/policies/retry/port.ts';
import type { RoutingPolicy } from '../machines/policies/routing/port.ts';
import type { ScalingPolicy } from '../machines/policies/scaling/port.ts';
import type { SelectionPolicy } from '../machines/policies/selection/port.ts';
import type { Provider } from '../providers/port.ts';
import type { Transport } from '../transport/port.ts';
import { builtIns } from './built-ins.ts';
import { filled, isRecord, slotOf } from './plugin-slots.ts';

export { plugin } from './plugin-slots.ts';
export type { PluginData } from './plugin-slots.ts';

/** What `build` gives, by kind; a package with a kind of its own adds to it by declaration merging. */
export interface PluginKinds {
  executor: ExecutorPlugin;
  provider: Provider;
  launcher: Launcher;
  transform: LaunchTransform;
  transport: Transport;
  retry: RetryPolicy;
  routing: RoutingPolicy;
  dependency: DependencyPolicy;
  scaling: ScalingPolicy;
  selection: SelectionPolicy;
  ordering: OrderingPolicy;
  blockErrors: BlockErrorsPolicy;
  handshake: HandshakePolicy;
}

/** A schema of an object, or what makes one when it is first asked for. */
export type OptionsSchema = z.ZodType | (() => z.ZodType);

export interface Registry {
  /**
   * Adds a plugin. Options that are plugins themselves have `plugin(kind)` in the schema.
   *
   * @param factory - Called with options that the schema has let through.
   * @throws ConfigError when the name is taken.
   */
  register(kind: string, name: string, factory: (options: never) => unknown, schema: OptionsSchema): void;
  /**
   * Makes a plugin of `{ type: name, …options }`, and first those that its options name.
   *
   * @throws ConfigError with the path of what is wrong, and the names that there are.
   */
  build<K extends string>(kind: K, data: unknown): K extends keyof PluginKinds ? PluginKinds[K] : unknown;
  /** JSON Schema of what `build` takes for a name. What cannot be written as data is `{}` there. */
  schema(kind: string, name: string): Readonly<Record<string, unknown>>;
  /** Those that have a name that may be built. */
  kinds(): readonly string[];
  /** Names that may be built; none for a kind that there is not. */
  names(kind: string): readonly string[];
}

/** Options of {@link createRegistry}. */
export interface RegistryOptions {
  /**
   * Kind → the names that may be built, and no others, whatever is registered: for data from somebody else. `'all'`
   * stands for every name of a kind; nothing can be built of kinds that are left out.
   *
   * @defaultValue everything
   */
  readonly allow?: Readonly<Record<string, readonly string[] | 'all'>>;
  /** Whether it has what troupe comes with. @defaultValue true */
  readonly builtIns?: boolean;
}

interface Entry {
  readonly factory: (options: never) => unknown;
  schema(): z.ZodType;
}

/** Nested deeper than this, data is no configuration. */
const DEEPEST = 50;

/**
 * A registry of one's own.
 *
 * @example
 * const plugins = createRegistry({ allow: { executor: ['blocks'], provider: ['local', 'ours'] } });
 * plugins.register('provider', 'ours', ours, z.strictObject({ url: z.url() }));
 * const executor = plugins.build('executor', JSON.parse(text));
 */
export function createRegistry({ allow, builtIns: hasBuiltIns = true }: RegistryOptions = {}): Registry {
  const table = new Map<string, Map<string, Entry>>();

  function isAllowed(kind: string, name: string): boolean {
    const names = allow === undefined ? 'all' : Object.hasOwn(allow, kind) ? allow[kind] : undefined;
    return names === 'all' || (names?.includes(name) ?? false);
  }
  const names = (kind: string): readonly string[] =>
    [...(table.get(kind)?.keys() ?? [])].filter((name) => isAllowed(kind, name)).toSorted();
  const kinds = (): readonly string[] => [...table.keys()].filter((kind) => names(kind).length > 0).toSorted();

  function register(kind: string, name: string, factory: (options: never) => unknown, schema: OptionsSchema): void {
    if (table.get(kind)?.has(name) === true)
      throw new ConfigError(`there is a ${kind} '${name}' already; register yours under another name`, {
        field: `${kind} ${name}`,
        value: name,
      });
    if (typeof factory !== 'function')
      throw new ConfigError(`the factory of ${kind} '${name}' is not a function`, { field: `${kind} ${name}`, value: factory });
    const entries = table.get(kind) ?? new Map<string, Entry>();
    table.set(kind, entries.set(name, { factory, schema: typeof schema === 'function' ? schema : () => schema }));
  }

  /** @throws ConfigError when there is none, or it may not be built. */
  function entryOf(kind: string, name: string, path: readonly string[]): Entry {
    const entry = isAllowed(kind, name) ? table.get(kind)?.get(name) : undefined;
    if (entry !== undefined) return entry;
    const known = names(kind);
    throw new ConfigError(
      known.length === 0
        ? `${at(path)}there is no kind of plugin '${kind}'; there are ${listed(kinds())}`
        : `${at([...path, 'type'])}there is no ${kind} '${name}'; there are ${listed(known)}`,
      { field: [...path, 'type'].join('.'), value: name },
    );
  }

  function build(kind: string, data: unknown, path: readonly string[]): unknown {
    if (path.length > DEEPEST) throw new ConfigError(`${at(path.slice(0, 3))}nested too deeply`, { field: path.join('.'), value: kind });
    if (!isRecord(data) || typeof data['type'] !== 'string') {
      throw new ConfigError(
        `${at(path)}a ${kind} is written as { type: ${listed(
          names(kind).map((name) => `'${name}'`),
          ' | ',
        )}, …options }`,
        {
          field: path.join('.') || 'type',
          value: data,
        },
      );
    }
    const { type: name, ...options } = data as { readonly type: string };
    const { factory, schema } = entryOf(kind, name, path);
    const parts = filled(schema(), options, path, build);
    const what = `${kind} ${name}`;
    try {
      return factory(checked(schema(), parts, what) as never);
    } catch (error) {
      if (path.length === 0 || !(error instanceof ConfigError)) throw error;
      const field = error.field === what ? path.join('.') : [...path, error.field].join('.');
      throw new ConfigError(`${at(path)}${error.message}`, { field, value: error.value, cause: error });
    }
  }

  function jsonSchema(kind: string, name: string): Readonly<Record<string, unknown>> {
    const {
      properties = {},
      required = [],
      ...rest
    } = z.toJSONSchema(entryOf(kind, name, []).schema(), {
      io: 'input',
      unrepresentable: 'any',
      override({ zodSchema, jsonSchema: json }) {
        const slot = slotOf(zodSchema);
        if (slot === undefined) return;
        for (const key of Object.keys(json)) delete json[key];
        Object.assign(json, { type: 'object', properties: { type: { enum: names(slot) } }, required: ['type'], 'x-plugin': slot });
      },
    });
    return { ...rest, type: 'object', properties: { type: { const: name }, ...properties }, required: ['type', ...required] };
  }

  if (hasBuiltIns) for (const [kind, name, factory, schema] of builtIns) register(kind, name, factory, schema);
  return { register, build: (kind, data) => build(kind, data, []) as never, schema: jsonSchema, kinds, names };
}

const at = (path: readonly string[]): string => (path.length === 0 ? '' : `${path.join('.')}: `);
const listed = (names: readonly string[], by = ', '): string => (names.length === 0 ? 'none' : names.join(by));

/** What troupe comes with; nothing can be added. For more, or less, make one with {@link createRegistry}. */
export const registry: Registry = Object.freeze({
  ...createRegistry(),
  register(kind: string, name: string): never {
    throw new ConfigError(`${kind} '${name}': the registry that comes with troupe is not for changing; make one with createRegistry()`, {
      field: `${kind} ${name}`,
      value: name,
    });
  },
});
