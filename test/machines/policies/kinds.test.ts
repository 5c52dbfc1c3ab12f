/** What is read of an answer, kind by kind: known fields, once each, within bounds, as plain frozen data. */
import { describe, expect, it } from 'vitest';

import { dependencyKind, policyKinds, readPlacement, readResources, retryKind, routingKind } from '../../../src/machines/policies/kinds.ts';
import { MAX_BACKOFF_MS } from '../../../src/machines/policies/retry/port.ts';
import { candidate, failed, missing, routed } from '../../support/policies.ts';

const two = routed([candidate('here'), candidate('there')]);

describe('an answer about a retry', () => {
  it.each([
    [{ again: false }],
    [{ again: false, why: 'it is the program’s own' }],
    [{ again: true }],
    [{ again: true, afterMs: 0 }],
    [{ again: true, afterMs: MAX_BACKOFF_MS, executor: 'there', resources: { cores: 0, nodes: 2 }, cost: -0.5, why: 'busy' }],
  ])('%o is taken as it is', (answer) => {
    expect(retryKind.read(answer, failed())).toEqual({ ok: answer });
  });

  it.each([
    ['nothing', undefined, 'answered undefined, not a decision'],
    ['null', null, 'answered null, not a decision'],
    ['true', true, 'answered true, not a decision'],
    ['NaN', Number.NaN, 'answered NaN, not a decision'],
    ['a word', 'yes', "answered 'yes', not a decision"],
    ['a symbol', Symbol('again'), 'answered a symbol, not a decision'],
    ['an array', [true], 'answered an array, not a decision'],
    ['a function', () => ({ again: true }), 'answered a function, not a decision'],
    ['a promise', Promise.resolve({ again: true }), 'answered a promise, not a decision'],
    ['no word about again', {}, 'again is undefined, not a boolean'],
    ['again 1', { again: 1 }, 'again is 1, not a boolean'],
    ['a NaN wait', { again: true, afterMs: Number.NaN }, 'afterMs is NaN, not 0…86400000'],
    ['a negative wait', { again: true, afterMs: -1 }, 'afterMs is -1, not 0…86400000'],
    ['a wait for ever', { again: true, afterMs: Number.POSITIVE_INFINITY }, 'afterMs is Infinity, not 0…86400000'],
    ['a wait in words', { again: true, afterMs: '10' }, "afterMs is '10', not 0…86400000"],
    ['an infinite cost', { again: true, cost: Number.NEGATIVE_INFINITY }, 'cost is -Infinity, not a finite number'],
    ['an unknown executor', { again: true, executor: 'nowhere' }, "executor is 'nowhere', not one of here, there"],
    ['an executor that is none', { again: true, executor: { label: 'here' } }, 'executor is an object, not one of here, there'],
    ['resources in words', { again: true, resources: 'more' }, "resources: answered 'more', not a decision"],
    ['a negative resource', { again: true, resources: { cores: -1 } }, 'resources.cores is -1, not a number from 0'],
    ['half a node', { again: true, resources: { nodes: 0.5 } }, 'resources.nodes is 0.5, not a whole number from 1'],
    [
      'a resource that there is not',
      { again: true, resources: { memory: 1e9 } },
      'resources.memory is not one of cores, memoryBytes, gpus, nodes, ranksPerNode',
    ],
    ['a reason that is no text', { again: false, why: 42 }, 'why is 42, not a text'],
  ])('%s is refused', (_, answer, wrong) => {
    expect(retryKind.read(answer, failed())).toEqual({ wrong });
  });

  it('is copied: known fields only, frozen, each read once', () => {
    const reads: string[] = [];
    const answer = new Proxy<Record<string, unknown>>(
      { again: true, afterMs: 5, resources: { cores: 2 }, extra: 'x'.repeat(1e6) },
      {
        get(target, key) {
          reads.push(String(key));
          return target[String(key)];
        },
      },
    );
    const read = retryKind.read(answer, failed());
    expect(read).toEqual({ ok: { again: true, afterMs: 5, resources: { cores: 2 } } });
    expect('ok' in read && [Object.isFrozen(read.ok), read.ok.again && Object.isFrozen(read.ok.resources)]).toEqual([true, true]);
    expect(reads.filter((key) => key !== 'then').toSorted()).toEqual(['afterMs', 'again', 'cost', 'executor', 'resources', 'why']);
  });

  it('keeps only the beginning of a long reason', () => {
    const read = retryKind.read({ again: false, why: 'w'.repeat(1e5) }, failed());
    expect('ok' in read && read.ok.why?.length).toBe(500);
  });

  it('leaves out what says undefined', () => {
    const read = retryKind.read({ again: true, afterMs: undefined, executor: undefined, resources: { gpus: undefined } }, failed());
    expect(read).toStrictEqual({ ok: { again: true, resources: {} } });
  });
});

describe('an answer about a route', () => {
  it('names a candidate', () => {
    expect(routingKind.read({ executor: 'there', why: 'it is larger', load: 3 }, two)).toStrictEqual({
      ok: { executor: 'there', why: 'it is larger' },
    });
  });

  it.each([
    [{ executor: 'nowhere' }, "executor is 'nowhere', not one of here, there"],
    [{}, 'executor is undefined, not one of here, there'],
    ['here', "answered 'here', not a decision"],
    [{ executor: 'here', why: {} }, 'why is an object, not a text'],
  ])('%o is refused', (answer, wrong) => {
    expect(routingKind.read(answer, two)).toEqual({ wrong });
  });
});

describe('an answer about a dependency', () => {
  it.each([
    [{ run: false, value: 3 }, { run: false }],
    [{ run: true }, { run: true, value: undefined }],
    [
      { run: true, value: [1], why: 'good enough' },
      { run: true, value: [1], why: 'good enough' },
    ],
  ])('%o is read as %o', (answer, ok) => {
    expect(dependencyKind.read(answer, missing)).toStrictEqual({ ok });
  });

  it.each([
    [{ run: 'yes' }, "run is 'yes', not a boolean"],
    [{ run: true, value: Promise.resolve(1) }, 'value is a promise, not a value'],
    [undefined, 'answered undefined, not a decision'],
  ])('%o is refused', (answer, wrong) => {
    expect(dependencyKind.read(answer, missing)).toEqual({ wrong });
  });
});

describe('what a machine’s own members assign', () => {
  it('is a label or nothing, and amounts of known resources', () => {
    expect([readPlacement('big'), readPlacement(undefined)]).toEqual([{ ok: 'big' }, { ok: undefined }]);
    expect(readPlacement(7)).toEqual({ wrong: 'placement is 7, not the label of an executor' });
    expect(readResources({ cores: 2, gpus: undefined })).toStrictEqual({ ok: { cores: 2 } });
    expect(readResources([])).toEqual({ wrong: 'resources: answered an array, not a decision' });
  });
});

it('each kind has a built-in default that decides on its own', () => {
  expect(Object.entries(policyKinds).map(([name, { kind, fallback }]) => [name, kind, fallback.kind, fallback.name])).toEqual([
    ['retry', 'retry', 'retry', 'fixed(0)'],
    ['routing', 'routing', 'routing', 'leastLoaded'],
    ['dependency', 'dependency', 'dependency', 'fail'],
    ['scaling', 'scaling', 'scaling', 'autoScale(120000 ms)'],
    ['selection', 'selection', 'selection', 'leastLoaded'],
    ['ordering', 'ordering', 'ordering', 'priority'],
    ['blockErrors', 'blockErrors', 'blockErrors', 'neverReady'],
    ['handshake', 'handshake', 'handshake', 'compatible'],
  ]);
});
