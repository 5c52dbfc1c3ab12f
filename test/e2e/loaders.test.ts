/** Programs as users start them, in each of the ways to run TypeScript: their threads find the task functions. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';

import { Troupe } from '../../src/index.ts';
import { threads } from '../../src/api/executors.ts';
import { answer, listed } from '../fixtures/typed/driven.ts';

const root = join(import.meta.dirname, '../..');
const scripts = join(root, 'test/fixtures/scripts');
const tsx = join(root, 'node_modules/.bin/tsx');

/** Runs a program without the flags and the variables of this one. */
async function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { VITEST: _, NODE_OPTIONS: __, ...rest } = process.env;
  const { stdout } = await promisify(execFile)(command, args, { cwd: root, env: { ...rest, ...env }, timeout: 50_000 });
  return stdout;
}

/** What the program prints. */
const expected = `${JSON.stringify([{ total: 36 }, 3, 'run-typed.ts', true])}\n`;

describe('a program in plain JavaScript', () => {
  it.each(['threads', 'inline'])('runs on %s, prints what its tasks print once, and leaves nothing', async (kind) => {
    const lines = (await run(process.execPath, [join(scripts, 'run-plain.mjs'), kind])).split('\n');
    expect(lines.toSorted()).toEqual(['', 'left: ', 'results 1 4 9', 'squaring 1', 'squaring 2', 'squaring 3']);
  });

  it('says that a task function below Troupe.start() is not found', async () => {
    const text = await run(process.execPath, [join(scripts, 'run-below.mjs')]);
    expect(text).toMatch(/^ERR_TASK_NOT_FOUND .*defined above Troupe\.start\(\)/);
  });
});

describe('a program in TypeScript', () => {
  const out = join(root, 'out/e2e-loaders');
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  it('runs with the tsx command', async () => {
    expect(await run(tsx, [join(scripts, 'run-typed.ts')])).toBe(expected);
  });

  it('runs with node --import tsx', async () => {
    expect(await run(process.execPath, ['--import', 'tsx', join(scripts, 'run-typed.ts')])).toBe(expected);
  });

  it('runs with tsx in NODE_OPTIONS', async () => {
    expect(await run(process.execPath, [join(scripts, 'run-typed.ts')], { NODE_OPTIONS: '--import tsx' })).toBe(expected);
  });

  it('runs compiled', async () => {
    mkdirSync(out, { recursive: true });
    for (const name of ['run-typed', 'typed-tasks']) {
      const { code } = await transform(readFileSync(join(scripts, `${name}.ts`), 'utf8'), {
        loader: 'ts',
        target: 'node20',
        format: 'esm',
      });
      writeFileSync(join(out, `${name}.mjs`), code.replace('./typed-tasks.ts', './typed-tasks.mjs'));
    }
    expect(await run(process.execPath, [join(out, 'run-typed.mjs')])).toBe(expected.replace('run-typed.ts', 'run-typed.mjs'));
  });

  it('runs under vitest, where no loader is visible', async () => {
    const troupe = await Troupe.start({ executors: [threads({ workers: 2 })], output: 'silent' });
    try {
      expect(await answer(20)).toBe(22);
      expect(await listed(3)).toMatchObject({ stdout: '1\n2\n3\n' });
    } finally {
      await troupe.close();
    }
  });
});
