/** `blocks().start()` on real processes: what a host of its own sees of it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { BlockService, WorkOptions } from '../../src/api/block-service.ts';
import { blocks } from '../../src/api/executors.ts';
import { ClosedError, ConfigError, WorkError } from '../../src/machines/model/errors.ts';

const module = new URL('../fixtures/entry.mjs', import.meta.url);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (of: Uint8Array): string => new TextDecoder().decode(of);
const at = (entry: string, more: Partial<WorkOptions> = {}): WorkOptions => ({ worker: { module, entry }, ...more });
const failure = (promise: Promise<unknown>): Promise<WorkError> =>
  promise.then(
    () => {
      throw new Error('it has a result');
    },
    (error: unknown) => error as WorkError,
  );

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a service of blocks', () => {
  let service: BlockService;
  let runDir: string;
  beforeAll(async () => {
    runDir = mkdtempSync(join(tmpdir(), 'troupe-alone-'));
    service = await blocks({ label: 'alone', workers: 2 }).start({ runDir, name: 'host' });
  });
  afterAll(async () => {
    await service.shutdown({ mode: 'kill' });
    rmSync(runDir, { recursive: true, force: true });
  });

  it('runs what the host exports', async () => {
    expect(await service.submit(Uint8Array.of(1, 2, 3), at('double')).promise).toEqual(Uint8Array.of(2, 4, 6));
    const { promise } = service.submit(bytes('hello'), { worker: { module: module.href }, correlationId: 'job-1' });
    expect(text(await promise)).toBe('job-1: hello');
  });

  it('tells where work is until it has ended', async () => {
    const { events } = service.submit(Uint8Array.of(1), at('double'));
    const told = [];
    for await (const event of events) told.push(event);
    expect([...new Set(told.map(({ type }) => type))].filter((type) => type !== 'running')).toEqual(['queued', 'sent', 'done']);
    expect(told.at(-1)).toMatchObject({ blockId: '0', jobId: expect.any(String), host: expect.any(String), worker: expect.any(String) });
  });

  it('rejects with the error of the entry as the cause', async () => {
    const error = await failure(service.submit(bytes(''), at('fails')).promise);
    expect(error).toBeInstanceOf(WorkError);
    expect(error).toMatchObject({ failure: { kind: 'app', budget: 'user' }, cause: { name: 'RangeError', message: 'out of range' } });
    expect(error.cause).toBeInstanceOf(RangeError);
  });

  it.each([
    ['is not exported', 'nothing', 'unroutable', /exports dies, double, fails, .*and no function of that name/],
    ['gives no bytes', 'says', 'serialization', /a call gives bytes/],
  ] as const)('says when the entry %s', async (_what, entry, kind, message) => {
    const { failure: found, cause } = await failure(service.submit(bytes(''), at(entry)).promise);
    expect(found).toMatchObject({ kind, budget: 'never' });
    expect(String((cause as Error).message)).toMatch(message);
  });

  it('goes on when a worker dies, and says whose failure that is', async () => {
    const { failure: found } = await failure(service.submit(bytes(''), at('dies')).promise);
    expect(found).toMatchObject({ kind: 'workerLost', budget: 'infrastructure' });
    expect(await service.submit(Uint8Array.of(4), at('double')).promise).toEqual(Uint8Array.of(8));
  });

  it('cancels what a signal aborts, running or not', async () => {
    const abort = new AbortController();
    const started = new Promise<void>((resolve) => {
      const stop = service.on('progress', () => {
        stop();
        resolve();
      });
    });
    const { promise } = service.submit(bytes(''), at('waits', { signal: abort.signal }));
    await started;
    abort.abort(new Error('no longer wanted'));
    const error = await failure(promise);
    expect(error).toMatchObject({ failure: { kind: 'cancelled', budget: 'never' }, cause: { message: 'no longer wanted' } });
    const late = await failure(service.submit(bytes(''), at('waits', { signal: abort.signal })).promise);
    expect(late.failure.kind).toBe('cancelled');
  });

  it('tells what work prints, and how far it is', async () => {
    const told: unknown[] = [];
    const stops = [service.on('output', (event) => told.push(event)), service.on('progress', (event) => told.push(event))];
    const both = new Promise<void>((resolve) => {
      stops.push(service.on('progress', () => setImmediate(resolve)));
    });
    await service.submit(bytes(''), at('talks', { correlationId: 'job-2' })).promise;
    await both;
    for (const stop of stops) stop();
    expect(told).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ correlationId: 'job-2', stream: 'stdout', text: 'half way\n' }),
        expect.objectContaining({ correlationId: 'job-2', bytes: Uint8Array.of(50) }),
      ]),
    );
  });

  it('has a snapshot that is plain data, and tells when it changes', async () => {
    const changed = new Promise<void>((resolve) => {
      const stop = service.on('change', () => {
        stop();
        resolve();
      });
    });
    await service.submit(Uint8Array.of(1), at('double')).promise;
    await changed;
    const snapshot = service.snapshot();
    expect(snapshot).toMatchObject({ label: 'alone', state: 'ready', limits: { max: 1 }, managers: [{ state: 'ready' }] });
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
  });

  it.each([
    ['a payload that is no bytes', 'text' as never, at('run'), /the payload is not a Uint8Array/],
    ['a module without a place', bytes(''), { worker: { module: './entry.js' } }, /worker\.module is neither a URL nor an absolute path/],
    ['a misspelt option', bytes(''), { ...at('run'), prio: 3 } as never, /prio is not an option/],
    ['resources that are none', bytes(''), at('run', { resources: { cores: -1 } }), /resources\.cores/],
  ])('refuses %s at the call', (_what, payload, options, message) => {
    expect(() => service.submit(payload, options)).toThrow(ConfigError);
    expect(() => service.submit(payload, options)).toThrow(message);
  });

  it('reports a listener that throws, and goes on', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const stop = service.on('change', () => {
      throw new Error('of the host');
    });
    await service.submit(Uint8Array.of(1), at('double')).promise;
    expect((await warned).message).toMatch(/a listener of change of host threw: .*of the host/);
    stop();
  });

  it('writes what happens into its own folder', () => {
    expect(service.runDir).toBeDefined();
    expect(readdirSync(service.runDir ?? '')).toEqual(expect.arrayContaining(['run.json', 'events.ndjson', 'executors']));
  });
});

describe('the end of a service of blocks', () => {
  it('leaves no process, and takes nothing more', async () => {
    const service = await blocks({ workers: 1 }).start();
    await service.submit(Uint8Array.of(1), at('double')).promise;
    const [manager] = service.snapshot().managers;
    expect(isRunning(manager?.pid ?? 0)).toBe(true);
    await service.shutdown();
    expect(isRunning(manager?.pid ?? 0)).toBe(false);
    expect(() => service.submit(bytes(''), at('run'))).toThrow(ClosedError);
    await service.shutdown(); // harmless
  });

  it('cancels what is left when its scope is left, and says so', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    let left: Promise<WorkError> | undefined;
    {
      await using service = await blocks({ workers: 1 }).start({ name: 'host' });
      left = failure(service.submit(bytes(''), at('waits')).promise);
    }
    expect((await left).failure.kind).toBe('cancelled');
    expect((await warned).message).toMatch(/host was left with 1 piece of work, which was cancelled/);
  });

  it('is written down last', async () => {
    const runDir = mkdtempSync(join(tmpdir(), 'troupe-alone-'));
    const service = await blocks({ workers: 1 }).start({ runDir });
    const { id } = service.submit(Uint8Array.of(1), at('double', { correlationId: 'job-3' }));
    await service.shutdown();
    const records = readFileSync(join(service.runDir ?? '', 'events.ndjson'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly type: string; readonly fact?: string; readonly data?: unknown });
    expect(records[0]?.type).toBe('log.opened');
    expect(records.at(-1)?.type).toBe('log.closed');
    expect(records.find(({ fact }) => fact === 'work.settled')?.data).toMatchObject({ workId: id, correlationId: 'job-3', state: 'done' });
    rmSync(runDir, { recursive: true, force: true });
  });

  it('refuses settings that are wrong', async () => {
    await expect(blocks().start({ runDirr: 'x' } as never)).rejects.toThrow(/runDirr is not an option/);
  });
});
