/** A troupe over a manual executor, on a clock that the test moves, with everything noted that the firewall stops. */
import { SimulatedClock } from 'xstate';
import { onTestFinished } from 'vitest';

import { Troupe, type TroupeConfig } from '../../src/index.ts';
import { manualExecutor, type ManualExecutor } from './manual-executor.ts';

export interface Opened {
  readonly troupe: Troupe;
  readonly executor: ManualExecutor;
  readonly other: ManualExecutor;
  readonly clock: SimulatedClock;
  /** `member: what`, in order. */
  readonly faults: readonly string[];
  /** Messages of actors that have failed: none, ever. */
  readonly broken: readonly string[];
  /** Moves the clock, and lets what is due happen. */
  pass(ms: number): Promise<void>;
}

export const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Executors `manual` and `other`. Closed when the test has finished. */
export async function opened(config: TroupeConfig = {}): Promise<Opened> {
  const clock = new SimulatedClock();
  const executor = manualExecutor({ label: 'manual', autoStop: true });
  const other = manualExecutor({ label: 'other', autoStop: true });
  const troupe = await Troupe.start({ executors: [executor, other], clock, ambient: false, signals: false, random: () => 0.5, ...config });
  onTestFinished(async () => void (await troupe.close({ pending: 'cancel' })));
  const faults: string[] = [];
  const broken: string[] = [];
  troupe.on('policy.faulted', ({ member, what }) => void faults.push(`${member}: ${what}`));
  troupe.on('actor.failed', ({ message }) => void broken.push(message));
  return {
    troupe,
    executor,
    other,
    clock,
    faults,
    broken,
    async pass(ms) {
      clock.increment(ms);
      await settle();
    },
  };
}

/** Fails every try that is held, until there is none or enough; returns how many tries there were. */
export async function failAll(
  { executor, other, pass }: Opened,
  {
    kind = 'app',
    worker = () => 'w',
    atMost = 60,
  }: {
    readonly kind?: Parameters<ManualExecutor['failed']>[2];
    readonly worker?: (tries: number) => string;
    readonly atMost?: number;
  } = {},
): Promise<number> {
  let tries = 0;
  while (tries < atMost) {
    const held = [executor, other].flatMap((each) => each.held.map((attempt) => ({ each, attempt })));
    if (held.length === 0) return tries;
    for (const { each, attempt } of held) {
      tries++;
      each.failed(attempt, new Error('boom'), kind, worker(tries));
    }
    await pass(86_400_000);
  }
  return tries;
}
