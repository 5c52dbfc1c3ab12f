/** Part of {@link file://./../executor.ts}: shell tasks. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

import { MissingOutputsError, ShellExitError } from '../../../src/machines/model/errors.ts';
import { members } from '../../support/shell.ts';
import { AT_ONCE_MS, type OpenBench } from './setup.ts';

export function commandsRun(open: OpenBench): void {
  describe('commands', () => {
    let folder = '';
    const file = (name: string): string => {
      folder = folder === '' ? mkdtempSync(join(tmpdir(), 'troupe-executor-')) : folder;
      return join(folder, name);
    };
    afterEach(() => {
      if (folder !== '') rmSync(folder, { recursive: true, force: true });
      folder = '';
    });

    it('gives what a command has written, or what parse makes of it', async () => {
      const { submit, result, end } = open();
      expect(await result(submit('say', ["it's"]))).toMatchObject({ exitCode: 0, stdout: "it's", stderr: '' });
      expect(await result(submit('count', [12]))).toBe(12);
      expect(await end(submit('misparse'))).toMatchObject({ type: 'try.failed', kind: 'app' });
    });

    it('fails with the exit code and the last words of a command', async () => {
      const { submit, end, decode } = open();
      const report = await end(submit('exitWith', [7]));
      expect(report).toMatchObject({ type: 'try.failed', kind: 'app', output: 'to stderr\n' });
      const error = report.type === 'try.failed' ? decode(report.error) : undefined;
      expect(error).toBeInstanceOf(ShellExitError);
      expect(error).toMatchObject({ exitCode: 7, stderr: 'to stderr\n' });
    });

    it('checks that declared outputs are there', async () => {
      const { submit, result } = open();
      const there = file('there');
      await result(submit('say', ['x'], { shell: { stdout: { path: there, mode: 'truncate' } }, outputs: [there] }));
      await expect(result(submit('say', ['x'], { outputs: [file('missing')] }))).rejects.toThrow(MissingOutputsError);
      await expect(result(submit('noop', [], { outputs: [file('missing')] }))).rejects.toThrow(MissingOutputsError);
    });

    it.each(['sleepLong', 'sleepStubbornly'])('ends the process group of %s', async (name) => {
      const { submit, until, end, executor } = open();
      const lease = submit(name, [file('pid')]);
      await until(lease, 'try.output');
      const pid = Number(readFileSync(file('pid'), 'utf8'));
      executor.stop(lease, undefined, AT_ONCE_MS);
      expect(await end(lease)).toMatchObject({ type: 'try.stopped' });
      expect(members(pid)).toEqual([]);
    });

    it('leaves no process group behind when it is closed', async () => {
      const { submit, until, close } = open();
      const lease = submit('sleepStubbornly', [file('pid')]);
      await until(lease, 'try.output');
      const pid = Number(readFileSync(file('pid'), 'utf8'));
      await close();
      expect(members(pid)).toEqual([]);
    });
  });
}
