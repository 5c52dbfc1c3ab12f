/**
 * Blocks of real processes, which are killed, frozen, cut off and brought to their walltime while they run: every task
 * is done, none is settled twice, what ran again had been lost, and nothing is left of any of it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { errorOf } from '../support/troupes.ts';
import { allGone, driver, driverFile, freePort, onBlocks, processesOf, tcpProxy, workersOf, type OnBlocks } from '../support/processes.ts';

/** Tries that were made again had been lost; each task has settled once, as done. */
async function eachIsDoneOnce(on: OnBlocks, ids: readonly string[]): Promise<void> {
  const settled = on.all('task.settled');
  expect(settled.map(({ state }) => state)).toEqual(ids.map(() => 'done'));
  expect(new Set(settled.map(({ taskId }) => taskId)).size).toBe(ids.length);
  expect(on.all('try.failed').filter(({ failure }) => !['workerLost', 'nodeLost', 'walltime'].includes(failure.kind))).toEqual([]);
  const lostManagers = on.all('manager.state').filter(({ state }) => state === 'lost').length;
  const runs = await on.runs();
  let extra = 0;
  for (const id of ids) {
    expect(runs.has(id), id).toBe(true);
    extra += (runs.get(id)?.length ?? 0) - 1;
  }
  const lostTries = on.all('worker.lost').length + on.all('try.failed').filter(({ failure }) => failure.kind !== 'workerLost').length;
  // what a manager had begun and not said so goes to another without a failed try: at most one a worker
  expect(extra, 'executions beyond the first').toBeLessThanOrEqual(lostTries + lostManagers * 2);
}
const pidOf = (worker: string | undefined): number => Number(worker?.split('/')[0]);
const kill = (pid: number, signal: NodeJS.Signals = 'SIGKILL'): boolean => {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // it has ended by itself
  }
};

