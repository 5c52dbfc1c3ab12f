/** Managers and workers as processes: what they run, and what becomes of them when one of them is killed. Linux only. */
import { chmod, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { fixtureUrl, gone, isAlive, realNode, serializer, textOf, workerUrl } from '../../support/real-node.ts';

describe.skipIf(process.platform !== 'linux')('a worker process', () => {
  it('calls a function of a host with bytes, and gives bytes', async () => {
    const node = await realNode({
      slots: { workers: 1, accelerators: [{ name: 'GPU-3', env: { CUDA_VISIBLE_DEVICES: '3' } }] },
      worker: { program: workerUrl, env: { MINE: 'of the configuration' } },
    });
    const { managerId } = await node.until('register');
    const lease = node.call('shout', 'hello');
    expect(await node.end(lease)).toEqual({ type: 'done', text: 'call-1/0: HELLO', worker: String(node.workers()[0]) });
    expect(new TextDecoder().decode((await node.until('progress')).value)).toBe('half');
    for (const [name, value] of Object.entries({
      TROUPE_BLOCK_ID: '3',
      TROUPE_MANAGER_ID: managerId,
      TROUPE_WORKER_RANK: '0',
      TROUPE_WORKER_COUNT: '1',
      CUDA_VISIBLE_DEVICES: '3',
      MINE: 'of the configuration',
      TROUPE_CONNECT: 'nothing',
    }))
      expect(await node.end(node.call('env', name))).toMatchObject({ text: value });
    expect(await node.end(node.call('accelerators'))).toMatchObject({ text: 'GPU-3' });
    node.call('print');
    expect(await node.until('output')).toMatchObject({ stream: 'stdout', text: 'printed\n' });
  });

  it('says what went wrong with a call', async () => {
    const node = await realNode();
    await node.until('register');
    const failed = await node.end(node.call('fail'));
    expect(failed).toMatchObject({ type: 'app', error: expect.any(RangeError) as unknown });
    expect(await node.end(node.call('giveText'))).toMatchObject({ type: 'serialization' });
    const missing = await node.end(node.call('missing'));
    expect(missing.type).toBe('unroutable');
    expect(String(missing.error)).toContain('and no function of that name');
    expect((await node.end(node.grant(Uint8Array.of(1, 2, 3)))).type).toBe('internal');
  });

  it('stops a call that listens, and is killed when it does not, with all that it has started', async () => {
    const node = await realNode();
    await node.until('register');
    const polite = node.call('untilAborted');
    await node.until('started', ({ leases }) => leases.includes(polite));
    node.send({ t: 'stop', lease: polite, reason: serializer.encode('enough', 'reason'), graceMs: 60_000 });
    expect(await node.end(polite)).toMatchObject({ type: 'stopped' });
    const rude = node.call('leaveBehind');
    const child = Number(new TextDecoder().decode((await node.until('progress', ({ lease }) => lease === rude)).value));
    const [worker] = node.workers();
    expect(isAlive(child)).toBe(true);
    node.send({ t: 'stop', lease: rude, reason: new Uint8Array(), graceMs: 10 });
    expect(await node.end(rude)).toMatchObject({ type: 'stopped', worker: String(worker) });
    await Promise.all([gone(child), gone(worker as number)]);
    expect(await node.end(node.call('echo', 'next'))).toMatchObject({ text: 'next' });
  });

  it('that is killed is replaced, and only what it ran is lost', async () => {
    const node = await realNode();
    await node.until('register');
    const ran = node.call('wait');
    await node.until('started', ({ leases }) => leases.includes(ran));
    const [pid] = node.workers();
    const waits = node.call('echo', 'later');
    process.kill(pid as number, 'SIGKILL');
    expect(await node.until('lost')).toMatchObject({ lease: ran, kind: 'workerLost', signal: 'SIGKILL', worker: String(pid) });
    expect(await node.end(waits)).toMatchObject({ text: 'later', worker: String(node.workers()[0]) });
    expect(node.workers()[0]).not.toBe(pid);
  });

  it('that exits within a task, or throws where nobody catches, is lost with its last words', async () => {
    const node = await realNode();
    await node.until('register');
    const exits = node.call('writeAndExit');
    expect(await node.until('lost', ({ lease }) => lease === exits)).toMatchObject({ exitCode: 7, message: 'it exited with code 7' });
    const throws = node.call('throwLater');
    const { exitCode, stderr } = await node.until('lost', ({ lease }) => lease === throws);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Error: nobody caught it');
    expect(await node.end(node.call('echo', 'and on'))).toMatchObject({ text: 'and on' });
  });

  it('that has run out of memory is lost for that', async () => {
    const node = await realNode({ worker: { program: workerUrl, execArgv: ['--max-old-space-size=24'] } });
    await node.until('register');
    const lease = node.call('fill');
    expect(await node.until('lost')).toMatchObject({ lease, kind: 'oom', message: 'it had no memory left' });
  });

  it('that cannot load its program says so, and the manager ends with 4', async () => {
    const node = await realNode({ worker: { program: 'file:///nowhere/worker.js' } });
    const { isBroken, why, stderr } = await node.until('leaving');
    expect(isBroken).toBe(true);
    expect(why).toBe('a worker has ended before it was ready: it exited with code 1');
    expect(stderr).toContain('Cannot find module');
    expect(await node.exited).toBe(4);
    expect(node.stderr()).toContain('its workers do not come up');
  });

  it('is bound to cores, and what it writes is logged', async () => {
    const node = await realNode((dir) => ({ affinity: { list: [[0]] }, logDir: join(dir, 'logs') }));
    await node.until('register');
    expect(await node.end(node.call('env', 'OMP_NUM_THREADS'))).toMatchObject({ text: '1' });
    const [pid] = node.workers();
    const status = await textOf(`/proc/${pid as number}/status`);
    expect(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1]).toBe('0');
    const lease = node.call('writeAndExit');
    await node.until('lost', (message) => message.lease === lease);
    node.child.kill('SIGTERM');
    await node.exited;
    expect(await textOf(join(node.dir, 'logs/worker-0.log'))).toContain(
      `last words\ntroupe: process ${pid as number}: it exited with code 7\n`,
    );
  });
});

