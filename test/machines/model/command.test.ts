import { describe, expect, it } from 'vitest';

import { File } from '../../../src/api/file.ts';
import { argvOf, Command, commandLine, exitText, quote, sh, tailOf, type Word } from '../../../src/machines/model/command.ts';

const nasty = new File("/a b'c/x; rm -rf $HOME");
const forced = (value: unknown): Word => value as Word;

describe('sh', () => {
  const cases: readonly (readonly [command: Command, script: string])[] = [
    [sh`echo ${'a b'}`, "echo 'a b'"],
    [sh`echo ${"it's"}`, `echo 'it'\\''s'`],
    [sh`echo ${''}`, "echo ''"],
    [sh`wc -l < ${nasty}`, `wc -l < '/a b'\\''c/x; rm -rf $HOME'`],
    [sh`cat ${['a', 2, nasty, []]} end`, `cat 'a' 2 '/a b'\\''c/x; rm -rf $HOME' end`],
    [sh`cat ${[]}`, 'cat '],
    [sh`seq ${1} ${-2.5} ${10n} ${1e21}`, 'seq 1 -2.5 10 1e+21'],
    [sh`${sh`sort ${'a b'}`} | ${[sh`head -n ${1}`]}`, `sort 'a b' | head -n 1`],
    [sh`cp ${'a'}.gz --to=${'b c'}/d`, `cp 'a'.gz --to='b c'/d`],
    [sh`plain`, 'plain'],
  ];
  it.each(cases)('%s', (command, script) => {
    expect(command.script).toBe(script);
    expect(String(command)).toBe(script);
    expect(Command.is(command)).toBe(true);
  });

  it('leaves backslashes to bash, and undoes those that only JavaScript asks for', () => {
    expect(sh`grep '\.txt$' | sed 's/\(a\)/\1/' | tr '\n' ' '`.script).toBe(String.raw`grep '\.txt$' | sed 's/\(a\)/\1/' | tr '\n' ' '`);
    expect(sh`echo \${HOME} \`date\` \$x \\`.script).toBe('echo ${HOME} `date` \\$x \\\\');
    expect(sh`echo \\${'x'}`.script).toBe(String.raw`echo \\'x'`);
  });

  it('does not let a number name a file descriptor', () => {
    expect(sh`echo ${2}> ${'out'}`.script).toBe(`echo '2'> 'out'`);
    expect(sh`echo ${[1, 2]}< in`.script).toBe(`echo '1' '2'< in`);
  });

  const refused: readonly (readonly [value: unknown, message: string])[] = [
    [Promise.resolve('x'), 'value 2 of sh`…` (after " < ") is a Future or promise: await it, or pass it as an argument of the task'],
    [undefined, 'is undefined: write `?? []`'],
    [null, 'is null: write `?? []`'],
    [true, "is true: write `condition ? '--flag' : []`"],
    [Number.NaN, 'is NaN'],
    [{ path: '/tmp/x' }, 'is an object: pass a string, number or File'],
    [new Date(0), 'is an instance of Date'],
    [Object.create(null), 'is an object'],
    [() => 1, 'is a function'],
    [Symbol('x'), 'is a symbol'],
    [['a', ['b', undefined]], 'value 2[1][1] of sh`…` (after " < ") is undefined'],
    ['a\0b', 'has a NUL character'],
    ['a\ud800', 'has half of a surrogate pair'],
  ];
  it.each(refused)('refuses %o', (value, message) => {
    const call = (): Command => sh`${'wc'} < ${forced(value)}`;
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
  });

  it('refuses at compile time what is no word', () => {
    const check = (): unknown => [
      // @ts-expect-error a promise
      sh`${Promise.resolve('x')}`,
      // @ts-expect-error undefined
      sh`${undefined}`,
      // @ts-expect-error a boolean
      sh`${true}`,
      // @ts-expect-error an object that looks like a File
      sh`${{ path: '/tmp/x' }}`,
      // @ts-expect-error an object that looks like a Command
      sh`${{ script: 'x' }}`,
      // @ts-expect-error promises in an array
      sh`${[Promise.resolve('x')]}`,
      // @ts-expect-error only sh makes a Command
      new Command('x'),
    ];
    expect(check).toThrow(TypeError);
  });

  it('knows the Commands and Files of another copy of troupe', () => {
    const command = { [Symbol.for('troupe.command')]: true, script: 'ls -l' };
    const file = { [Symbol.for('troupe.file')]: true, path: '/a b' };
    expect(sh`${forced(command)} ${forced(file)}`.script).toBe("ls -l '/a b'");
  });

  it('says that it is a tag', () => {
    expect(() => (sh as unknown as (text: string) => unknown)('wc')).toThrow('sh is a tag: write sh`wc -l ${file}`');
  });

  it('lets a File that is not local say so', () => {
    expect(() => sh`cat ${new File('https://example.org/x')}`).toThrow('is not local');
  });
});

