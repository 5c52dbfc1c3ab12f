/** `explain`: the arithmetic of a configuration, of every executor that it names. */
import { describe, expect, it } from 'vitest';

import { blocks, inline, threads } from '../../src/api/executors.ts';
import { retry } from '../../src/api/policies.ts';
import { ConfigError, explain, type ExecutorExplanation, type ExplainedFact } from '../../src/index.ts';
import { fakeProvider } from '../support/fake-provider.ts';
import { manualExecutor } from '../support/manual-executor.ts';

const node = { cores: 8, memoryBytes: 16 * 1024 ** 3 };
const factsOf = ({ facts }: { readonly facts: readonly ExplainedFact[] } = { facts: [] }) =>
  Object.fromEntries(facts.map(({ what, value }) => [what, value]));
const explained = async (...given: Parameters<typeof blocks>): Promise<ExecutorExplanation> => {
  const { executors } = await explain({ executors: [blocks(...given)] });
  return executors[0] as ExecutorExplanation;
};

describe('the workers of a node', () => {
  it.each([
    [{ node }, 8, 'the smallest limit, that by cores'],
    [{ node, coresPerWorker: 3 }, 2, 'the smallest limit, that by cores'],
    [{ node, memoryPerWorkerBytes: 4 * 1024 ** 3 }, 4, 'the smallest limit, that by memory'],
    [{ node, accelerators: 2 }, 2, 'the smallest limit, that by accelerators'],
    [{ node, workers: 3 }, 3, 'the smallest limit, that by workers'],
    [{ node, coresPerWorker: 9 }, 0, 'no worker fits: the limit by cores is 0'],
  ] as const)('with %o are %i: %s', async (options, workers, how) => {
    const { facts, slots } = await explained(options);
    expect(facts.find(({ what }) => what === 'workers a node')).toEqual({ what: 'workers a node', value: workers, how });
    expect(slots).toEqual({ init: workers, max: workers });
  });

  it('show each limit with its arithmetic', async () => {
    const { facts } = await explained({ node, coresPerWorker: 2, memoryPerWorkerBytes: 3 * 1024 ** 3, workers: 6 });
    expect(facts.filter(({ what }) => what.startsWith('limit'))).toEqual([
      { what: 'limit by cores', value: 4, how: 'floor(8 cores / 2 a worker) = 4' },
      { what: 'limit by memory', value: 5, how: 'floor(16 GiB / 3 GiB a worker) = 5' },
      { what: 'limit by workers', value: 6, how: 'at most 6, as configured' },
    ]);
  });

  it('are not known of a provider elsewhere, unless it is said', async () => {
    const provider = fakeProvider({ kind: 'faraway', traits: { isLocal: false } });
    const { slots, facts } = await explained({ provider });
    expect(slots).toBeNull();
    expect(facts[0]).toMatchObject({ what: 'node', value: null, how: expect.stringMatching(/provider faraway gets nodes elsewhere/) });
    expect((await explained({ provider, node })).slots).toEqual({ init: 8, max: 8 });
  });
});

describe('blocks', () => {
  it('are multiplied by their nodes and workers', async () => {
    const found = await explained({
      node,
      coresPerWorker: 2,
      provider: fakeProvider({ traits: { isLocal: true } }),
      launcher: { kind: 'srun', options: {}, launch: (argv) => ['srun', ...argv] },
      block: { nodes: 3, init: 1, min: 1, max: 4, walltimeMs: 5_400_000, drainMs: 90_000 },
    });
    expect(found.slots).toEqual({ init: 12, max: 48 });
    expect(factsOf(found)).toMatchObject({
      'nodes a block': 3,
      'workers a block': 12,
      'blocks at the start': 1,
      'blocks at least': 1,
      'blocks at most': 4,
      'tasks at once, at the start': 12,
      'tasks at once, at most': 48,
      'walltime of a block': '1.5 h',
      'takes nothing new': '1.5 min before its walltime',
      provider: 'fake',
      transport: 'websocket',
      'policy scaling': expect.stringContaining('autoScale'),
      'policy handshake': 'compatible',
    });
    expect(found.facts.find(({ what }) => what === 'tasks at once, at most')?.how).toBe('4 blocks × 12 workers');
  });

  it('listen on loopback without TLS, and elsewhere with it', async () => {
    expect(factsOf(await explained({ node }))).toMatchObject({ 'listens on': '127.0.0.1, a free port', TLS: false });
    const open = await explained({ node, listen: { host: '0.0.0.0', port: 4000, addresses: ['driver.example'] } });
    expect(factsOf(open)).toMatchObject({ 'listens on': '0.0.0.0, port 4000', 'managers connect to': 'driver.example', TLS: true });
  });
});

describe('a configuration', () => {
  it('is the sum of its executors', async () => {
    const found = await explain({
      executors: [blocks({ node, block: { init: 0, max: 2 } }), inline({ workers: 3 }), threads({ workers: 5 })],
      policies: { retry: retry.exponential({ retries: 3 }) },
    });
    expect(found.slots).toEqual({ init: 8, max: 24 });
    expect(found.executors.map(({ label, kind, slots }) => [label, kind, slots])).toEqual([
      ['blocks', 'blocks', { init: 0, max: 16 }],
      ['inline', 'inline', { init: 3, max: 3 }],
      ['threads', 'threads', { init: 5, max: 5 }],
    ]);
    expect(factsOf(found)).toMatchObject({ 'retries of a task': 3, 'policy retry': expect.stringContaining('exponential') });
  });

  it('is not summed up while one executor says nothing of itself', async () => {
    const found = await explain({ executors: [manualExecutor(), inline({ workers: 1 })] });
    expect(found.slots).toBeNull();
    expect(String(found)).toMatch(/manual \(manual\)\n {2}nothing is known of it before it runs/);
  });

  it('has the default executor when it names none', async () => {
    expect((await explain()).executors).toHaveLength(1);
  });

  it('is plain data, and a table as a string', async () => {
    const found = await explain({ executors: [blocks({ node, block: { max: 4 } })] });
    expect(JSON.parse(JSON.stringify(found))).toEqual({ executors: found.executors, slots: found.slots, facts: found.facts });
    const text = String(found);
    expect(text).toMatch(/^blocks \(blocks\)\n/);
    expect(text).toMatch(/^ {2}workers a node +8 +the smallest limit, that by cores$/m);
    expect(text).toMatch(/^ {2}tasks at once +8 to 32 +of one core each, on all executors$/m);
    expect(text.split('\n').filter((line) => /\s$/.test(line))).toEqual([]);
  });

  it('is checked as it would be at the start', async () => {
    await expect(explain({ executorss: [] } as never)).rejects.toThrow(ConfigError);
  });
});