describe('blocks of real processes', () => {
  it('give a first result, and leave nothing', async () => {
    const on = await onBlocks({ workers: 1 });
    await expect(Promise.all(on.marks(1, 0))).resolves.toEqual(['t1']);
    await on.close();
  });

  it('repair the loss of a worker', async () => {
    const on = await onBlocks({ workers: 2 });
    const results = Promise.all(on.marks(40, 50));
    const { worker } = await on.until('try.started');
    kill(pidOf(worker));
    const ids = await results;
    expect(on.all('worker.lost')).toMatchObject([{ worker }]);
    expect(on.all('try.failed')).toMatchObject([{ failure: { kind: 'workerLost' } }]);
    await eachIsDoneOnce(on, ids);
    await on.close();
  });

  it('repair the loss of a manager', async () => {
    const on = await onBlocks({ workers: 2 });
    const results = Promise.all(on.marks(40, 50));
    await on.until('try.started');
    kill(on.all('manager.registered')[0]?.pid ?? 0);
    const ids = await results;
    expect(on.all('block.ended')).toMatchObject([{ end: 'failed' }]);
    expect(on.all('manager.registered')).toHaveLength(2);
    await eachIsDoneOnce(on, ids);
    await on.close();
  });

  it('do without a manager that is frozen', async () => {
    const on = await onBlocks({
      workers: 2,
      block: { max: 2 },
      provider: driver.local({ termGraceMs: 200 }),
      heartbeatMs: 100,
      silentAfterMs: 300,
      lostAfterMs: 500,
      desertedMs: 300,
    });
    const results = Promise.all(on.marks(40, 50));
    const { blockId } = await on.until('try.started');
    const frozen = on.all('manager.registered').find((manager) => manager.blockId === blockId);
    kill(frozen?.pid ?? 0, 'SIGSTOP');
    const ids = await results;
    await on.until('manager.state', ({ managerId, state }) => managerId === frozen?.managerId && state === 'lost');
    const ended = await on.until('block.ended', (block) => block.blockId === blockId);
    expect(ended.end).toBe('deserted');
    await eachIsDoneOnce(on, ids);
    await on.close();
  });

  it('go on when a manager that was frozen for a moment is back, and lose nothing', async () => {
    const on = await onBlocks({ workers: 2, heartbeatMs: 100, silentAfterMs: 300, lostAfterMs: 30_000 });
    const results = Promise.all(on.marks(40, 50));
    await on.until('try.started');
    const pid = on.all('manager.registered')[0]?.pid ?? 0;
    kill(pid, 'SIGSTOP');
    await on.until('manager.state', ({ state }) => state === 'suspect');
    kill(pid, 'SIGCONT');
    const ids = await results;
    expect(on.all('try.failed')).toEqual([]);
    expect([...(await on.runs()).values()].map((pids) => pids.length)).toEqual(ids.map(() => 1));
    await on.close();
  });

  it('go on in a new block when the walltime of one is over', async () => {
    const on = await onBlocks({ workers: 2, block: { walltimeMs: 2500 } });
    const results = Promise.all([...on.marks(80, 50), ...on.marks(2, 800)]);
    const ids = await results;
    expect(on.all('block.ended').some(({ end }) => end === 'timeout')).toBe(true);
    expect(on.all('try.failed').every(({ failure }) => failure.kind === 'walltime')).toBe(true);
    expect(on.all('executor.state').map(({ state }) => state)).not.toContain('bad');
    await eachIsDoneOnce(on, ids);
    await on.close();
  });

  it('lose nothing when the link is cut and comes back', async () => {
    const port = await freePort();
    const proxy = await tcpProxy(port);
    const on = await onBlocks({ workers: 2, listen: { port, addresses: [`127.0.0.1:${proxy.port}`] } });
    const results = Promise.all(on.marks(40, 50));
    for (let i = 0; i < 3; i++) {
      const settled = on.all('task.settled').length;
      await on.until('task.settled', () => on.all('task.settled').length > settled + 3);
      proxy.cut();
      await on.until('manager.state', () => on.all('manager.state').filter(({ state }) => state === 'suspect').length > i);
      proxy.restore();
      await on.until('manager.state', () => on.all('manager.state').filter(({ state }) => state === 'ready').length > i + 1);
    }
    const ids = await results;
    expect([on.all('try.failed'), on.all('try.late')]).toEqual([[], []]);
    expect([...(await on.runs()).values()].map((pids) => pids.length)).toEqual(ids.map(() => 1));
    expect(on.all('manager.registered')).toHaveLength(1);
    await on.close();
  });

  it('turn bad when no worker comes up, say what the workers said, and do not try for ever', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'starts-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const starts = join(dir, 'starts');
    const on = await onBlocks({
      workers: 2,
      env: { NODE_OPTIONS: `--import ${new URL('../fixtures/die-at-start.mjs', import.meta.url).href}`, STARTS: starts },
    });
    const [future] = on.marks(1, 0);
    const error = await errorOf(future as PromiseLike<string>);
    expect(error.message).toContain('libmagic.so.7: cannot open shared object file');
    expect(on.all('executor.state').at(-1)).toMatchObject({ state: 'bad' });
    const started = (await readFile(starts, 'utf8')).trim().split('\n').length;
    expect(started).toBeGreaterThanOrEqual(3);
    expect(started).toBeLessThanOrEqual(24);
    await on.close('cancel');
  }, 120_000);

  it('give up a task that ends its workers', async () => {
    const on = await onBlocks({ workers: 2 });
    const future = on.troupe.run(driver.exit, on.file, 7);
    const error = await errorOf(future);
    expect(error).toMatchObject({ code: 'ERR_WORKER_LOST' });
    expect(error.message).toContain('has taken down 3 workers');
    expect(on.all('worker.lost').every(({ message }) => message === 'it exited with code 7')).toBe(true);
    expect(on.all('worker.lost')).toHaveLength(3);
    expect(new Set((await on.runs()).get('exit')).size).toBe(3);
    // and nobody else suffers
    expect(await Promise.all(on.marks(4, 10))).toHaveLength(4);
    await on.close();
  });

  it('end themselves when their driver was killed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'killed-driver-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const child = spawn(process.execPath, [driverFile, '4', '1000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: dir, NODE_OPTIONS: '' },
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const names = line.toString().trim().split(' ');
    expect([names.length, workersOf(names).length]).toEqual([4, 4]);
    const killedMs = performance.now();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await allGone(names);
    expect(performance.now() - killedMs).toBeLessThan(5000);
    expect(processesOf(names)).toEqual([]);
    expect((await readdir(dir)).length).toBeLessThanOrEqual(1); // what the driver had no time to take away
  });

  it('lose no task in a hundred kills at random', async () => {
    const on = await onBlocks({ workers: 2, block: { max: 2 } });
    const killed: string[] = [];
    let seed = 7;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const pick = <T>(all: readonly T[]): T | undefined => all[Math.floor(random() * all.length)];
    const names = (): readonly string[] => on.all('block.requested').map(({ jobName }) => jobName);
    on.troupe.on('task.settled', () => {
      if (killed.length >= 100 || random() < 0.7) return;
      const isManager = random() < 0.1;
      const pid = isManager
        ? pick(on.all('manager.registered').filter(({ pid: each }) => processesOf(names()).includes(each)))?.pid
        : pick(workersOf(names()));
      if (pid !== undefined && kill(pid)) killed.push(isManager ? 'manager' : 'worker');
    });
    const ids = await Promise.all(on.marks(450, 50));
    expect(killed).toHaveLength(100);
    await eachIsDoneOnce(on, ids);
    await on.close();
  }, 120_000);
});
