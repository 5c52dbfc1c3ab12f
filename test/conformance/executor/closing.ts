/** Part of {@link file://./../executor.ts}: the end of an executor. */
import { describe, expect, it } from 'vitest';

import type { ExecutorPlugin, TryReport } from '../../../src/actors/executors/port.ts';
import { bench, isEnd } from '../../support/executor-bench.ts';
import type { OpenBench } from './setup.ts';

export function nothingIsLeft(open: OpenBench, make: () => ExecutorPlugin): void {
  describe('closing', () => {
    it('answers for every try it has, and for those that come later', async () => {
      const { submit, until, of, close } = open({ workers: 1 });
      const running = submit('ignoreAbort');
      await until(running, 'try.progress');
      const queued = [submit('noop'), submit('noop')];
      await close();
      for (const lease of [running, ...queued]) expect(of(lease).filter(isEnd)).toEqual([{ type: 'try.stopped', ...lease }]);
      expect(of(submit('noop')).map(({ type }) => type)).toEqual(['try.stopped']);
    });

    it('reports nothing about earlier tries once it is closed', async () => {
      let isClosed = false;
      const late: TryReport[] = [];
      const { submit, until, end, close } = open({}, (report) => {
        if (isClosed) late.push(report);
      });
      await end(submit('printLate'));
      await until(submit('ignoreThenReturn'), 'try.progress');
      await close();
      isClosed = true;
      await new Promise((resolve) => setImmediate(resolve));
      expect(late).toEqual([]);
    });

    it('leaves nothing that keeps the process alive, and no patch', async () => {
      const before = process.getActiveResourcesInfo();
      const exits = process.listenerCount('exit');
      const writes = [process.stdout.write, process.stderr.write];
      const { submit, result, until, close, timers } = open();
      await result(submit('print', ['', '']));
      await until(submit('untilAborted'), 'try.progress');
      await close();
      await new Promise((resolve) => setImmediate(resolve)); // out of the callback that was the last
      expect(beyond(process.getActiveResourcesInfo(), before)).toEqual([]);
      expect(timers.size).toBe(0);
      expect(process.listenerCount('exit')).toBe(exits);
      expect([process.stdout.write, process.stderr.write]).toEqual(writes);
    });

    it('can be closed before it is ready, and twice', async () => {
      const { executor, close } = open();
      await close();
      await close();
      expect(executor.load()).toMatchObject({ queued: 0, running: 0 });
    });

    it('is opened any number of times from one description', async () => {
      const plugin = make();
      const two = [bench(plugin), bench(plugin)];
      expect(await Promise.all(two.map(({ submit, result }) => result(submit('add', [1, 2]))))).toEqual([3, 3]);
      await Promise.all(two.map((one) => one.close()));
    });
  });
}

/** What is in `after` more often than in `before`. */
function beyond(after: readonly string[], before: readonly string[]): readonly string[] {
  const rest = [...before];
  // timers come and go with the test runner; those of the executor are on its clock
  return after.filter((one) => {
    if (one === 'Timeout' || one === 'Immediate') return false;
    const at = rest.indexOf(one);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}
