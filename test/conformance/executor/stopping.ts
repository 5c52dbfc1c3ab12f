/** Part of {@link file://./../executor.ts}: the ends that somebody asks for. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isEnd } from '../../support/executor-bench.ts';
import { AT_ONCE_MS, GRACE_MS, type ExecutorCapabilities, type OpenBench } from './setup.ts';

export function triesStop(open: OpenBench, capabilities: ExecutorCapabilities): void {
  describe('stopping', () => {
    it('takes a try out of the queue at once', async () => {
      const { submit, until, of, end, executor } = open({ workers: 1 });
      const blocker = submit('untilAborted');
      await until(blocker, 'try.progress');
      const queued = submit('noop');
      executor.stop(queued, undefined, GRACE_MS);
      expect(of(queued)).toEqual([{ type: 'try.stopped', ...queued }]);
      executor.stop(blocker, undefined, GRACE_MS);
      await end(blocker);
    });

    it('aborts the signal of a try that runs, with the reason', async () => {
      const { submit, until, end, executor } = open();
      const lease = submit('untilAborted');
      await until(lease, 'try.progress');
      executor.stop(lease, new RangeError('enough'), GRACE_MS);
      expect(await end(lease)).toMatchObject({ type: 'try.stopped' });
    });

    it('drops a result that comes after the abort', async () => {
      const { submit, until, end, executor } = open();
      const lease = submit('ignoreThenReturn');
      await until(lease, 'try.progress');
      executor.stop(lease, undefined, GRACE_MS);
      expect(await end(lease)).toMatchObject({ type: 'try.stopped' });
    });

    it('does not wait longer than the grace for a function that ignores its signal', async () => {
      const { submit, until, end, result, executor } = open({ workers: 1 });
      const lease = submit('ignoreAbort');
      await until(lease, 'try.progress');
      executor.stop(lease, undefined, AT_ONCE_MS);
      expect(await end(lease)).toMatchObject({ type: 'try.stopped' });
      expect(await result(submit('add', [1, 1]))).toBe(2);
    });

    it.each(capabilities.kills ? ['spin'] : [])('ends a function that never gives its thread back: %s', async (name) => {
      const { submit, until, end, result, executor } = open({ workers: 1 });
      const lease = submit(name);
      await until(lease, 'try.progress');
      executor.stop(lease, undefined, AT_ONCE_MS);
      expect(await end(lease)).toMatchObject({ type: 'try.stopped' });
      expect(await result(submit('add', [1, 1]))).toBe(2);
    });

    it('ends each try once, whatever is stopped when', async () => {
      const step = fc.record({
        name: fc.constantFrom('noop', 'untilAborted', 'ignoreAbort', 'say'),
        priority: fc.nat(2),
        at: fc.constantFrom('submitted', 'try.started', 'never' as const),
        graceMs: fc.constantFrom(0, 1, AT_ONCE_MS),
      });
      const endsByItself = (name: string): boolean => name === 'noop' || name === 'say';
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
          const plans = steps.map((one) => (one.at === 'never' && !endsByItself(one.name) ? { ...one, at: 'try.started' } : one));
          const { submit, end, of, executor } = open({}, (report) => {
            const plan = plans[Number(report.taskId)];
            if (plan?.at === report.type) executor.stop(report, undefined, plan.graceMs);
          });
          const leases = plans.map(({ name, priority, at, graceMs }, i) => {
            const lease = submit(name, ['x'], { taskId: String(i), priority });
            if (at === 'submitted') executor.stop(lease, undefined, graceMs);
            return lease;
          });
          await Promise.all(leases.map(end));
          await executor.close();
          for (const lease of leases) expect(of(lease).filter(isEnd)).toHaveLength(1);
          expect(executor.load()).toMatchObject({ queued: 0, running: 0 });
        }),
        { numRuns: 8 },
      );
    });

    it('does nothing for a try that has ended', async () => {
      const { submit, end, of, result, executor } = open();
      const lease = submit('noop');
      await end(lease);
      executor.stop(lease, undefined, 0);
      executor.stop({ taskId: 'nobody', tryIndex: 0 }, undefined, 0);
      expect(await result(submit('add', [1, 1]))).toBe(2);
      expect(of(lease).filter(isEnd)).toHaveLength(1);
    });
  });
}
