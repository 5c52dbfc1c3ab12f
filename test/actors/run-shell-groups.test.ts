import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { killAllGroups, runShell, shareGroups } from '../../src/actors/run-shell.ts';
import { ShellExitError } from '../../src/machines/model/errors.ts';
import { failure, members, run, started } from '../support/shell.ts';

const source = new URL('../../src/actors/run-shell.ts', import.meta.url);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-shell-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});
const at = (...names: readonly string[]): string => join(folder, ...names);
const read = (...names: readonly string[]): string => readFileSync(at(...names), 'utf8');

describe('runShell: abort', () => {
  it('starts nothing when it comes first', async () => {
    const reason = new Error('no longer wanted');
    await expect(
      run(`touch ${at('ran')}`, { stdout: { path: at('out'), mode: 'append' } }, { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    expect(existsSync(at('ran'))).toBe(false);
    expect(existsSync(at('out'))).toBe(false);
  });

  it('starts nothing when it comes while files are opened', async () => {
    const controller = new AbortController();
    const running = run(`touch ${at('ran')}`, { stdout: { path: at('out'), mode: 'append' } }, { signal: controller.signal });
    controller.abort('changed my mind');
    await expect(running).rejects.toBe('changed my mind');
    expect(existsSync(at('ran'))).toBe(false);
  });

  it('ends a command that has just been started', async () => {
    const controller = new AbortController();
    process.once('newListener', () => controller.abort('stop')); // for the end of this process
    await expect(run('sleep 1000', undefined, { signal: controller.signal })).rejects.toBe('stop');
  });

  it('ends a whole tree of processes', async () => {
    const { running, said, abort } = started('sleep 1000 & (sleep 1000; :) & echo $$.; sleep 1000');
    const group = Number((await said(/(\d+)\./))[1]);
    expect(members(group).length).toBeGreaterThan(1);
    const reason = new Error('stop');
    abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(members(group)).toEqual([]);
  });

  it('kills what ignores SIGTERM, after the grace', async () => {
    const { running, said, abort } = started(`trap 'echo asked' TERM; echo $$.; while :; do sleep 0.01; done`, 100);
    const group = Number((await said(/(\d+)\./))[1]);
    abort('stop');
    await said(/asked/);
    await expect(running).rejects.toBe('stop');
    expect(members(group)).toEqual([]);
  });

  it('leaves the rest of the group its grace when the first process has gone at once', async () => {
    const { running, said, abort } = started(
      `(trap 'sleep 0.1; echo saved > ${at('state')}; exit' TERM; echo $$.; while :; do sleep 0.01; done) & wait`,
    );
    const group = Number((await said(/(\d+)\./))[1]);
    abort('stop');
    await expect(running).rejects.toBe('stop');
    expect(read('state')).toBe('saved\n');
    expect(members(group)).toEqual([]);
  });

  it('wins over the exit code, and needs no grace for a command that has ended', async () => {
    const { running, said, abort } = started(`trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done`, Number.POSITIVE_INFINITY);
    await said(/ready/);
    abort('stop');
    await expect(running).rejects.toBe('stop');
  });

  it('takes the grace that is given with the abort', async () => {
    const controller = new AbortController();
    let graceMs = 1_000_000;
    const running = runShell(`trap '' TERM; echo ready; sleep 1000`, undefined, {
      taskId: 't12',
      tryIndex: 0,
      name: 'lines',
      signal: controller.signal,
      get graceMs() {
        return graceMs;
      },
      output() {
        graceMs = 0;
        controller.abort('stop');
      },
    });
    await expect(running).rejects.toBe('stop');
  });

  it('leaves no listener behind', async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args));
    await run('true', undefined, { signal });
    expect(listeners).toBe(0);
  });
});

