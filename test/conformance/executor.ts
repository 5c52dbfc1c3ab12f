/** What every executor does, whatever runs its tries: `describe('threads', () => conformsToExecutor(…))`. */
import { afterEach } from 'vitest';

import type { ExecutorPlugin, TryReport } from '../../src/actors/executors/port.ts';
import { bench, type Bench } from '../support/executor-bench.ts';
import { nothingIsLeft } from './executor/closing.ts';
import { commandsRun } from './executor/commands.ts';
import { orderHolds } from './executor/order.ts';
import { reportsCome } from './executor/reports.ts';
import type { ExecutorCapabilities, ExecutorSetup, OpenBench } from './executor/setup.ts';
import { triesStop } from './executor/stopping.ts';
import { valuesCross } from './executor/values.ts';

export type { ExecutorCapabilities, ExecutorSetup };

export function conformsToExecutor(make: (setup: ExecutorSetup) => ExecutorPlugin, capabilities: ExecutorCapabilities): void {
  const defaults: ExecutorSetup = { workers: 2, outputBytes: 65_536 };
  let opened: Bench[] = [];
  const open: OpenBench = (setup = {}, onReport?: (report: TryReport) => void) => {
    const one = bench(make({ ...defaults, ...setup }), onReport);
    opened.push(one);
    return one;
  };
  afterEach(async () => {
    await Promise.all(opened.map((one) => one.close()));
    opened = [];
  });

  valuesCross(open);
  reportsCome(open);
  orderHolds(open);
  triesStop(open, capabilities);
  commandsRun(open);
  nothingIsLeft(open, () => make(defaults));
}
