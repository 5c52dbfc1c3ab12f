/** What a manager is told, where from, and what it makes of its node. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { managerConfig, nodeFacts, readAddresses, readConfig, type ManagerConfigInput } from '../../../src/actors/node/config.ts';

const least: ManagerConfigInput = {
  runId: 'run',
  label: 'hpc',
  blockId: '3',
  secret: 's',
  addresses: ['[fd00::1]:4711'],
  worker: { program: 'file:///worker.js' },
};

async function file(content: string, mode = 0o600): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'troupe-config-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const path = join(dir, 'connect.json');
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

describe('the configuration of a manager', () => {
  it('has defaults for all but who and where', () => {
    expect(managerConfig(least)).toEqual({
      ...least,
      slots: { coresPerWorker: 1, accelerators: [] },
      endAfterMs: 60_000,
      silenceMs: 600_000,
      heartbeatMs: 5000,
      connectTimeoutMs: 10_000,
      drainMs: 0,
      maxCredit: 16,
      fastMs: 5,
      stopGraceMs: 2000,
      startMs: 120_000,
      affinity: 'none',
      worker: { program: 'file:///worker.js', execArgv: [], registers: [], outputBytes: 65_536, env: {}, preload: [] },
    });
  });

  it('comes from a file, else from the environment', async () => {
    const path = await file(JSON.stringify({ ...least, label: 'of the file' }));
    const env = { TROUPE_CONNECT: JSON.stringify(least) };
    expect(readConfig(path, env).label).toBe('of the file');
    expect(readConfig(undefined, env).label).toBe('hpc');
    expect(() => readConfig(undefined, {})).toThrow('needs --connect <file>');
  });

  it('is not read from a file that others can read, which is not there, or is none', async () => {
    const open = await file(JSON.stringify(least), 0o640);
    expect(() => readConfig(open, {})).toThrow(`can be read by others (mode 640): chmod 600 ${open}`);
    expect(() => readConfig('/nowhere/connect.json', {})).toThrow('cannot be read: ENOENT');
    const secret = await file('{"secret": "very secret",');
    expect(() => readConfig(secret, {})).toThrow(`${secret} is not JSON`);
  });

  it('says which field is wrong, without the others', () => {
    expect(() => managerConfig({ ...least, maxCredit: 0 })).toThrow('is wrong at maxCredit');
    expect(() => managerConfig({ ...least, affinity: { list: [] } })).toThrow('is wrong at affinity');
    expect(() => managerConfig(7)).toThrow('is wrong at its root');
  });

  it('has addresses that can change', async () => {
    const path = await file(JSON.stringify(least));
    expect(readAddresses(path)).toEqual(least.addresses);
    await writeFile(path, JSON.stringify({ ...least, addresses: ['10.0.0.2:1'] }));
    expect(readAddresses(path)).toEqual(['10.0.0.2:1']);
    await rm(path);
    expect(readAddresses(path)).toBeUndefined();
  });
});

describe('a node', () => {
  const config = managerConfig(least);

  it('is what is found, unless somebody says otherwise', () => {
    const found = nodeFacts(config, {});
    expect(found).toMatchObject({ host: hostname(), pid: process.pid });
    expect(found.cores).toBeGreaterThanOrEqual(1);
    expect(found.memoryBytes).toBeGreaterThan(1024 ** 2);
    const env = { TROUPE_CORES: '12', TROUPE_MEMORY_BYTES: '1e9' };
    expect(nodeFacts(config, env)).toMatchObject({ cores: 12, memoryBytes: 1e9 });
    expect(nodeFacts({ cores: 3, memoryBytes: 7 }, env)).toMatchObject({ cores: 3, memoryBytes: 7 });
  });

  it('is not guessed from what is no number', () => {
    expect(() => nodeFacts(config, { TROUPE_CORES: 'many' })).toThrow('TROUPE_CORES is many: it must be a number above 0');
  });
});
