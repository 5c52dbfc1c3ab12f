/** A task is run with a value in place of each input that failed. */
import { ConfigError } from '../../model/errors.ts';
import { isThenable } from '../firewall.ts';
import type { DependencyPolicy } from './port.ts';

/**
 * @param value - Within the contract for values; the same for every failed input.
 * @throws ConfigError for a promise: a Future, too, is an input that may fail.
 */
export function substitute(value: unknown): DependencyPolicy {
  if (isThenable(value))
    throw new ConfigError('dependency.substitute: the value is a promise; await it first', {
      field: 'dependency.substitute: value',
      value,
    });
  return { kind: 'dependency', name: 'substitute', decide: () => ({ run: true, value }) };
}
