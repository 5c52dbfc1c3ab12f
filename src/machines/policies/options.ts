/** Checks what the factories of the built-in policies are given: once, where it is said, with a name for what is wrong. */
import { ConfigError } from '../model/errors.ts';

/** @throws ConfigError for anything but a finite number within bounds. */
export function checkAmount(field: string, value: number, from: number, to = Number.MAX_VALUE): void {
  if (typeof value === 'number' && value >= from && value <= to) return;
  const range = to === Number.MAX_VALUE ? `a finite number from ${from}` : `a number from ${from} to ${to}`;
  throw new ConfigError(`${field} is ${typeof value === 'number' ? value : `a ${typeof value}`}, not ${range}`, { field, value });
}

/** @throws ConfigError for what has no `decide`, or is of another kind. */
export function checkPolicy(field: string, kind: string, value: unknown): void {
  const { kind: given, decide } = (typeof value === 'object' && value !== null ? value : {}) as {
    readonly kind?: unknown;
    readonly decide?: unknown;
  };
  if (given === kind && typeof decide === 'function') return;
  throw new ConfigError(`${field} is not a ${kind} policy: { kind: '${kind}', name, decide(snapshot) }`, { field, value });
}
