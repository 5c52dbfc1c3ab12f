/** What must stay flat however many tasks there are: memory, and the cost of a task beside waiting ones. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
function bench<T>(name: string, ...args: readonly string[]): T {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--expose-gc', join(root, 'bench', name), '--json', ...args], {
    encoding: 'utf8',
    cwd: root,
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return JSON.parse(stdout) as T;
}

describe('at scale', () => {
  it('memory after 100,000 independent tasks and a chain of 100,000 is within 20 MB of the start', () => {
    const { heapMegabytesOverStart } = bench<{ heapMegabytesOverStart: Record<string, number> }>('memory.mjs');
    expect(Object.keys(heapMegabytesOverStart)).toEqual(['afterIndependent', 'afterChain', 'afterClose']);
    for (const megabytes of Object.values(heapMegabytesOverStart)) expect(megabytes).toBeLessThan(20);
  }, 180_000);

  it('a waiting task weighs less than 2 kB, its Future included', () => {
    const args = [join(root, 'dist/api/bin/cli.js'), 'perf', '--executor', 'inline', '--tasks', '2000', '--warmup', '200', '--json'];
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    const { bytesPerWaitingTask } = JSON.parse(stdout) as { readonly bytesPerWaitingTask: number };
    expect(bytesPerWaitingTask).toBeGreaterThan(500);
    expect(bytesPerWaitingTask).toBeLessThan(2000);
  });

  it('20,000 waiting retries are timers on one wheel and leave the cost of other tasks as it was', () => {
    const { timers, ratio } = bench<{ timers: number; ratio: number }>('waiting-retries.mjs');
    expect(timers).toBe(20_000);
    expect(ratio).toBeLessThan(1.5); // the figure is in docs/performance.md; this finds a scan over the waiting ones
  }, 180_000);
});
