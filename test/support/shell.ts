/** What the tests of shell commands share: running them, waiting for what they say, and looking for their processes. */
import { execFileSync } from 'node:child_process';

import { runShell, type ShellContext } from '../../src/actors/run-shell.ts';
import type { Line, ShellResult } from '../../src/machines/model/command.ts';
import type { TroupeError } from '../../src/machines/model/errors.ts';

const contextOf = (over: Partial<ShellContext> = {}): ShellContext => ({
  taskId: 't12',
  tryIndex: 0,
  name: 'lines',
  signal: new AbortController().signal,
  graceMs: 5000,
  ...over,
});
export const run = (line: Line, settings?: Parameters<typeof runShell>[1], over?: Partial<ShellContext>): Promise<ShellResult> =>
  runShell(line, settings, contextOf(over));

export async function failure<E extends TroupeError>(kind: abstract new (...args: never) => E, running: Promise<unknown>): Promise<E> {
  const error: unknown = await running.then(
    (value) => new Error(`resolved with ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof kind) return error;
  throw error;
}

/** A command that runs until it is aborted, and what it has said. */
export function started(
  line: Line,
  graceMs = 5000,
): { readonly running: Promise<ShellResult>; readonly abort: (reason: unknown) => void; said(pattern: RegExp): Promise<RegExpExecArray> } {
  const controller = new AbortController();
  let text = '';
  const waiting = new Set<() => void>();
  const output = (_: string, more: string): void => {
    text += more;
    for (const look of waiting) look();
  };
  const running = run(line, undefined, { signal: controller.signal, graceMs, output });
  running.catch(() => undefined);
  const said = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((settle, fail) => {
      const look = (): void => {
        const found = pattern.exec(text);
        if (found === null) return;
        waiting.delete(look);
        settle(found);
      };
      waiting.add(look);
      look();
      running.then(
        () => fail(new Error(`ended after saying ${text}`)),
        () => fail(new Error(`failed after saying ${text}`)),
      );
    });
  return { running, abort: (reason) => controller.abort(reason), said };
}

/** Processes of a group that run, without zombies. */
export const members = (group: number): readonly string[] =>
  execFileSync('ps', ['-eo', 'pgid=,pid=,stat=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((row) => row.trim())
    .filter((row) => row.startsWith(`${group} `) && !/^\d+\s+\d+\s+Z/.test(row));
