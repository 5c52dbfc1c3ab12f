import { describe, expect, it } from 'vitest';

import { simple } from '../../src/launchers/simple.ts';
import { conformsToLauncher } from '../conformance/launcher.ts';

describe('simple', () => {
  conformsToLauncher(() => simple(), { nodes: 1, ranksPerNode: 1 });

  it('leaves the command alone', () => {
    expect(simple().launch(['node', 'manager.js'], { nodes: 1, ranksPerNode: 1, workDir: '/work' })).toEqual(['node', 'manager.js']);
  });
});
