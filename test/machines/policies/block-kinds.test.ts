/** What is read of answers about blocks, managers and tries: known fields, once each, within bounds, as plain frozen data. */
import { describe, expect, it } from 'vitest';

import { blockErrorsKind, handshakeKind, orderingKind, scalingKind, selectionKind } from '../../../src/machines/policies/block-kinds.ts';
import { asker } from '../../../src/machines/policies/firewall.ts';
import type { PolicyKind } from '../../../src/machines/policies/port.ts';
import { blocksOf, demanded, endedSo, handshakeOf, managerCandidate, queued, selectedFrom } from '../../support/block-policies.ts';
import { notedWatch } from '../../support/policies.ts';

const two = demanded(20, { blocks: blocksOf('ready', 'pending') });
const managers = selectedFrom([managerCandidate('m1'), managerCandidate('m2')]);

describe('an answer about scaling', () => {
  it.each([
    [{ out: 0, in: [] }],
    [{ out: 1_000_000, in: ['b2', 'b1'], againMs: 0, memory: { seen: [1, 'x', null, true] }, why: 'more work' }],
    [{ out: 2, in: [], againMs: 86_400_000, memory: 7 }],
    [{ out: 0, in: [], memory: null }],
  ])('%o is taken as it is', (answer) => {
    expect(scalingKind.read(answer, two)).toStrictEqual({ ok: answer });
  });

  it.each([
    ['nothing', undefined, 'answered undefined, not a decision'],
    ['a promise', Promise.resolve({ out: 1, in: [] }), 'answered a promise, not a decision'],
    ['NaN blocks', { out: Number.NaN, in: [] }, 'out is NaN, not a whole number from 0 to 1000000'],
    ['-1 blocks', { out: -1, in: [] }, 'out is -1, not a whole number from 0 to 1000000'],
    ['1e9 blocks', { out: 1e9, in: [] }, 'out is 1000000000, not a whole number from 0 to 1000000'],
    ['half a block', { out: 0.5, in: [] }, 'out is 0.5, not a whole number from 0 to 1000000'],
    ['blocks in words', { out: '1', in: [] }, "out is '1', not a whole number from 0 to 1000000"],
    ['no word about in', { out: 0 }, 'in is undefined, not an array of block ids'],
    ['a set of ids', { out: 0, in: new Set(['b1']) }, 'in is an object, not an array of block ids'],
    ['a foreign id', { out: 0, in: ['b7'] }, "in[0] is 'b7', not one of b1, b2"],
    ['an id that is none', { out: 0, in: ['b1', { blockId: 'b2' }] }, 'in[1] is an object, not one of b1, b2'],
    ['a hole', { out: 0, in: Array(1) }, 'in[0] is undefined, not one of b1, b2'],
    ['an id twice', { out: 0, in: ['b1', 'b1'] }, "in[1] is 'b1', a second time"],
    ['more ids than blocks', { out: 0, in: Array(1e9) }, 'in has 1000000000 ids, and there are 2 blocks'],
    ['a wait that is none', { out: 0, in: [], againMs: -1 }, 'againMs is -1, not 0…86400000'],
    ['a wait for ever', { out: 0, in: [], againMs: Number.POSITIVE_INFINITY }, 'againMs is Infinity, not 0…86400000'],
    ['1 MB to remember', { out: 0, in: [], memory: 'x'.repeat(1e6) }, 'memory is larger than 10000 characters of JSON'],
    ['a map to remember', { out: 0, in: [], memory: { seen: new Map() } }, 'memory.seen is an object of a class, not plain data'],
    ['a reason that is no text', { out: 0, in: [], why: 42 }, 'why is 42, not a text'],
  ])('%s is refused', (_, answer, wrong) => {
    expect(scalingKind.read(answer, two)).toEqual({ wrong });
  });

  it('names only some of many blocks', () => {
    const many = demanded(0, { blocks: blocksOf(...Array.from({ length: 500 }, () => 'ready' as const)) });
    expect(scalingKind.read({ out: 0, in: ['x'] }, many)).toEqual({
      wrong: "in[0] is 'x', not one of b1, b2, b3, b4, b5, b6, b7, b8, b9, b10 and 490 more",
    });
  });

  it('is copied, memory included, and frozen', () => {
    const answer = { out: 0, in: ['b1'], memory: { list: [{ a: 1 }] }, extra: 'x'.repeat(1e6) };
    const read = scalingKind.read(answer, two);
    expect(read).toEqual({ ok: { out: 0, in: ['b1'], memory: { list: [{ a: 1 }] } } });
    const { in: ids, memory } = ('ok' in read ? read.ok : undefined)!;
    expect(memory).not.toBe(answer.memory);
    expect([ids, memory, (memory as typeof answer.memory).list[0]].map((each) => Object.isFrozen(each))).toEqual([true, true, true]);
  });
});

