/**
 * A fresh clone on a machine with Node and nothing else: the demo is the first command that anybody types. With
 * changes that are not committed, the files are copied as git would take them; otherwise git clones.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { picturesSince, root } from './support/repository.ts';
import { must, sh } from './support/shell.ts';

let parent: string;
let clone: string;

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'troupe-clone-'));
  clone = join(parent, 'troupe');
  const { stdout: changes } = await must(root, 'git', ['status', '--porcelain']);
  if (changes === '') {
    await must(parent, 'git', ['clone', '--quiet', '--no-hardlinks', root, 'troupe']);
    return;
  }
  const { stdout: files } = await must(root, 'git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  for (const file of files.split('\0').filter((name) => name !== '' && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(clone, file)), { recursive: true });
    cpSync(join(root, file), join(clone, file));
  }
  await must(clone, 'git', ['init', '--quiet']);
  await must(clone, 'git', ['add', '--all']);
});
afterAll(() => rmSync(parent, { recursive: true, force: true }));

it('starts with neither packages nor a build', () => {
  expect(existsSync(join(clone, 'package.json'))).toBe(true);
  for (const name of ['node_modules', 'dist', 'out']) expect(existsSync(join(clone, name)), name).toBe(false);
});

it('runs the demo as the first command', async () => {
  const started = Date.now();
  const { stderr } = await must(clone, 'npm', ['run', 'demo']);
  expect(stderr).toContain('installing the packages');
  expect(stderr).toContain('building dist');
  const pictures = picturesSince(clone, started - 1000);
  expect(pictures.length).toBeGreaterThanOrEqual(2);
  for (const picture of pictures) {
    expect(statSync(join(clone, picture)).size, picture).toBeGreaterThan(1000);
    expect(readFileSync(join(clone, picture), 'utf8')).toMatch(/^<svg[\s\S]*<\/svg>\s*$/);
  }
});

it('runs the demo again without installing or building', async () => {
  const { stderr } = await must(clone, 'npm', ['run', 'demo', '--', '--quick']);
  expect(stderr).not.toMatch(/installing|building/);
});

it('changes no file of the clone, and puts what it makes where git does not look', async () => {
  const { stdout } = await must(clone, 'git', ['status', '--porcelain', '--ignored']);
  const strange = stdout
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('A  ') && !/^!! (node_modules|dist|out)\/$/.test(line));
  expect(strange).toEqual([]);
});

it.each(['--help', 'machines', 'machines --json'])('answers npx troupe %s', async (line) => {
  const args = line.split(' ');
  const { code, stdout, stderr } = await sh(clone, 'npx', ['troupe', ...args]);
  expect(code, stderr).toBe(0);
  expect(stdout.length).toBeGreaterThan(100);
  if (args.includes('--json')) expect(() => JSON.parse(stdout) as unknown).not.toThrow();
});
