/** Evidence of ends for memory, in both versions of control groups. */
import { describe, expect, it } from 'vitest';

import { outOfMemory } from '../../../src/actors/node/out-of-memory.ts';

function files(all: Record<string, string>) {
  return (path: string): string => {
    const text = all[path];
    if (text === undefined) throw new Error(`ENOENT ${path}`);
    return text;
  };
}

describe.skipIf(process.platform !== 'linux')('evidence of no memory', () => {
  it.each([
    ['v2', { '/proc/self/cgroup': '0::/job_3\n' }, '/sys/fs/cgroup/job_3/memory.events', 'low 0\noom 1\noom_kill '],
    ['v2 in a container', { '/proc/self/cgroup': '0::/\n' }, '/sys/fs/cgroup/memory.events', 'oom_kill '],
    [
      'v1',
      { '/proc/self/cgroup': '5:cpu:/x\n4:memory:/job_3\n' },
      '/sys/fs/cgroup/memory/job_3/memory.oom_control',
      'under_oom 0\noom_kill ',
    ],
  ] as const)('is what the counter of %s says', (_, base, path, text) => {
    const all: Record<string, string> = { ...base, [path]: `${text}4\n` };
    const memory = outOfMemory(files(all));
    expect(memory.hasStruck()).toBe(false);
    all[path] = `${text}5\n`;
    expect(memory.hasStruck()).toBe(true);
    expect(memory.hasStruck()).toBe(false);
  });

  it('is none where nothing counts', () => {
    expect(outOfMemory(files({})).hasStruck()).toBe(false);
    expect(outOfMemory().hasStruck()).toBe(false);
  });
});
