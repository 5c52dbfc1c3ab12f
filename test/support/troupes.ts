/** Troupes for the tests of one file, on one manual executor and a clock that the test moves; closed after each test. */
import { afterEach } from 'vitest';
import { SimulatedClock } from 'xstate';

import { Troupe, type TroupeConfig } from '../../src/index.ts';
import { manualExecutor, type ManualExecutor } from './manual-executor.ts';

export interface Opened {
  readonly troupe: Troupe;
  /** The one executor, unless the configuration names others. */
  readonly executor: ManualExecutor;
  readonly clock: SimulatedClock;
}

/** Lets everything that is under way come to rest. */
export const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What a promise rejects with. */
export const errorOf = (promise: PromiseLike<unknown>): Promise<Error> =>
  Promise.resolve(promise).then(
    (value) => {
      throw new Error(`resolved with ${String(value)}`);
    },
    (error: unknown) => error as Error,
  );

export function troupes(): (config?: TroupeConfig) => Promise<Opened> {
  const open: Opened[] = [];
  afterEach(async () => {
    for (const { troupe, clock } of open.splice(0)) {
      const closed = troupe.close({ pending: 'cancel' });
      // what does not confirm that it has stopped is given up when its grace is over
      for (let i = 0; i < 50 && troupe.snapshot().state !== 'closed'; i++) {
        clock.increment(10_000);
        await rest();
      }
      await closed;
    }
  });
  return async (config = {}) => {
    const executor = manualExecutor({ autoStop: true });
    const clock = new SimulatedClock();
    const troupe = await Troupe.start({ executors: [executor], clock, signals: false, output: 'silent', ...config });
    const opened = { troupe, executor, clock };
    open.push(opened);
    await rest(); // its executors are ready
    return opened;
  };
}

/** Answers the tries of an executor until it holds none. */
export async function answer(executor: ManualExecutor, valueOf: (args: readonly unknown[], name: string) => unknown): Promise<void> {
  for (let round = 0; round < 1000; round++) {
    const { held } = executor;
    if (held.length === 0) return;
    for (const attempt of held) {
      const args = 'values' in attempt.args ? attempt.args.values : [];
      executor.done(attempt, valueOf(args, attempt.name));
    }
    await rest();
  }
}

/** Warnings of this process with this code, while `fn` runs. */
export async function warningsOf(code: string, fn: () => Promise<unknown>): Promise<readonly string[]> {
  const warnings: string[] = [];
  const listener = (warning: Error & { readonly code?: string }): void => void (warning.code === code && warnings.push(warning.message));
  process.on('warning', listener);
  try {
    await fn();
    await rest(); // warnings are told on the next tick
  } finally {
    process.off('warning', listener);
  }
  return warnings;
}
