/** Checks options and other data where they enter: a schema in, data of its type out, or one error that names what is wrong. */
import type { z } from 'zod';

import { ConfigError } from './errors.ts';

/** Checks data at an edge. @throws ConfigError naming field, value and way out. */
export function checked<T>(schema: z.ZodType<T>, data: unknown, what: string): T {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field =
    issue === undefined
      ? ''
      : [...issue.path, ...('keys' in issue && Array.isArray(issue.keys) ? [issue.keys[0]] : [])].map(String).join('.');
  const value =
    field === '' ? data : field.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], data);
  throw new ConfigError(
    `${what}: ${field === '' ? '' : `${field} `}${issue?.code === 'unrecognized_keys' ? 'is not an option' : `${issue?.message ?? 'is wrong'} (it is ${show(value)})`}`,
    {
      field: field === '' ? what : field,
      value,
    },
  );
}

function show(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  try {
    return JSON.stringify(value)?.slice(0, 80) ?? String(value);
  } catch {
    return typeof value;
  }
}
