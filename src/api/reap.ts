/** Cleans up after a driver that died: `Troupe.reap` and `troupe reap`. */
import { reapDir } from '../actors/blocks/reap.ts';
import type { ReapReport } from '../machines/model/reaping.ts';
import type { Provider } from '../providers/port.ts';
import { registry } from './registry.ts';

export type { ReapedBlock, ReapOutcome, ReapReport } from '../machines/model/reaping.ts';

/** Options of `Troupe.reap`. */
export interface ReapSettings {
  /** Also when the driver may still live. @defaultValue false */
  readonly force?: boolean;
  /** How long all of it may take. @defaultValue 60000 */
  readonly timeoutMs?: number;
  /** Makes a provider of its kind and options, for kinds that the registry does not know. */
  readonly provider?: (kind: string, options: Readonly<Record<string, unknown>>) => Provider | undefined;
}

export function reap(runDir: string, { provider, ...options }: ReapSettings = {}): Promise<ReapReport> {
  return reapDir(runDir, (kind, data) => provider?.(kind, data) ?? registry.build('provider', { ...data, type: kind }), options);
}
