import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { MAX_OUTPUT_BYTES, missingOutputs, type runShell } from '../../src/actors/run-shell.ts';
import { File } from '../../src/api/file.ts';
import { sh, type Line } from '../../src/machines/model/command.ts';
import { ShellCommandError, ShellExitError, ShellOutputError, ShellStartError, StreamFileError } from '../../src/machines/model/errors.ts';
import { failure, members, run, started } from '../support/shell.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-shell-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});
const at = (...names: readonly string[]): string => join(folder, ...names);
const read = (...names: readonly string[]): string => readFileSync(at(...names), 'utf8');

describe('runShell: what it runs', () => {
  it('runs a string exactly as written, with bash', async () => {
    const script = 'x=(a "b c")\nfor i in "${x[@]}"; do echo "$i" | cat; done\nfalse || echo $BASH >&2';
    expect(await run(script)).toEqual({ exitCode: 0, stdout: 'a\nb c\n', stderr: '/bin/bash\n', command: script });
    expect((await run('')).stdout).toBe('');
    expect(await failure(ShellExitError, run('-x'))).toMatchObject({ exitCode: 127 });
  });

  it('runs a sh command with files of any name', async () => {
    mkdirSync(at("a b'c"));
    const name = at("a b'c", 'x; rm -rf $HOME');
    writeFileSync(name, '1\n2\n3\n');
    const { stdout } = await run(sh`wc -l < ${new File(name)} && ls ${new File(at("a b'c"))}`);
    expect(stdout).toBe('3\nx; rm -rf $HOME\n');
    expect(existsSync(name)).toBe(true);
  });

  it('runs an array without a shell', async () => {
    const words = ['$HOME', '*', "it's", '', 'a b', ['\n', 1n]];
    const { stdout, command } = await run([process.execPath, '-p', 'JSON.stringify(process.argv.slice(1))', '--', ...words]);
    expect(JSON.parse(stdout)).toEqual(['$HOME', '*', "it's", '', 'a b', '\n', '1']);
    expect(command).toContain(` -- '$HOME' '*' 'it'\\''s' '' 'a b' '\n' 1`);
  });

  it('adds to the environment, sets the folder, and gives an empty stdin', async () => {
    const { stdout } = await run('echo $A:$PATH; pwd; cat; readlink /proc/self/fd/0', { cwd: folder, env: { A: 'b c' } });
    expect(stdout).toBe(`b c:${process.env['PATH']}\n${folder}\n/dev/null\n`);
  });

  it('keeps characters that are cut between two writes, and what is no UTF-8 visible', async () => {
    const { running, said, abort } = started(
      `printf 'a\\xe2\\x82'; until [ -e ${at('go')} ]; do read -t 0.01 < <(:); done; printf '\\xac\\xff'`,
    );
    await said(/a/);
    writeFileSync(at('go'), '');
    expect((await running).stdout).toBe('a€\ufffd');
    abort('late');
  });

  it.each([undefined, null, 42, {}, Promise.resolve('x'), [], ['ls', undefined], 'a\0b'])('refuses %o', async (line) => {
    const error = await failure(ShellCommandError, run(line as Line));
    expect(error.message).toMatch(/^lines \(t12\) returned /);
    expect(error).toMatchObject({ taskId: 't12', tryIndex: 0 });
  });
});

describe('runShell: how a command fails', () => {
  it.each([
    ['expr 1 + x 2>/dev/null; exit 1', 1, 'lines (t12) exited with 1'],
    ['echo no >&2; exit 15', 15, 'lines (t12) exited with 15: no'],
    ['/etc/passwd', 126, 'Permission denied'],
    ['no-such-program-here', 127, 'lines (t12) exited with 127: /bin/bash: line 1: no-such-program-here: command not found'],
    ['bash -c "kill -9 \\$\\$" 2>/dev/null; exit $?', 137, 'lines (t12) exited with 137'],
    ['exit 256; exit 1', 0, undefined],
  ])('%s exits with %i', async (script, exitCode, message) => {
    if (message === undefined) return expect(await run(script)).toMatchObject({ exitCode });
    const error = await failure(ShellExitError, run(script));
    expect(error).toMatchObject({ exitCode, signal: undefined, command: script, taskId: 't12', tryIndex: 0 });
    expect(error.message).toContain(message);
  });

  it('names the signal that ended it', async () => {
    const error = await failure(ShellExitError, run('echo out; echo err >&2; kill -SEGV $$'));
    expect(error).toMatchObject({ exitCode: undefined, signal: 'SIGSEGV', stdout: 'out\n', stderr: 'err\n' });
    expect(error.message).toBe('lines (t12) was ended by SIGSEGV: err');
  });

  it('keeps the last 4 kB of each stream', async () => {
    const { stdout, stderr } = await failure(
      ShellExitError,
      run(`yes 12345678 | head -n 1000; yes üüü | head -n 1000 >&2; echo last >&2; exit 3`),
    );
    expect(Buffer.byteLength(stdout)).toBe(4096);
    expect(stdout.endsWith('12345678\n12345678\n')).toBe(true);
    expect(Buffer.byteLength(stderr)).toBeLessThanOrEqual(4096);
    expect(stderr).toMatch(/^ü.*\nlast\n$/s);
  });

  it('says why it could not be started', async () => {
    const because = async (line: Line, settings?: Parameters<typeof runShell>[1]): Promise<string> =>
      (await failure(ShellStartError, run(line, settings))).message;
    writeFileSync(at('plain'), '#!/bin/sh\n');
    expect(await because(['no-such-program', 'x'])).toBe('lines (t12) could not be started: there is no program no-such-program');
    expect(await because([at('plain')])).toBe(`lines (t12) could not be started: ${at('plain')} may not be executed`);
    expect(await because('ls', { cwd: at('nowhere') })).toBe(
      `lines (t12) could not be started: there is no folder ${at('nowhere')} to run it in`,
    );
    expect(await because('ls', { cwd: at('plain') })).toContain('there is no folder');
    expect(await because('ls', { env: { A: 'a\0b' } })).toContain('null bytes');
    expect(await because(`: ${'x'.repeat(200_000)}`)).toContain('its command has 200002 bytes, more than the system takes');
  });

  it('fails when a stream outgrows the memory it may have, and stops the command', async () => {
    expect((await run(`head -c ${MAX_OUTPUT_BYTES} /dev/zero`)).stdout).toHaveLength(MAX_OUTPUT_BYTES);
    for (const stream of ['stdout', 'stderr'] as const) {
      const error = await failure(ShellOutputError, run(`echo $$ > ${at('pid')}; yes ${stream === 'stderr' ? '>&2' : ''}`));
      expect(error.stream).toBe(stream);
      expect(error.message).toContain(`lines (t12) wrote more than 16 MiB to ${stream}`);
      expect(error.message).toContain(`${stream}: '`);
      expect(members(Number(read('pid')))).toEqual([]);
    }
  });
});

