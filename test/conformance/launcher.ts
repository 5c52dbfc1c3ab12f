/** What every launcher does: `describe('simple', () => conformsToLauncher(() => simple(), { nodes: 1, ranksPerNode: 1 }))`. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { ConfigError } from '../../src/machines/model/errors.ts';
import type { Launcher, LaunchTarget } from '../../src/launchers/port.ts';

/** The most that it reaches; left out where there is no limit. */
export interface LauncherReach {
  readonly nodes?: number;
  readonly ranksPerNode?: number;
}

/** A word that a process can be given: anything but NUL and halves of surrogate pairs. */
export const word: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
  fc.constantFrom(
    '',
    ' ',
    '\n',
    '-',
    '--',
    '-c',
    '$(exit 3)',
    '`exit 3`',
    '${HOME}',
    '$@',
    '*',
    '~',
    '"',
    "'",
    '\\',
    '!!',
    'a=b',
    '\r\n',
    '😀',
    ';',
    '&',
    '#',
  ),
);
const command: fc.Arbitrary<readonly string[]> = fc.tuple(word, fc.array(word)).map(([first, rest]) => [first, ...rest]);

export function conformsToLauncher(make: () => Launcher, reach: LauncherReach): void {
  const targets: fc.Arbitrary<LaunchTarget> = fc.record({
    nodes: fc.integer({ min: 1, max: reach.nodes ?? 2000 }),
    ranksPerNode: fc.integer({ min: 1, max: reach.ranksPerNode ?? 256 }),
    workDir: fc.constant('/work'),
  });
  const one: LaunchTarget = { nodes: 1, ranksPerNode: 1, workDir: '/work' };

  it('has a kind, and options that can be written down', () => {
    const { kind, options } = make();
    expect(kind).toMatch(/^[a-z]\w*$/);
    expect(JSON.parse(JSON.stringify(options))).toEqual(options);
  });

  it('hands over every word of the command as it is, at the end of its own', () => {
    fc.assert(
      fc.property(command, targets, (argv, at) => {
        const launched = make().launch(argv, at);
        expect(launched.slice(launched.length - argv.length)).toEqual(argv);
      }),
    );
  });

  it('is pure: the same command for the same target, and nothing that it is given is changed', () => {
    fc.assert(
      fc.property(command, targets, (argv, at) => {
        const launcher = make();
        const given = [Object.freeze([...argv]), Object.freeze({ ...at })] as const;
        expect(launcher.launch(...given)).toEqual(make().launch(argv, at));
        expect(launcher.launch(...given)).toEqual(launcher.launch(...given));
      }),
    );
  });

  it('refuses a command without a program, and targets that are none', () => {
    const { launch } = make();
    expect(() => launch([], one)).toThrow(ConfigError);
    for (const wrong of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => launch(['true'], { ...one, nodes: wrong })).toThrow(ConfigError);
      expect(() => launch(['true'], { ...one, ranksPerNode: wrong })).toThrow(ConfigError);
    }
  });

  const limits = Object.entries(reach) as readonly (readonly ['nodes' | 'ranksPerNode', number])[];
  it.each(limits)('refuses to reach farther than it can: %s', (field, most) => {
    const error = thrownBy(() => make().launch(['true'], { ...one, [field]: most + 1 }));
    expect(error).toMatchObject({ code: 'ERR_CONFIG', field, value: most + 1 });
    expect(error.message).toMatch(/use \w+/); // the way out
  });
}

function thrownBy(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
