/** Part of {@link file://./../executor.ts}: which try starts when. */
import { describe, expect, it } from 'vitest';

import { UnroutableError } from '../../../src/machines/model/errors.ts';
import { isEnd } from '../../support/executor-bench.ts';
import { GRACE_MS, type OpenBench } from './setup.ts';

export function orderHolds(open: OpenBench): void {
  describe('order and load', () => {
    it('starts larger priorities first, then first in first out', async () => {
      const { submit, end, reports, until, executor } = open({ workers: 1 });
      const blocker = submit('untilAborted');
      await until(blocker, 'try.progress');
      const leases = [0, 5, 0, -1, 5, 10].map((priority, i) => submit('echo', [i], { priority, taskId: `p${i}` }));
      executor.stop(blocker, 'go on', GRACE_MS);
      await Promise.all(leases.map(end));
      expect(reports.filter(isEnd).flatMap(({ taskId }) => (taskId.startsWith('p') ? [taskId] : []))).toEqual([
        'p5',
        'p1',
        'p4',
        'p0',
        'p2',
        'p3',
      ]);
    });

    it('counts what is queued and what runs, and says why a try waits', async () => {
      const { submit, until, end, executor } = open();
      await executor.ready;
      expect(executor.load()).toEqual({ queued: 0, running: 0, slots: 2 });
      const busy = [submit('untilAborted'), submit('untilAborted')];
      await Promise.all(busy.map((lease) => until(lease, 'try.progress')));
      const waiting = [submit('noop'), submit('noop')];
      expect(executor.load()).toEqual({ queued: 2, running: 2, slots: 2 });
      expect(executor.why(waiting[0] as never)).toMatch(/all 2 workers are busy/);
      expect(executor.why(waiting[1] as never)).toMatch(/1 try is ahead/);
      expect(executor.why(busy[0] as never)).toBeUndefined();
      for (const lease of busy) executor.stop(lease, undefined, GRACE_MS);
      await Promise.all([...busy, ...waiting].map(end));
      expect(executor.load()).toEqual({ queued: 0, running: 0, slots: 2 });
    });

    it('gives a try the cores that it asks for, and lets no smaller one overtake it', async () => {
      const { submit, until, end, executor, reports } = open();
      const first = submit('untilAborted');
      await until(first, 'try.progress');
      const wide = submit('noop', [], { resources: { cores: 2 }, taskId: 'wide' });
      const narrow = submit('noop', [], { taskId: 'narrow' });
      expect(executor.why(wide)).toMatch(/cores: asks for 2, 1 of 2 free/);
      executor.stop(first, undefined, GRACE_MS);
      await Promise.all([wide, narrow].map(end));
      expect(reports.filter(isEnd).map(({ taskId }) => taskId)).toEqual([first.taskId, 'wide', 'narrow']);
    });

    it('refuses at once what could never run', async () => {
      const { submit, result, executor } = open();
      expect(executor.misfit({ cores: 2 })).toBeUndefined();
      expect(executor.misfit({ cores: 3 })).toMatch(/cores: asks for 3, has 2/);
      expect(executor.misfit({ gpus: 1 })).toMatch(/gpus/);
      expect(executor.misfit({ nodes: 2 })).toMatch(/one node/);
      await expect(result(submit('noop', [], { resources: { cores: 3 } }))).rejects.toThrow(UnroutableError);
    });
  });
}
