import { spawnSync } from 'node:child_process';

import { describe, expect, it } from 'vitest';

import { launchPipeline } from '../../src/launchers/pipeline.ts';
import { simple } from '../../src/launchers/simple.ts';
import { singleNode } from '../../src/launchers/single-node.ts';
import { environment, prepend } from '../../src/launchers/transforms.ts';
import { wrapped } from '../../src/launchers/wrapped.ts';
import { ConfigError } from '../../src/machines/model/errors.ts';

const at = { nodes: 1, ranksPerNode: 1, workDir: '/work dir' };

describe('launchPipeline', () => {
  it('goes through the transforms in their order, then the launcher', () => {
    const transforms = [environment({ A: '1' }), prepend(['c1']), prepend(({ workDir }) => ['c2', workDir])];
    expect(launchPipeline(['node', 'x'], transforms, wrapped({ prepend: ['l'] }), at)).toEqual(
      'l,c2,/work dir,c1,/usr/bin/env,A=1,node,x'.split(','),
    );
  });

  it('is the launcher alone without transforms', () => {
    expect(launchPipeline(['node'], [], simple(), at)).toEqual(['node']);
  });

  it('hands environments to programs unchanged', () => {
    const odd = `a b'"$(exit 3)\n😀`;
    const [file = '', ...args] = launchPipeline(['printenv', 'ODD'], [environment({ ODD: odd })], singleNode(), { ...at, workDir: '/' });
    expect(spawnSync(file, args, { encoding: 'utf8' }).stdout).toBe(`${odd}\n`);
  });

  it.each([['no array'], [[]], [['a', 1]], [['a\0b']], [undefined]])('refuses a step that gives %j, by its place', (wrong) => {
    const transforms = [prepend(['x']), (() => wrong) as never];
    expect(() => launchPipeline(['node'], transforms, simple(), at)).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG', field: 'transforms.1' }),
    );
    expect(() => launchPipeline(['node'], [], { ...simple(), launch: () => wrong as never }, at)).toThrow(
      expect.objectContaining({ field: 'launcher' }),
    );
  });

  it('refuses names that no variable has', () => {
    expect(() => environment({ 'A=B': '1' })).toThrow(ConfigError);
    expect(environment({})(['node'], at)).toEqual(['node']);
  });
});