describe('runShell: what a command leaves behind', () => {
  it('stops background processes when the command has ended, and says so', async () => {
    let text = '';
    const { stdout } = await run('sleep 1000 & echo $$', undefined, { output: (stream, more) => (text += `${stream} ${more}`) });
    expect(members(Number(stdout))).toEqual([]);
    expect(text).toBe(
      `stdout ${stdout}stderr troupe: the command of lines (t12) left processes behind; they are stopped (a script waits for them with \`wait\`)\n`,
    );
  });

  it('lets what still writes the output finish', async () => {
    expect((await run('echo hello > >(sleep 0.1; cat)')).stdout).toBe('hello\n');
  });

  it('keeps the exit code', async () => {
    expect(await failure(ShellExitError, run('sleep 1000 & exit 4'))).toMatchObject({ exitCode: 4 });
  });

  it('can be aborted meanwhile', async () => {
    const { running, said, abort } = started(
      `(trap 'exit' TERM; echo $$. ; while :; do sleep 0.01; done) & until [ -e ${at('go')} ]; do sleep 0.01; done`,
    );
    const group = Number((await said(/(\d+)\./))[1]);
    writeFileSync(at('go'), '');
    abort('stop');
    await expect(running).rejects.toBe('stop');
    expect(members(group)).toEqual([]);
  });

  it('does not wait for a pipe that a process outside of the group holds', async () => {
    const { stdout } = await run('setsid sleep 1000 & echo $!');
    const pid = Number(stdout);
    expect(members(pid)).toHaveLength(1); // a session of its own is beyond a group
    process.kill(pid, 'SIGKILL');
  });

  it('reads all there is, however busy this process is', async () => {
    const busy = setInterval(() => {
      for (const untilMs = performance.now() + 60; performance.now() < untilMs;);
    }, 1);
    const results = await Promise.all([1, 2, 3, 4].map((n) => run(`(sleep 0.0${n}; head -c 50000 /dev/zero; echo late) & echo early`)));
    clearInterval(busy);
    for (const { stdout } of results) expect(stdout.replaceAll('\0', '')).toBe('early\nlate\n');
  });
});

describe('runShell: the end of this process', () => {
  it('listens for it only while a command runs', async () => {
    const before = process.listenerCount('exit');
    const one = started('echo ready; sleep 1000');
    const two = started('echo ready; sleep 1000');
    await Promise.all([one.said(/ready/), two.said(/ready/)]);
    expect(process.listenerCount('exit')).toBe(before + 1);
    one.abort('stop');
    await expect(one.running).rejects.toBe('stop');
    expect(process.listenerCount('exit')).toBe(before + 1);
    two.abort('stop');
    await expect(two.running).rejects.toBe('stop');
    expect(process.listenerCount('exit')).toBe(before);
  });

  it('takes every group with it', async () => {
    const program = `
      import { writeSync } from 'node:fs';
      import { runShell } from ${JSON.stringify(source.href)};
      const output = (_, text) => { writeSync(1, text); process.exit(0); };
      void runShell('trap "" TERM; sleep 1000 & echo $$; wait', undefined, { taskId: 't1', tryIndex: 0, name: 'x', signal: new AbortController().signal, graceMs: 5000, output });`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    expect(text).toMatch(/^\d+\n$/);
    while (members(Number(text)).length > 0) await nextTurn(); // killed, and about to be gone
  });

  it('is open to who ends this thread', async () => {
    const slots = new Int32Array(new SharedArrayBuffer(8));
    shareGroups(slots);
    const one = started('echo $$.; sleep 1000');
    const two = started('echo $$.; sleep 1000');
    const groups = [Number((await one.said(/(\d+)\./))[1]), Number((await two.said(/(\d+)\./))[1])];
    expect(new Set(slots)).toEqual(new Set(groups));
    killAllGroups(slots);
    expect(await failure(ShellExitError, one.running)).toMatchObject({ signal: 'SIGKILL', exitCode: undefined });
    expect(await failure(ShellExitError, two.running)).toMatchObject({ signal: 'SIGKILL' });
    expect([...slots]).toEqual([0, 0]);
    killAllGroups();
  });
});