describe('an answer about a manager', () => {
  it('names a candidate', () => {
    expect(selectionKind.read({ managerId: 'm2', why: 'it is free', load: 3 }, managers)).toStrictEqual({
      ok: { managerId: 'm2', why: 'it is free' },
    });
  });

  it.each([
    [{ managerId: 'm3' }, "managerId is 'm3', not one of m1, m2"],
    [{}, 'managerId is undefined, not one of m1, m2'],
    ['m1', "answered 'm1', not a decision"],
    [{ managerId: 'm1', why: {} }, 'why is an object, not a text'],
  ])('%o is refused', (answer, wrong) => {
    expect(selectionKind.read(answer, managers)).toEqual({ wrong });
  });
});

describe('an answer about the order', () => {
  it.each([0, -1.5, Number.MAX_VALUE])('may be the rank %d', (rank) => {
    expect(orderingKind.read({ rank }, queued())).toStrictEqual({ ok: { rank } });
  });

  it.each([
    [{ rank: Number.NaN }, 'rank is NaN, not a finite number'],
    [{ rank: Number.POSITIVE_INFINITY }, 'rank is Infinity, not a finite number'],
    [{ rank: 3n }, 'rank is a bigint, not a finite number'],
    [3, 'answered 3, not a decision'],
  ])('%o is refused', (answer, wrong) => {
    expect(orderingKind.read(answer, queued())).toEqual({ wrong });
  });
});

describe('an answer about failed blocks, and about a handshake', () => {
  it('is yes or no', () => {
    expect(blockErrorsKind.read({ bad: true, why: 'enough' }, endedSo([]))).toStrictEqual({ ok: { bad: true, why: 'enough' } });
    expect(handshakeKind.read({ admit: false, host: 'n1' }, handshakeOf())).toStrictEqual({ ok: { admit: false } });
  });

  it.each([
    [{ bad: 1 }, 'bad is 1, not a boolean'],
    [{}, 'bad is undefined, not a boolean'],
    [false, 'answered false, not a decision'],
  ])('%o is refused', (answer, wrong) => {
    expect(blockErrorsKind.read(answer, endedSo([]))).toEqual({ wrong });
  });

  it.each([
    [{ admit: 'yes' }, "admit is 'yes', not a boolean"],
    [null, 'answered null, not a decision'],
  ])('%o is no handshake', (answer, wrong) => {
    expect(handshakeKind.read(answer, handshakeOf())).toEqual({ wrong });
  });
});

describe('the built-in defaults', () => {
  it.each([
    ['scaling', scalingKind as PolicyKind<never, unknown>, two],
    ['selection', selectionKind as PolicyKind<never, unknown>, managers],
    ['ordering', orderingKind as PolicyKind<never, unknown>, queued()],
    ['blockErrors', blockErrorsKind as PolicyKind<never, unknown>, endedSo(['failed'])],
    ['handshake', handshakeKind as PolicyKind<never, unknown>, handshakeOf()],
  ])('of %s goes past the firewall: what it is shown is not frozen', (_, kind, snapshot) => {
    const watch = notedWatch();
    const own = structuredClone(snapshot);
    const { policy } = asker(kind, kind.fallback, watch)(own as never);
    expect([policy, Object.isFrozen(own), watch.faults]).toEqual([kind.fallback.name, false, []]);
  });
});
