/**
 * Where an option is a plugin of its own, as the provider of an executor is: the schema of the options says so, and
 * what is built from data goes in place of the data, at any depth.
 */
import { z } from 'zod';

/** What a schema is called in data: `{ type: 'local', …options }`. */
export interface PluginData {
  readonly type: string;
  readonly [option: string]: unknown;
}

/**
 * Schema of an option that is a plugin: the object, or data from which the registry builds it.
 *
 * @example
 * const schema = z.strictObject({ provider: plugin('provider'), steps: z.array(plugin('transform')) });
 */
export const plugin = (kind: string): z.ZodType<object> =>
  z.custom<object>((value) => isObject(value), `is not a plugin of the kind ${kind}`).meta({ plugin: kind });

/** The kind of plugin that a schema stands for. */
export function slotOf(schema: z.core.$ZodType): string | undefined {
  const { plugin: kind } = z.globalRegistry.get(schema) ?? {};
  return typeof kind === 'string' ? kind : undefined;
}

const isObject = (value: unknown): boolean => typeof value === 'function' || (typeof value === 'object' && value !== null);

/** Plugins have functions, or are one, or are of a class; data is none of it. */
export const isPlugin = (value: unknown): boolean =>
  typeof value === 'function' ||
  (isRecord(value) &&
    (![Object.prototype, null].includes(Object.getPrototypeOf(value) as null) ||
      Object.values(value).some((each) => typeof each === 'function')));

/** `data` with what `build` makes in each place that `schema` has for a plugin; all else is as it was. */
export function filled(
  schema: z.core.$ZodType,
  data: unknown,
  path: readonly string[],
  build: (kind: string, data: unknown, path: readonly string[]) => unknown,
): unknown {
  const kind = slotOf(schema);
  if (kind !== undefined) return data === undefined || isPlugin(data) ? data : build(kind, data, path);
  const { def } = schema._zod as unknown as { readonly def: Def };
  const into = (next: z.core.$ZodType | undefined, value: unknown, key: string): unknown =>
    next === undefined ? value : filled(next, value, [...path, key], build);
  if (def.innerType !== undefined) return filled(def.innerType, data, path, build);
  if (def.element !== undefined && Array.isArray(data)) return data.map((each, i) => into(def.element, each, String(i)));
  const { shape = {}, valueType } = def;
  if (!isRecord(data) || (def.shape === undefined && valueType === undefined)) return data;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, into(valueType ?? (Object.hasOwn(shape, key) ? shape[key] : undefined), value, key)]),
  );
}

/** Of Zod's own description of a schema, what leads to the schemas in it: of objects, of records, of arrays, of all that wrap one. */
interface Def {
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly valueType?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly innerType?: z.core.$ZodType;
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
