import { spawn } from 'node:child_process';

import { describe, expect, it } from 'vitest';

import { fromPs, JOB_NAME, processAt, processesOf, signalGroup, signalProcess } from '../../src/providers/processes.ts';

async function withSleeper(job: string, use: (pid: number) => Promise<void> | void): Promise<NodeJS.Signals | null> {
  const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore', env: { ...process.env, [JOB_NAME]: job } });
  const ended = new Promise<NodeJS.Signals | null>((settle) => child.once('exit', (_, signal) => settle(signal)));
  try {
    await use(child.pid as number);
  } finally {
    child.kill('SIGKILL');
  }
  return ended;
}

describe('processes', () => {
  it('are seen with group, start and job', async () => {
    await withSleeper('job-1', async (pid) => {
      expect(processAt(pid)).toEqual({ pid, group: pid, started: expect.stringMatching(/^\d+$/), job: 'job-1' });
      expect(await processesOf({ jobs: new Set(['job-1', 'job-2']) })).toEqual([processAt(pid)]);
      expect(await processesOf({ jobs: new Set(), leader: processAt(pid) as never })).toEqual([processAt(pid)]);
    });
  });

  it('that are gone are not seen', async () => {
    let gone = 0;
    await withSleeper('job-1', (pid) => {
      gone = pid;
    });
    expect(processAt(gone)).toBeUndefined();
    expect(await processesOf({ jobs: new Set(['job-1']) })).toEqual([]);
  });

  it('are not signalled, nor listed, in place of an earlier one of their pid', async () => {
    const signal = await withSleeper('job-1', async (pid) => {
      const earlier = { pid, started: '1' };
      signalProcess(earlier, 'SIGTERM');
      signalGroup(earlier, 'SIGTERM');
      expect(await processesOf({ jobs: new Set(), leader: earlier })).toEqual([]);
    });
    expect(signal).toBe('SIGKILL');
  });

  it('are read from what ps prints elsewhere', () => {
    const text = `
    1     1     0 Ss   Mon Jan  1 00:00:00 2024 /sbin/launchd
  501   500   501 S+   Tue Feb 13 10:20:30 2024 node manager.js TROUPE_JOB_NAME=fake TERM=xterm TROUPE_JOB_NAME=troupe-r1.b_2 PATH=/bin
  502   500   501 Z    Tue Feb 13 10:20:30 2024 (node)
  503   503   777 S    Tue Feb 13 10:20:30 2024 node TROUPE_JOB_NAME=other
  504   504   501 Ss   Tue Feb 13 10:20:31 2024 sleep 1000 NOT_TROUPE_JOB_NAME=x
`;
    expect(fromPs(text, 501)).toEqual([
      { pid: 501, group: 500, started: '1707819630', job: 'troupe-r1.b_2' },
      { pid: 504, group: 504, started: '1707819631', job: undefined },
    ]);
    expect(fromPs(text).map(({ pid }) => pid)).toEqual([1, 501, 503, 504]);
  });
});
