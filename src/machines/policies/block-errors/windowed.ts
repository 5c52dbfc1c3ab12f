/**
 * Bad when the youngest blocks have all failed, whatever older ones did. Source: Parsl, `jobs/error_handlers.py`,
 * `windowed_error_handler`: a block that lives is in the window too, and has not failed.
 */
import { ConfigError } from '../../model/errors.ts';
import { failedEnds } from '../../model/blocks.ts';
import { byBlockId } from '../block-order.ts';
import type { BlockErrorsPolicy } from './port.ts';

export interface WindowedOptions {
  /** Size of the window, 1 to 1000. @defaultValue 3 */
  readonly last?: number;
}

/** As many as a policy is shown. */
const MAX_LAST = 1000;

/** @throws ConfigError */
export function windowed(options: WindowedOptions = {}): BlockErrorsPolicy {
  const { last = 3 } = options;
  if (!Number.isInteger(last) || last < 1 || last > MAX_LAST)
    throw new ConfigError(`blockErrors.windowed: last is ${String(last)}, not a whole number from 1 to ${MAX_LAST}`, {
      field: 'blockErrors.windowed: last',
      value: last,
    });
  return Object.freeze({
    kind: 'blockErrors',
    name: `windowed(${last})`,
    decide({ ended, live, youngestLive }) {
      const window = ended.slice(-last);
      const [oldest] = window;
      const isWhole = oldest !== undefined && window.length === last;
      const hasLive = live > 0 && (youngestLive === undefined || oldest === undefined || byBlockId(youngestLive, oldest.blockId) > 0);
      const bad = isWhole && !hasLive && window.every(({ end }) => failedEnds.has(end));
      return bad ? { bad, why: `the last ${last} blocks have failed, the last one with '${window.at(-1)?.end}'` } : { bad };
    },
  } satisfies BlockErrorsPolicy);
}
