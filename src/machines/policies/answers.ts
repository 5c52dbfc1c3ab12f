/** What the readers of answers share: bounds, reasons, and plain data that is copied once. See `kinds.ts`. */
import { describe, isThenable, sealed } from './firewall.ts';
import type { Read } from './port.ts';

/** Longest `why` that is kept. */
const MAX_WHY = 500;

/** Adds the reason, if it is one, to what was read of an answer. */
export function withWhy<Decision extends object>(why: unknown, decision: Decision): Read<Decision> {
  if (why === undefined) return { ok: Object.freeze(decision) };
  return typeof why === 'string'
    ? { ok: Object.freeze({ ...decision, why: why.slice(0, MAX_WHY) }) }
    : { wrong: `why is ${describe(why)}, not a text` };
}

/** Only the fields that say something, frozen. */
export const defined = (fields: Readonly<Record<string, unknown>>): object =>
  sealed(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)));

/** False for NaN and whatever is no number. */
export const isWithin = (value: unknown, from: number, to: number): value is number =>
  typeof value === 'number' && value >= from && value <= to;

/** Names for a message: a thousand of them would be no message. */
export const listed = (names: readonly string[], most = 10): string =>
  names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`;

/** Why a value could not be copied; stays in this file. */
class NotPlain extends Error {}

/** Deeper data is refused, so that it can be copied by recursion. */
const MAX_DEPTH = 32;

/**
 * Copies JSON values, each part read once. `undefined` fields are left out.
 * @param maxLength - Of the data as JSON, in characters.
 */
export function readPlain(field: string, value: unknown, maxLength: number): Read<unknown> {
  let left = maxLength;
  const spend = (length: number): void => {
    left -= length;
    if (left < 0) throw new NotPlain(`${field} is larger than ${maxLength} characters of JSON`);
  };
  const text = (from: string): string => {
    spend(from.length); // before it is quoted: it may be long
    spend(JSON.stringify(from).length - from.length);
    return from;
  };
  const copy = (from: unknown, path: string, depth: number): unknown => {
    if (depth > MAX_DEPTH) throw new NotPlain(`${field} is nested deeper than ${MAX_DEPTH}`);
    if (typeof from === 'string') return text(from);
    if (from === null || typeof from === 'boolean' || (typeof from === 'number' && Number.isFinite(from))) {
      spend(String(from).length);
      return from === 0 ? 0 : from; // JSON has no -0
    }
    if (typeof from !== 'object' || isThenable(from)) throw new NotPlain(`${path} is ${describe(from)}, not plain data`);
    spend(2);
    if (Array.isArray(from)) {
      const { length } = from;
      spend(Number.isSafeInteger(length) ? length : maxLength + 1); // a sparse array of a billion is not gone through
      return Array.from({ length }, (_, i) => copy(from[i], `${path}[${i}]`, depth + 1));
    }
    const prototype: unknown = Object.getPrototypeOf(from);
    if (prototype !== Object.prototype && prototype !== null) throw new NotPlain(`${path} is ${describe(from)} of a class, not plain data`);
    const entries: [string, unknown][] = [];
    for (const key of Object.keys(from)) {
      const part = (from as Readonly<Record<string, unknown>>)[key];
      if (part === undefined) continue;
      spend(2);
      entries.push([text(key), copy(part, `${path}.${key.slice(0, 60)}`, depth + 1)]);
    }
    return Object.fromEntries(entries);
  };
  try {
    return { ok: value === undefined ? undefined : sealed(copy(value, field, 0)) };
  } catch (error) {
    if (error instanceof NotPlain) return { wrong: error.message };
    throw error;
  }
}
