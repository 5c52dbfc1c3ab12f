/** What the compiler says to someone who holds a task function wrong: short, and at the place that is wrong. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const cases = [
  [
    'a future of something else',
    `one(text(1));`,
    /Argument of type 'Future<string>' is not assignable to parameter of type 'Arg<number>'[\s\S]*Type 'string' is not assignable to type 'number'/,
  ],
  [
    'a future of something else, deep in plain data',
    `record({ seed: text(1) });`,
    /Type 'Future<string>' is not assignable to type '(Arg<number>|number)/,
  ],
  [
    'a task that takes a promise',
    `task(import.meta, 'p', (p: Promise<number>) => p)(1);`,
    /a task receives values, never promises: declare what the promise gives/,
  ],
  [
    'a shell task that returns a number',
    `shell(import.meta, 's', () => 42)(1);`,
    /a shell task returns a string, sh`…`, or an array of words/,
  ],
  ['a Future in sh', 'sh`echo ${text(1)}`;', /Argument of type 'Future<string>' is not assignable to parameter of type 'Word'/],
  ['an option that does not exist', `one.with({ retry: 3 });`, /'retry' does not exist in type|Did you mean to write 'retries'/],
  ['an unannotated parameter', `task(import.meta, 'u', (x) => x);`, /Parameter 'x' implicitly has an 'any' type/],
] as const;

describe('the compiler', () => {
  let output = '';
  let dir = '';

  beforeAll(() => {
    dir = mkdtempSync(join(root, 'test/fixtures/types-'));
    const head = `import { sh, shell, task } from '../../../src/index.ts';
const one = task(import.meta, 'one', (x: number) => x);
const text = task(import.meta, 'text', (x: number) => String(x));
const record = task(import.meta, 'record', (o: { readonly seed: number }) => o.seed);
void [sh, shell, one, text, record];\n`;
    cases.forEach(([, code], i) => writeFileSync(join(dir, `case${i}.ts`), `${head}${code}\n`));
    writeFileSync(
      join(dir, 'tsconfig.json'),
      JSON.stringify({ extends: '../../../tsconfig.json', compilerOptions: { noEmit: true }, include: ['*.ts'] }),
    );
    output = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', dir, '--pretty', 'false'], {
      encoding: 'utf8',
    }).stdout;
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it.each(cases.map(([what, , message], i) => [what, i, message] as const))('says what is wrong with %s', (_, i, message) => {
    const own = output.split(/\n(?=\S*case\d+\.ts)/).filter((text) => text.includes(`case${i}.ts`));
    expect(own).toHaveLength(1);
    expect(own[0]).toMatch(message);
    expect((own[0] ?? '').trim().split('\n').length).toBeLessThanOrEqual(8);
  });
});