describe.skipIf(process.platform !== 'linux')('a worker process with tasks', () => {
  it('finds task functions, and knows its accelerator', async () => {
    const node = await realNode({ slots: { workers: 1, accelerators: [{ name: '0', env: {} }] } });
    await node.until('register');
    expect(await node.result(node.task('add', [1, 2]))).toBe(3);
    expect(await node.result(node.task('describe'))).toMatchObject({ taskId: 'task-2', accelerators: ['0'], isAborted: false });
    const failed = await node.end(node.task('fail', ['no']));
    expect(failed).toMatchObject({ type: 'app', error: expect.any(RangeError) as unknown });
  });

  it('takes the commands of its shell tasks along, however it ends', async () => {
    const node = await realNode();
    await node.until('register');
    const kills = [(worker: number) => process.kill(worker, 'SIGKILL'), () => node.child.kill('SIGKILL')];
    for (const kill of kills) {
      const lease = node.task('sleepLong', ['/dev/null'], { kind: 'shell' });
      await node.until('started', ({ leases }) => leases.includes(lease));
      const [worker] = node.workers();
      const [command] = await node.commands(worker as number);
      kill(worker as number);
      await gone(command as number);
      expect(isAlive(command as number)).toBe(false);
    }
  });

  it('imports ahead what may be wanted, and says nothing of what cannot be', async () => {
    const node = await realNode({ worker: { program: workerUrl, preload: ['file:///nowhere/tasks.mjs', fixtureUrl] } });
    await node.until('register');
    expect(await node.result(node.task('add', [1, 2]))).toBe(3);
  });
});

describe.skipIf(process.platform !== 'linux')('a manager process', () => {
  it('that is killed takes its workers along, whatever they do', async () => {
    const node = await realNode({ slots: { workers: 4 } });
    await node.until('register');
    const leases = ['block', 'wait', 'leaveBehind'].map((entry) => node.call(entry));
    await node.until('started', (message) => message.leases.some((lease) => lease === leases[0]));
    const child = Number(new TextDecoder().decode((await node.until('progress')).value));
    const pids = node.workers();
    expect(pids).toHaveLength(4);
    node.child.kill('SIGKILL');
    await Promise.all([child, ...pids].map(gone));
  });

  it('that gets SIGTERM stops its workers and exits with 0', async () => {
    const node = await realNode({ slots: { workers: 2 }, stopGraceMs: 50 });
    await node.until('register');
    const lease = node.call('wait');
    await node.until('started', ({ leases }) => leases.includes(lease));
    const pids = node.workers();
    node.child.kill('SIGTERM');
    expect(await node.until('leaving')).toMatchObject({ why: 'it got SIGTERM', isBroken: false });
    expect(await node.exited).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('refuses a configuration that others can read, and one that is wrong', async () => {
    const node = await realNode();
    const manager = join(import.meta.dirname, '../../../dist/api/bin/manager.js');
    const file = join(node.dir, 'open.json');
    await writeFile(file, '{}');
    await chmod(file, 0o644);
    const run = (...args: string[]) => spawnSync(process.execPath, [manager, ...args], { encoding: 'utf8', timeout: 20_000 });
    const open = run('--connect', file);
    expect([open.status, open.stderr]).toEqual([2, expect.stringContaining('can be read by others (mode 644)')]);
    await chmod(file, 0o600);
    expect(run('--connect', file).stderr).toContain('is wrong at runId');
    expect(run().stderr).toContain('needs --connect <file>');
  });
});
