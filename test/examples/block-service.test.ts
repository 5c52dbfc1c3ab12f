/** The example service as a process: answers, refuses, tries again what a dead worker cost, and ends as it is told. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

let server: ChildProcess;
let url: string;
let errors = '';
beforeAll(async () => {
  const env = { ...process.env };
  for (const name of Object.keys(env)) if (/^(VITEST|NODE_OPTIONS|NODE_ENV)/.test(name)) delete env[name];
  server = spawn(
    process.execPath,
    ['--import', 'tsx', 'examples/02-block-service/main.ts', '--port', '0', '--workers', '1', '--blocks', '1'],
    { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  server.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  url = await new Promise((resolve, reject) => {
    let output = '';
    server.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const found = /listening on (http:\S+)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
    server.once('exit', (code) => reject(new Error(`it ended with ${code}: ${errors}`)));
  });
});
afterAll(() => {
  if (server.exitCode === null) server.kill('SIGKILL');
});

const post = (body: Uint8Array, init: RequestInit = {}): Promise<Response> =>
  fetch(`${url}/work`, { method: 'POST', body, headers: { 'accept-encoding': 'identity' }, ...init });
interface Status {
  readonly running: number;
  readonly queued: number;
  readonly granted: number;
  readonly managers: readonly { readonly pid: number }[];
}
const status = async (): Promise<Status> => (await (await fetch(`${url}/status`)).json()) as Status;
async function statusWhen(holds: (status: Status) => boolean): Promise<Status> {
  let now = await status();
  while (!holds(now)) now = await status();
  return now;
}
/** Text that takes a while to compress. */
const long = (): Uint8Array => Buffer.from(randomBytes(1_000_000).toString('hex'));

describe('the block service', () => {
  it('answers with what a worker made', async () => {
    const text = 'so much to say '.repeat(1000);
    const response = await post(Buffer.from(text), { headers: { 'x-request-id': 'first' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-request-id')).toBe('first');
    expect(response.headers.get('x-place')).toMatch(/\/block 0\/worker \d+/);
    const body = new Uint8Array(await response.arrayBuffer()); // fetch has undone the encoding
    expect(Buffer.from(body).toString()).toBe(text);
    expect(response.headers.get('content-encoding')).toBe('br');
  });

  it('says whose failure it was', async () => {
    const response = await post(new Uint8Array());
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ kind: 'app', budget: 'user', error: expect.stringContaining('nothing to compress') });
    expect((await fetch(`${url}/nowhere`)).status).toBe(404);
  });

  it('says how the pool is', async () => {
    expect(await status()).toMatchObject({ label: 'compressor', state: 'ready', limits: { max: 1 }, blocks: [{ state: 'ready' }] });
  });

  it('cancels what nobody waits for any more', async () => {
    const abort = new AbortController();
    const gone = post(long(), { signal: abort.signal }).catch((error: unknown) => error);
    await statusWhen(({ running }) => running === 1);
    abort.abort();
    expect(await gone).toBeInstanceOf(Error);
    await statusWhen(({ granted, queued }) => granted + queued === 0);
  });

  it('tries again what a worker took with it', async () => {
    const answer = post(long());
    const { managers } = await statusWhen(({ running }) => running === 1);
    const workers = execFileSync('ps', ['-o', 'pid=', '--ppid', String(managers[0]?.pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/);
    for (const pid of workers) process.kill(Number(pid), 'SIGKILL');
    const response = await answer;
    expect(response.status).toBe(200);
    expect(response.headers.get('x-tries')).toBe('2');
  });

  it('ends on SIGTERM when it has answered, and leaves nothing', async () => {
    const answer = post(Buffer.from('last words'.repeat(100_000)));
    const { managers } = await statusWhen(({ granted }) => granted === 1);
    const ended = new Promise<number | null>((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    expect((await answer).status).toBe(200);
    expect(await ended).toBe(0);
    expect(errors).toContain('SIGTERM: finishing what was begun');
    expect(() => process.kill(managers[0]?.pid ?? 0, 0)).toThrow(/ESRCH/);
  });
});