describe('runShell: streams in files', () => {
  const header = (command: string, tryIndex = 0): string =>
    `--> executable follows <-- lines (t12), try ${tryIndex}\n${command}\n--> end executable <--\n`;

  it('makes the folders, appends or truncates, and begins stderr with the command', async () => {
    const script = 'echo out; echo err >&2';
    const targets = (mode: 'append' | 'truncate') => ({ stdout: { path: at('a/b', 'out'), mode }, stderr: { path: at('c', 'err'), mode } });
    let text = '';
    const output = (_: string, more: string): void => void (text += more);
    expect(await run(script, targets('append'), { output })).toEqual({ exitCode: 0, stdout: '', stderr: '', command: script });
    await run(script, targets('append'), { tryIndex: 1 });
    expect(read('a/b', 'out')).toBe('out\nout\n');
    expect(read('c', 'err')).toBe(`${header(script)}err\n${header(script, 1)}err\n`);
    await run(script, targets('truncate'));
    expect(read('a/b', 'out')).toBe('out\n');
    expect(read('c', 'err')).toBe(`${header(script)}err\n`);
    expect(text).toBe('');
  });

  it('keeps the other stream in memory', async () => {
    const result = await run('echo out; echo err >&2', { stdout: { path: at('out'), mode: 'append' } });
    expect(result).toMatchObject({ stdout: '', stderr: 'err\n' });
    expect(read('out')).toBe('out\n');
  });

  it('puts both into one file in the order of writing', async () => {
    const script = 'echo 1; echo 2 >&2; echo 3; echo 4 >&2';
    const both = (mode: 'append' | 'truncate'): Promise<unknown> =>
      run(script, { stdout: { path: at('both'), mode: 'append' }, stderr: { path: at('x/../both'), mode } });
    await both('append');
    await both('append');
    expect(read('both')).toBe(`${header(script)}1\n2\n3\n4\n`.repeat(2));
    await both('truncate');
    expect(read('both')).toBe(`${header(script)}1\n2\n3\n4\n`);
  });

  it('takes more than memory would, and relative paths from where the command runs', async () => {
    const size = MAX_OUTPUT_BYTES + 1;
    await run(`head -c ${size} /dev/zero`, { cwd: folder, stdout: { path: 'logs/out', mode: 'append' } });
    expect(readFileSync(at('logs/out'))).toHaveLength(size);
  });

  it('says where stderr is when the command fails', async () => {
    const error = await failure(ShellExitError, run('echo err >&2; exit 3', { stderr: { path: at('err'), mode: 'append' } }));
    expect(error).toMatchObject({ exitCode: 3, stdout: '', stderr: '' });
    expect(error.message).toBe(`lines (t12) exited with 3; its stderr is in ${at('err')}`);
  });

  it('says which file cannot be opened, and runs nothing', async () => {
    writeFileSync(at('file'), '');
    for (const stream of ['stdout', 'stderr'] as const) {
      const path = at('file', 'below');
      const error = await failure(StreamFileError, run(`touch ${at('ran')}`, { [stream]: { path, mode: 'append' } }));
      expect(error).toMatchObject({ stream, path, taskId: 't12' });
      expect(error.message).toContain(`the file for the ${stream} of lines (t12) cannot be written`);
    }
    expect(await failure(StreamFileError, run('true', { stderr: { path: folder, mode: 'truncate' } }))).toMatchObject({ path: folder });
    expect(existsSync(at('ran'))).toBe(false);
  });

  it('leaves no file open', async () => {
    const open = (): readonly string[] =>
      readdirSync('/proc/self/fd').flatMap((fd) => {
        try {
          return [readlinkSync(`/proc/self/fd/${fd}`)].filter((path) => path.startsWith(folder));
        } catch {
          return []; // the one of readdir
        }
      });
    const targets = { stdout: { path: at('out'), mode: 'append' }, stderr: { path: at('err'), mode: 'append' } } as const;
    await run('true', targets);
    await failure(ShellStartError, run(['no-such-program'], targets));
    await failure(StreamFileError, run('true', { ...targets, stderr: { path: folder, mode: 'append' } }));
    await run('true');
    expect(open()).toEqual([]);
  });
});

describe('missingOutputs', () => {
  it('names what is not there, in order', async () => {
    writeFileSync(at('b'), '');
    expect(await missingOutputs([at('c'), at('b'), at('b', 'x'), folder, at('a')])).toEqual([at('c'), at('b', 'x'), at('a')]);
    expect(await missingOutputs([])).toEqual([]);
  });
});
