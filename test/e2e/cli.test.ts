/** The program `troupe`, as it is installed: what it prints where, and how it ends. */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const cli = join(root, 'dist/api/bin/cli.js');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const troupe = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  new Promise((resolve) => {
    const child = execFile(process.execPath, [cli, ...args], { env: { ...process.env, TROUPE_DEBUG: '', ...env } }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });

describe('help', () => {
  it.each([
    [['--help'], /Commands:[^]*machines[^]*perf[^]*Examples:\n {2}\$ troupe /],
    [['help', 'perf'], /--executor <name>[^]*Examples:\n {2}\$ troupe perf/],
    [['perf', '--help'], /--tasks <n>[^]*Examples:\n {2}\$ troupe perf/],
    [['explain', '-h'], /<config>[^]*Examples:\n {2}\$ troupe explain/],
    [['machines', '-h'], /--format <format>[^]*Examples:\n {2}\$ troupe machines task/],
  ])('of %o has examples, on stdout', async (args, text) => {
    const { code, stdout, stderr } = await troupe(args);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(text);
  });

  it('has a version, that of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };
    expect(await troupe(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('wrong usage', () => {
  it.each([
    [['nonsense'], /^error: unknown command 'nonsense'\n\(see: troupe --help\)\n$/],
    [['perf', '--taks', '4'], /^error: unknown option '--taks'\n\(Did you mean --tasks\?\)\n\(see: troupe perf --help\)\n$/],
    [['perf', '--tasks', '0'], /^error: .* It must be a whole number from 1\.\n\(see: troupe perf --help\)\n$/],
    [['perf', '--executor', 'cluster'], /^error: .* Allowed choices are .*inline.*threads/],
    [['machines', 'tsk'], /^error: .* Allowed choices are .*task.*\n\(see: troupe machines --help\)\n$/],
    [['machines', '--format', 'png'], /Allowed choices are mermaid, json, markdown/],
    [[], /^Usage: troupe/],
  ])('%o ends with 2 and the way out, on stderr', async (args, text) => {
    const { code, stdout, stderr } = await troupe(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(text);
  });
});

describe('troupe machines', () => {
  it('prints one machine as a diagram', async () => {
    const { code, stdout } = await troupe(['machines', 'task']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^%%\{init[^\n]*\nstateDiagram-v2\n/);
    expect(stdout).toContain('deciding --> retrying: retry.decided [shouldRetry] / keepDecision, applyPlacement');
  });

  it.each([['--format', 'json'], ['--json']])('prints them as data with %s %s', async (...args) => {
    const { stdout } = await troupe(['machines', ...args.filter((arg) => arg !== undefined)]);
    const all = JSON.parse(stdout) as readonly { readonly name: string }[];
    expect(all.map(({ name }) => name).toSorted()).toEqual([
      'block',
      'connection',
      'dataflow',
      'executor',
      'interchange',
      'manager',
      'pool',
      'provider',
      'scaling',
      'task',
      'troupe',
      'work',
      'worker',
    ]);
  });

  it('prints them as pages', async () => {
    const { stdout } = await troupe(['machines', '--format', 'markdown']);
    for (const name of ['dataflow', 'executor', 'task', 'troupe'])
      expect(stdout).toContain(`\n## ${name}\n`.slice(stdout.startsWith(`## ${name}`) ? 1 : 0));
  });

  it('ends quietly when its reader has had enough', async () => {
    const child = spawn('bash', [
      '-c',
      `"$1" "$2" machines --format json | head -n 1; echo "\${PIPESTATUS[0]}"`,
      'bash',
      process.execPath,
      cli,
    ]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await new Promise((resolve) => child.on('close', resolve));
    expect(output).toBe('[\n0\n');
  });
});

describe('troupe explain', () => {
  it('prints what a configuration offers, and for a program as data', async () => {
    const config = join(mkdtempSync(join(tmpdir(), 'troupe-cli-')), 'config.json');
    writeFileSync(config, '{ "executors": [{ "type": "blocks", "workers": 2, "node": { "cores": 4, "memoryBytes": 1e9 } }] }');
    const { code, stdout, stderr } = await troupe(['explain', config]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^blocks \(blocks\)\n/);
    expect(JSON.parse((await troupe(['explain', config, '--json'])).stdout)).toMatchObject({ slots: { init: 2, max: 2 } });
    rmSync(dirname(config), { recursive: true });
  });

  it('says in one line what is wrong', async () => {
    const { code, stderr } = await troupe(['explain', '/nowhere/config.json']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^troupe: ENOENT: [^\n]+\n$/);
  });
});

describe('troupe perf', () => {
  it.each(['inline', 'threads'])('measures %s, and prints figures for a program', async (executor) => {
    const { code, stdout, stderr } = await troupe([
      'perf',
      '--executor',
      executor,
      '--tasks',
      '200',
      '--warmup',
      '50',
      '--workers',
      '2',
      '--args-bytes',
      '10',
      '--json',
    ]);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      executor,
      workers: 2,
      tasks: 200,
      argsBytes: 10,
      tasksPerSecond: expect.any(Number),
      latencyMs: { p50: expect.any(Number) },
      chainTasksPerSecond: expect.any(Number),
    });
  });

  it('prints a table for people', async () => {
    const { stdout } = await troupe(['perf', '--executor', 'inline', '--tasks', '100', '--warmup', '0', '--log', 'summary']);
    expect(stdout).toMatch(/^inline, \d+ workers, 0 bytes to each task; node v\d/);
    for (const label of ['throughput', 'calls', 'round trip', 'chain', 'waiting task', 'event log'])
      expect(stdout).toMatch(new RegExp(`^${label} +[\\d.,]+ `, 'm'));
  });

  it('measures only a chain', async () => {
    const { stdout } = await troupe(['perf', '--executor', 'inline', '--chain', '--tasks', '100', '--warmup', '0']);
    expect(stdout).toMatch(/^chain +[\d,]+ +tasks\/s +100 tasks, each with the result of the one before$/m);
    expect(stdout).not.toContain('throughput');
  });

  it('says in one line what went wrong, and with TROUPE_DEBUG where', async () => {
    const nowhere = { TMPDIR: '/nonexistent/folder' };
    const args = ['perf', '--executor', 'inline', '--tasks', '1', '--warmup', '0', '--log', 'full'];
    const { code, stdout, stderr } = await troupe(args, nowhere);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^troupe: ENOENT: [^\n]+\n$/);
    expect((await troupe(args, { ...nowhere, TROUPE_DEBUG: '1' })).stderr).toMatch(/^troupe: Error: ENOENT[^]*\n {4}at /);
  });
});
