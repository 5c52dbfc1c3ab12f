import { describe, expect, it } from 'vitest';

import { wrapped } from '../../src/launchers/wrapped.ts';
import { ConfigError } from '../../src/machines/model/errors.ts';
import { conformsToLauncher } from '../conformance/launcher.ts';

const at = { nodes: 1, ranksPerNode: 1, workDir: '/work' };

describe('wrapped', () => {
  conformsToLauncher(() => wrapped({ prepend: ['nice', '-n', '5'] }), { nodes: 1, ranksPerNode: 1 });

  it('puts its words first, each as one', () => {
    expect(wrapped({ prepend: ['time', '-f', '%e s'] }).launch(['node', 'manager.js'], at)).toEqual([
      'time',
      '-f',
      '%e s',
      'node',
      'manager.js',
    ]);
  });

  it('keeps the words it was given, whatever becomes of the array', () => {
    const prepend = ['nice'];
    const launcher = wrapped({ prepend });
    prepend.push('-n');
    expect(launcher.launch(['true'], at)).toEqual(['nice', 'true']);
  });

  it.each([[{ prepend: [] }], [{ prepend: 'nice' }], [{ prepend: [1] }], [{}], [{ prepend: ['nice'], append: ['x'] }]])(
    'refuses %o',
    (options) => {
      expect(() => wrapped(options as never)).toThrow(ConfigError);
    },
  );
});

describe('wrapped, by words that start the command everywhere', () => {
  conformsToLauncher(() => wrapped({ prepend: ['srun'], everyRank: true }), {});
});
