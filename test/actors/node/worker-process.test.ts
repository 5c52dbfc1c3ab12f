/** A worker process, spoken to without a manager. Linux only. */
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { WorkerExit, WorkerProcess } from '../../../src/actors/node/handle.ts';
import { fromWorkerSchema, type FromWorker, type FromWorkerOf, type ToWorker } from '../../../src/actors/node/pipe-protocol.ts';
import { workerSpawner } from '../../../src/actors/node/worker-process.ts';
import { encodeCall } from '../../../src/actors/work.ts';
import { openPipe } from '../../../src/transport/pipe.ts';
import { defaultLimits } from '../../../src/transport/port.ts';
import { entryUrl, gone, workerUrl } from '../../support/real-node.ts';

interface Bench {
  readonly worker: WorkerProcess;
  readonly heard: readonly FromWorker[];
  readonly logs: readonly string[];
  until<T extends FromWorker['t']>(type: T, holds?: (message: FromWorkerOf<T>) => boolean): Promise<FromWorkerOf<T>>;
  run(...calls: (readonly [lease: number, entry: string, payload?: string])[]): void;
  readonly closed: Promise<WorkerExit>;
}

const setup: ToWorker = { t: 'setup', registers: [], outputBytes: 1000, preload: [], accelerators: [] };

function bench(options: { readonly program?: string; readonly execArgv?: readonly string[] } = {}): Bench {
  const heard: FromWorker[] = [];
  const logs: string[] = [];
  const waiting = new Set<() => void>();
  let close = (_: WorkerExit): void => {};
  const closed = new Promise<WorkerExit>((resolve) => (close = resolve));
  const spawn = workerSpawner({
    program: options.program ?? workerUrl,
    execArgv: options.execArgv ?? [],
    logDir: undefined,
    openPipe: (ends, handlers) => openPipe(ends, { schema: fromWorkerSchema, limits: defaultLimits, handlers }),
    log: (text) => logs.push(text),
  });
  const worker = spawn({
    slot: 0,
    env: {},
    cores: undefined,
    onMessages(messages) {
      heard.push(...messages);
      for (const check of waiting) check();
    },
    onClosed: close,
  });
  worker.send(setup);
  onTestFinished(async () => {
    worker.kill();
    await closed;
    await gone(worker.pid);
  });
  return {
    worker,
    heard,
    logs,
    closed,
    until: (type, holds = () => true) =>
      new Promise((resolve) => {
        const check = (): void => {
          const found = heard.find((message) => message.t === type && holds(message as never));
          if (found === undefined) return;
          waiting.delete(check);
          resolve(found as never);
        };
        waiting.add(check);
        check();
      }),
    run(...calls) {
      const works = calls.map(([lease, entry, payload = '']) =>
        encodeCall({ id: `call-${lease}`, tryIndex: 0, module: entryUrl, entry, payload: new TextEncoder().encode(payload) }),
      );
      worker.send({ t: 'run', leases: calls.map(([lease]) => lease), works });
    },
  };
}

describe.skipIf(process.platform !== 'linux')('a worker process', () => {
  it('runs one after another, and says how long they took', async () => {
    const { run, heard, until } = bench();
    run([1, 'busy', '20'], [2, 'busy', '1'], [3, 'echo', 'x']);
    await until('ended', ({ leases }) => leases.includes(3));
    const ends = heard.filter((message) => message.t === 'ended');
    expect(ends.flatMap(({ leases }) => leases)).toEqual([1, 2, 3]);
    expect(Math.max(...ends.map(({ longestMs }) => longestMs))).toBeGreaterThanOrEqual(19);
    expect(ends.reduce((sum, { totalMs }) => sum + totalMs, 0)).toBeGreaterThanOrEqual(20);
  });

  it('looks at its pipe between long tries, so that what was asked back in time comes back', async () => {
    const { run, worker, until } = bench();
    await until('ready');
    run([1, 'busy', '300'], [2, 'busy', '300'], [3, 'busy', '300'], [4, 'busy', '300']);
    setImmediate(() => setImmediate(() => worker.send({ t: 'revoke', leases: [1, 3, 4] })));
    const { leases, kept } = await until('revoked');
    expect(leases).toContain(4);
    expect(new Set([...leases, ...kept])).toEqual(new Set([1, 3, 4]));
    expect(kept).toContain(1);
  });

  it('gives back what is to stop and has not started', async () => {
    const { run, worker, until } = bench();
    run([1, 'untilAborted'], [2, 'echo']);
    worker.send({ t: 'stop', lease: 2, reason: new Uint8Array(), graceMs: 10 });
    expect(await until('revoked')).toEqual({ t: 'revoked', leases: [2], kept: [] });
    worker.send({ t: 'stop', lease: 1, reason: new Uint8Array(), graceMs: 10 });
    expect((await until('ended')).outcomes).toEqual([Uint8Array.of(2)]);
  });

  it('has said all that it knew when a task ends the process', async () => {
    const { run, closed, heard } = bench();
    run([1, 'echo', 'a'], [2, 'echo', 'b'], [3, 'exit', '9']);
    expect(await closed).toMatchObject({ code: 9, signal: undefined });
    expect(heard.flatMap((message) => (message.t === 'ended' ? message.leases : []))).toEqual([1, 2]);
  });

  it('ends by itself when it is told to: at once, or when what runs has stopped', async () => {
    const idle = bench();
    await idle.until('ready');
    idle.worker.send({ t: 'end', graceMs: 1000 });
    expect(await idle.closed).toMatchObject({ code: 0 });
    const busy = bench();
    busy.run([1, 'untilAborted'], [2, 'echo']);
    busy.worker.send({ t: 'end', graceMs: 1000 });
    expect(await busy.closed).toMatchObject({ code: 0 });
    expect(busy.heard.map(({ t }) => t)).toEqual(['ready', 'revoked', 'ended']);
  });

  it('that writes no frames is ended', async () => {
    const { closed } = bench({ program: pathToFileURL(join(import.meta.dirname, '../../fixtures/scripts/no-frames.mjs')).href });
    const { signal, stderr } = await closed;
    expect(signal).toBe('SIGKILL');
    expect(stderr).toContain('what it sent could not be read');
  });

  it('that cannot be started closes, with the reason', async () => {
    const before = process.execPath;
    process.execPath = '/nowhere/node';
    const { closed, worker } = bench();
    process.execPath = before;
    expect(worker.pid).toBe(0);
    expect(await closed).toMatchObject({ code: undefined, stderr: expect.stringContaining('ENOENT') as string });
  });
});
