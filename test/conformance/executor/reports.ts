/** Part of {@link file://./../executor.ts}: what is said about a try while it runs. */
import { describe, expect, it } from 'vitest';

import type { TryReport } from '../../../src/actors/executors/port.ts';
import { isEnd } from '../../support/executor-bench.ts';
import type { OpenBench } from './setup.ts';

export function reportsCome(open: OpenBench): void {
  describe('reports', () => {
    it('says that a try has started and where, then what it does, then how it ended, once', async () => {
      const { submit, end, of } = open();
      const lease = submit('report');
      await end(lease);
      expect(of(lease).map(({ type }) => type)).toEqual(['try.started', 'try.progress', 'try.progress', 'try.done']);
      const [started] = of(lease);
      expect(started).toMatchObject({ place: { host: expect.any(String), worker: expect.any(String) } });
      expect(of(lease).at(-1)).toMatchObject({ place: (started as { place: unknown }).place });
    });

    it('carries progress, and refuses progress that cannot cross', async () => {
      const { submit, end, of } = open();
      const lease = submit('report');
      await end(lease);
      expect(of(lease).flatMap((report) => (report.type === 'try.progress' ? [report.progress] : []))).toEqual([{ done: 1 }, { done: 2 }]);
      expect(await end(submit('reportFunction'))).toMatchObject({ type: 'try.failed', kind: 'app' });
    });

    it('tells a task function about its try', async () => {
      const { submit, result } = open();
      const lease = submit('describe', [], { tryIndex: 3, resources: { cores: 1, memoryBytes: 1000 } });
      expect(await result(lease)).toEqual({
        ...lease,
        isAborted: false,
        resources: { cores: 1, memoryBytes: 1000 },
        accelerators: [],
        workDir: process.cwd(),
      });
    });

    it('ends each of 1,000 tries once', async () => {
      const { submit, result, reports } = open();
      const leases = Array.from({ length: 1000 }, (_, i) => submit('echo', [i]));
      expect(await Promise.all(leases.map(result))).toEqual(leases.map((_, i) => i));
      expect(new Set(reports.filter(isEnd).map(({ taskId }) => taskId)).size).toBe(1000);
      expect(reports.filter(isEnd)).toHaveLength(1000);
    });
  });

  describe('console output', () => {
    const textOf = (reports: readonly TryReport[]): string =>
      reports.flatMap((report) => (report.type === 'try.output' ? [`${report.stream}:${report.text}`] : [])).join('');

    it('is reported as it comes, before the end of the try', async () => {
      const { submit, end, of } = open();
      const lease = submit('print', ['out', 'err\n']);
      await end(lease);
      expect(textOf(of(lease))).toContain('stderr:err\n');
      expect(of(lease).at(-1)).toMatchObject({ type: 'try.done' });
    });

    it('is cut at its budget, and one line says how much was dropped', async () => {
      const { submit, end, of } = open({ outputBytes: 1000 });
      const lease = submit('printMuch', [100_000]);
      await end(lease);
      expect(textOf(of(lease))).toMatch(/… 99000 bytes more were dropped/);
      expect(textOf(of(lease)).length).toBeLessThan(1500);
    });

    it('leaves its last 4 kB with a failure', async () => {
      const { submit, end } = open({ outputBytes: 100 });
      const report = await end(submit('printAndFail', [10_000]));
      const { output = '' } = report as { readonly output?: string };
      expect(output.endsWith('line 9998\nline 9999\n')).toBe(true);
      expect(output.length).toBeGreaterThan(4000);
      expect(Buffer.byteLength(output)).toBeLessThanOrEqual(4096);
    });

    it('is kept apart for tries that run at once', async () => {
      const { submit, end, of } = open();
      const leases = Array.from({ length: 20 }, (_, i) => submit('print', [`out ${i}`, `err ${i}\n`]));
      await Promise.all(leases.map(end));
      for (const [i, lease] of leases.entries()) expect(textOf(of(lease))).toContain(`stderr:err ${i}\n`);
    });
  });
}
