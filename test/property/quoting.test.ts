import { spawnSync } from 'node:child_process';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { File } from '../../src/api/file.ts';
import { argvOf, sh, type Command, type Word } from '../../src/machines/model/command.ts';

const nasty = [
  "'",
  '"',
  '\\',
  '`',
  '$',
  '$(',
  ')',
  '${',
  '}',
  '*',
  '?',
  '[',
  ']',
  '~',
  '!',
  '#',
  '&',
  '|',
  ';',
  '<',
  '>',
  '-',
  '--',
  '\n',
  '\r',
  '\t',
  ' ',
  '=',
  'a',
  'é',
  '😀',
  '\u0001',
  '\u2028',
  '\ufeff',
];
const text = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...nasty), maxLength: 20 }),
    fc.constantFrom(
      '',
      '-n',
      '--',
      '$(touch /tmp/troupe-was-here)',
      '$HOME',
      '~',
      '*',
      'x; rm -rf $HOME',
      "a b'c/",
      "\\'",
      "'\\''",
      'A=b',
      'if',
      '2',
    ),
  )
  .filter((word) => !word.includes('\0'));
const texts = fc.array(text, { maxLength: 150 });

function run(command: Command): Buffer {
  const { status, stdout, stderr } = spawnSync('/bin/bash', ['-c', command.script], { maxBuffer: 2 ** 24 });
  expect(stderr.toString()).toBe('');
  expect(status).toBe(0);
  return stdout;
}

const printArgv = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))';
const argvIn = (command: Command): unknown => JSON.parse(run(command).toString());
/** Words as the builtin `printf` gets them: no process, so many runs. */
const wordsIn = (command: Command): readonly string[] => run(command).toString().split('\0').slice(0, -1);

it('brings any words unchanged to a program', () => {
  fc.assert(
    fc.property(texts, (words) => {
      expect(argvIn(sh`${process.execPath} -e ${printArgv} -- ${words}`)).toEqual(words);
    }),
    { numRuns: 12 },
  );
});

it('brings any words unchanged to bash, attached to other text or not, in substitutions, nested, and as Files', () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 60 }), text, text, (words, one, other) => {
      const inner = sh`printf '%s\0' ${words} --x=${one}/${other}`;
      const plain = [...words, `--x=${one}/${other}`];
      expect(wordsIn(inner)).toEqual(plain);
      expect(
        wordsIn(sh`# it's a comment
x=$(printf '%s.' ${one}); printf '%s\0' "\${x%.}"
if true; then ${inner}; fi | cat`),
      ).toEqual([one, ...plain]);
      const file = new File(`/${one}`);
      expect(wordsIn(sh`printf '%s\0' ${file}`)).toEqual([file.path]);
    }),
    { numRuns: 60 },
  );
});

const word: fc.Memo<Word> = fc.memo((depth): fc.Arbitrary<Word> =>
  depth <= 1 ? fc.oneof(text, fc.integer(), fc.bigInt()) : fc.oneof(text, fc.array(word(depth - 1), { maxLength: 4 })),
);

it('gives a program the same words with a shell and without one', () => {
  fc.assert(
    fc.property(fc.array(word(3), { minLength: 1, maxLength: 10 }), (words) => {
      const argv = argvOf(words);
      if (argv.length === 0) return;
      expect(wordsIn(sh`printf '%s\0' ${words}`)).toEqual(argv);
      const { stdout } = spawnSync(process.execPath, ['-e', printArgv, '--', ...argv]);
      expect(JSON.parse(stdout.toString())).toEqual(argv);
    }),
    { numRuns: 12 },
  );
});
