/** What only `inline()` does, beside what every executor does. */
import { describe, expect, it } from 'vitest';

import { inline } from '../../../src/api/executors.ts';
import { ConfigError } from '../../../src/machines/model/errors.ts';
import { conformsToExecutor } from '../../conformance/executor.ts';
import { bench } from '../../support/executor-bench.ts';

describe('inline', () => {
  conformsToExecutor((setup) => inline(setup), { kills: false });

  it('hands over the very objects with copy: false', async () => {
    const plugin = inline({ copy: false });
    expect(plugin.copies).toBe(false);
    const { submit, result, close } = bench(plugin);
    const value = { fn: () => 1 };
    expect(await result(submit('echo', [value]))).toBe(value);
    await expect(result(submit('fail', ['the very error']))).rejects.toBeInstanceOf(RangeError);
    await close();
  });

  it('gives timers and I/O their turn between tries', async () => {
    const { submit, end, close } = bench(inline({ workers: 1 }));
    let turns = 0;
    const leases = Array.from({ length: 3000 }, (_, i) => submit('echo', [i]));
    const count = (): void => {
      turns++;
      if (turns < 1_000_000) immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);
    await Promise.all(leases.map(end));
    clearImmediate(immediate);
    expect(turns).toBeGreaterThan(2);
    await close();
  });

  it('never starts a task function within submit', async () => {
    const started: string[] = [];
    const { submit, end, close } = bench(inline(), ({ type, taskId }) => {
      if (type === 'try.started') started.push(taskId);
    });
    const first = submit('noop');
    expect(started).toEqual([]);
    await end(first); // a slice is under way from here on
    submit('noop', [], { taskId: 'second' });
    expect(started).not.toContain('second');
    await end({ taskId: 'second', tryIndex: 0 });
    await close();
  });

  it('notes what it abandons', async () => {
    const { submit, until, end, executor, notes, close } = bench(inline());
    const lease = submit('ignoreAbort');
    await until(lease, 'try.progress');
    executor.stop(lease, undefined, 1);
    await end(lease);
    expect(notes).toEqual([{ type: 'try.abandoned', data: { ...lease, name: 'ignoreAbort' } }]);
    await close();
  });

  it.each([
    [{ workers: 0 }, 'workers'],
    [{ workers: 1.5 }, 'workers'],
    [{ label: '' }, 'label'],
    [{ copy: 'no' }, 'copy'],
    [{ outputBytes: -1 }, 'outputBytes'],
    [{ worker: 2 }, 'worker'],
  ])('refuses %j, naming the field', (options, field) => {
    expect(() => inline(options as never)).toThrow(ConfigError);
    expect(() => inline(options as never)).toThrow(expect.objectContaining({ field }) as Error);
  });

  it('is frozen, and takes undefined for a default', () => {
    const plugin = inline({ label: undefined } as never);
    expect(plugin.label).toBe('inline');
    expect(Object.isFrozen(plugin)).toBe(true);
  });
});
