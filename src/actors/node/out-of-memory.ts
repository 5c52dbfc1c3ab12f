/** Evidence that the system has ended a process for its memory: Linux counts such ends, by control group. */
import { readFileSync } from 'node:fs';

export interface OutOfMemory {
  /** Whether the system has ended a process of this node for its memory since this was last asked. */
  hasStruck(): boolean;
}

/** @param read - Of a file, as text. @throws for one that is not there */
export function outOfMemory(read: (path: string) => string = (path) => readFileSync(path, 'utf8')): OutOfMemory {
  const files = process.platform === 'linux' ? counters(read) : [];
  let last = count();

  function count(): number {
    return files.reduce((sum, file) => sum + Number(/^oom_kill (\d+)$/m.exec(text(file))?.[1] ?? 0), 0);
  }
  function text(file: string): string {
    try {
      return read(file);
    } catch {
      return '';
    }
  }

  return {
    hasStruck() {
      const before = last;
      last = count();
      return last > before;
    },
  };
}

/** Of cgroup v2 (a line `0::/path`), else of v1 (`4:memory:/path`). Inside a container the path may be of the host. */
function counters(read: (path: string) => string): readonly string[] {
  try {
    const lines = read('/proc/self/cgroup').split('\n');
    const v2 = lines.find((line) => line.startsWith('0::'))?.slice(3) ?? '';
    const v1 = lines.find((line) => /^\d+:([^:]*,)?memory(,[^:]*)?:/.test(line))?.replace(/^\d+:[^:]*:/, '');
    const folders = v1 === undefined ? [`/sys/fs/cgroup${v2}`, '/sys/fs/cgroup'] : [`/sys/fs/cgroup/memory${v1}`, '/sys/fs/cgroup/memory'];
    const name = v1 === undefined ? 'memory.events' : 'memory.oom_control';
    const found = folders.map((folder) => `${folder.replace(/\/$/, '')}/${name}`).find((file) => isThere(file, read));
    return found === undefined ? [] : [found];
  } catch {
    return [];
  }
}

function isThere(file: string, read: (path: string) => string): boolean {
  try {
    return read(file) !== '';
  } catch {
    return false;
  }
}