describe('sh and the quotes of its template', () => {
  const within: readonly (readonly [place: string, make: () => Command])[] = [
    ['double quotes', () => sh`echo "${'x'}"`],
    ['double quotes', () => sh`echo "it's ${nasty}"`],
    ['double quotes', () => sh`echo "$(echo "a" 'b' \`c\`) ${'x'}"`],
    ['double quotes', () => sh`echo "\\"; echo \"${'x'}\" "${'y'}"`],
    ['single quotes', () => sh`awk '{print "${'x'}"}'`],
    ['single quotes', () => sh`echo 'a\' '${'x'}'`],
    ['single quotes', () => sh`echo $'it\'s ${'x'}'`],
    ['single quotes', () => sh`echo $(echo '${'x'}')`],
    ['a comment', () => sh`ls # of ${'x'}`],
    ['a comment', () => sh`ls; # it's ${['x']}`],
    [
      'a here-document',
      () => sh`cat <<EOF
it's ${'x'}
EOF`,
    ],
    [
      'a here-document',
      () => sh`cat <<-'EN D' | sort
	EN D
cat <<A <<\B
A
${'x'}
B`,
    ],
  ];
  it.each(within)('refuses a string within %s: %s', (place, make) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(`stands within ${place}`);
  });

  const outside: readonly (readonly [make: () => Command])[] = [
    [() => sh`echo "a"${'x'}"b" 'c'${'x'}`],
    [() => sh`echo "$(wc -l < ${'x'})" \`cat ${'x'}\` "\`cat ${'x'}\`"`],
    [
      () => sh`# don't
echo ${'x'}`,
    ],
    [() => sh`echo it\'s ${'x'} \" ${'x'} \$\' ${'x'}`],
    [() => sh`echo a#b $# ${'x'} $'\'' ${'x'} "'" ${'x'} '"' ${'x'}`],
    [
      () => sh`cat <<EOF; echo ${'x'}
it's "
EOF
echo ${'x'}`,
    ],
    [
      () => sh`cat <<< "it's" ${'x'}; (( a = 1 << b )); echo $(( (1 << b) + 16#ff )) ${'x'}
echo ${'x'}`,
    ],
    [() => sh`case $y in a) echo ${'x'};; (b) echo "$(echo ${'x'})";; esac; ${'x'}`],
    [() => sh`a=(${['x', 'y']}); echo "\${a[@]}" ${'x'}`],
  ];
  it.each(outside)('takes strings elsewhere: %s', (make) => {
    expect(make().script).toContain("'x'");
  });

  it('takes numbers and Commands anywhere, since they need no quotes', () => {
    expect(sh`awk '{print $${2}}' "$(${sh`ls`})" # ${1}`.script).toBe(`awk '{print $2}' "$(ls)" # 1`);
  });
});

describe('quote', () => {
  it('makes one word of any text', () => {
    expect(quote('')).toBe("''");
    expect(quote("a'b")).toBe(`'a'\\''b'`);
    expect(() => quote('\0')).toThrow(TypeError);
  });
});

describe('argvOf', () => {
  it('flattens, and quotes nothing', () => {
    expect(argvOf(['ls', ['-l', [nasty, 1]], [], 2n, ''])).toEqual(['ls', '-l', nasty.path, '1', '2', '']);
  });

  it('passes a Command as one word', () => {
    expect(argvOf(['ssh', 'host', sh`wc ${'a b'}`])).toEqual(['ssh', 'host', "wc 'a b'"]);
  });

  it('names the position of what is no word', () => {
    expect(() => argvOf(['ls', forced([undefined])])).toThrow('its value 2[0] is undefined');
    expect(() => argvOf(['ls', 'a\0'])).toThrow('its value 2 has a NUL character');
  });
});

describe('commandLine', () => {
  it('runs scripts by bash, exactly as written, and arrays without a shell', () => {
    expect(commandLine('echo "$HOME"\nls')).toEqual({
      file: '/bin/bash',
      args: ['-c', '--', 'echo "$HOME"\nls'],
      command: 'echo "$HOME"\nls',
    });
    expect(commandLine(sh`ls ${'a b'}`)).toEqual({ file: '/bin/bash', args: ['-c', '--', "ls 'a b'"], command: "ls 'a b'" });
    expect(commandLine(['ls', '-l', 'a b'])).toEqual({ file: 'ls', args: ['-l', 'a b'], command: "ls -l 'a b'" });
  });

  const wrong = [
    [undefined, 'undefined; a shell task returns a string, sh`…`, or an array of words'],
    [42, 'a number; a shell task'],
    [new Date(0), 'an instance of Date; a shell task'],
    [[], 'an array whose first word'],
    [[''], 'an array whose first word'],
    [[null], 'an array of words: its value 1 is null'],
    ['a\0b', 'a script with a NUL'],
  ] as const;
  it.each(wrong)('refuses %o', (line, message) => {
    expect(() => commandLine(line)).toThrow(message);
  });
});

describe('the text of an exit', () => {
  it('has the last line of stderr, or the place of the file', () => {
    expect(exitText({ exitCode: 1, signal: undefined }, undefined, 'a\nb \n\n')).toBe('exited with 1: b');
    expect(exitText({ exitCode: 1, signal: undefined }, undefined, '')).toBe('exited with 1');
    expect(exitText({ exitCode: undefined, signal: 'SIGKILL' }, '/tmp/err', '')).toBe('was ended by SIGKILL; its stderr is in /tmp/err');
  });

  it('keeps whole characters', () => {
    expect(tailOf('abc', 10)).toBe('abc');
    expect(tailOf('aü€😀', 9)).toBe('ü€😀');
    expect(tailOf('aü€😀', 8)).toBe('€😀');
    expect(tailOf('😀'.repeat(3), 5)).toBe('😀');
    expect(tailOf('abc', 0)).toBe('');
  });
});
