/** What goes to a worker and what comes back: every order and outcome as it was, and bytes that are none. */
import * as fc from 'fast-check';
import { Encoder } from 'cbor-x/encode';
import { describe, expect, it } from 'vitest';

import type { Try } from '../../src/actors/executors/port.ts';
import type { Outcome } from '../../src/actors/run-task.ts';
import { decodeOrder, decodeOutcome, encodeCall, encodeOutcome, encodeTry } from '../../src/actors/work.ts';
import { cbor } from '../../src/transport/serializers/cbor.ts';

const serializer = cbor();
const bytes = fc.uint8Array({ maxLength: 40 });
const text = fc.string({ maxLength: 20 });
const stream = fc.oneof(text, fc.record({ path: text, mode: fc.constantFrom('append' as const, 'truncate' as const) }));

const attempt: Try = {
  kind: 'function',
  taskId: 't1',
  tryIndex: 0,
  name: 'simulate',
  identity: 'app#main#simulate',
  moduleUrl: 'file:///app/main.ts',
  args: { bytes: Uint8Array.of(1, 2, 3) },
  priority: 0,
  resources: {},
  timeLimitMs: undefined,
  shell: undefined,
  outputs: [],
};

describe('an order', () => {
  it('is the try, but for what a worker has no use for', () => {
    const tries = fc.record({
      kind: fc.constantFrom('function' as const, 'shell' as const),
      taskId: text,
      tryIndex: fc.nat(20),
      name: text,
      identity: text,
      moduleUrl: text,
      priority: fc.integer(),
      resources: fc.record({ cores: fc.nat(64), memoryBytes: fc.nat(), gpus: fc.nat(8) }, { requiredKeys: [] }),
      timeLimitMs: fc.option(fc.nat(), { nil: undefined }),
      shell: fc.option(
        fc.record(
          {
            stdout: stream,
            stderr: stream,
            cwd: text,
            env: fc.dictionary(
              text.filter((key) => key !== '__proto__'),
              text,
            ),
          },
          { requiredKeys: [] },
        ),
        { nil: undefined },
      ),
      outputs: fc.array(text, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(tries, bytes, fc.option(text, { nil: undefined }), (one, args, importUrl) => {
        const given: Try = { ...(one as unknown as Try), args: { bytes: args } };
        const { priority: _, timeLimitMs: __, args: ___, ...rest } = given;
        const order = decodeOrder(encodeTry(given, args, importUrl));
        expect(order).toEqual({ type: 'try', attempt: { ...rest, args: { bytes: args } }, importUrl });
      }),
      { numRuns: 150 },
    );
  });

  it('is a call of an entry of the host', () => {
    const calls = fc.record({ id: text, tryIndex: fc.nat(20), module: text, entry: text, payload: bytes });
    fc.assert(
      fc.property(calls, (call) => {
        expect(decodeOrder(encodeCall(call))).toEqual({ type: 'call', call });
      }),
      { numRuns: 100 },
    );
  });

  it('is not overwritten by the next one', () => {
    const args = Uint8Array.of(9, 9, 9);
    const first = encodeTry(attempt, args, undefined);
    const before = Uint8Array.from(first);
    for (let i = 0; i < 200; i++) encodeTry({ ...attempt, taskId: `t${i}`, name: 'x'.repeat(i) }, new Uint8Array(100), undefined);
    expect(first).toEqual(before);
    expect(decodeOrder(first)).toMatchObject({ attempt: { taskId: 't1', args: { bytes: args } } });
  });
});

describe('an outcome', () => {
  const outcomes: fc.Arbitrary<Outcome> = fc.oneof(
    bytes.map((result): Outcome => ({ type: 'done', result: { bytes: result } })),
    fc.constant<Outcome>({ type: 'stopped' }),
    fc
      .record({
        kind: fc.constantFrom('app' as const, 'serialization' as const, 'unroutable' as const, 'internal' as const, 'oom' as const),
        error: bytes,
        output: fc.option(text, { nil: undefined }),
      })
      .map(({ kind, error, output }): Outcome => ({
        type: 'failed',
        kind,
        error: { bytes: error },
        ...(output === undefined ? undefined : { output }),
      })),
  );

  it('comes back as it was', () => {
    fc.assert(
      fc.property(outcomes, (outcome) => {
        expect(decodeOutcome(encodeOutcome(outcome, serializer), serializer)).toEqual(outcome);
      }),
      { numRuns: 150 },
    );
  });

  it('comes back as it was when it lies in the middle of a frame', () => {
    fc.assert(
      fc.property(outcomes, bytes, (outcome, around) => {
        const own = encodeOutcome(outcome, serializer);
        const frame = new Uint8Array([...around, ...own, ...around]);
        expect(decodeOutcome(frame.subarray(around.length, around.length + own.length), serializer)).toEqual(outcome);
      }),
      { numRuns: 100 },
    );
  });

  it('is made of bytes: a host that does not copy has no business with it', () => {
    expect(() => encodeOutcome({ type: 'done', result: { value: 1 } }, serializer)).toThrow(TypeError);
  });

  const encoder = new Encoder({ useRecords: false });
  const failed = (fields: unknown): Uint8Array => Uint8Array.of(1, ...encoder.encode(fields));
  it.each([
    ['nothing', new Uint8Array()],
    ['an unknown tag', Uint8Array.of(7, 1, 2)],
    ['a failure without anything', Uint8Array.of(1)],
    ['a failure that is no list', failed({ kind: 'app' })],
    ['a failure that is cut off', failed(['app', new Uint8Array(40), null]).subarray(0, 12)],
    ['a failure without an error', failed(['app'])],
    ['a failure whose error is no bytes', failed(['app', 'boom', null])],
    ['a kind that no worker may say', failed(['cancelled', new Uint8Array(1), null])],
    ['a kind that blames the node', failed(['nodeLost', new Uint8Array(1), null])],
    ['a kind that is none', failed([{ toString: 'app' }, new Uint8Array(1), null])],
  ])('is none: %s', (_, garbage) => {
    expect(() => decodeOutcome(garbage, serializer)).toThrow(TypeError);
  });

  it('is an outcome or a TypeError, whatever the bytes', () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.uint8Array({ maxLength: 60 }).map((rest) => Uint8Array.of(1, ...rest)),
      fc.jsonValue().map((value) => failed(value)),
      fc.tuple(fc.jsonValue(), fc.jsonValue(), fc.jsonValue()).map((value) => failed(value)),
      // nearly an outcome: one byte of it is another
      fc.tuple(outcomes, fc.nat(), fc.nat(255)).map(([outcome, at, byte]) => {
        const own = encodeOutcome(outcome, serializer);
        own[at % own.length] = byte;
        return own;
      }),
    );
    fc.assert(
      fc.property(garbage, (some) => {
        try {
          expect(['done', 'failed', 'stopped']).toContain(decodeOutcome(some, serializer).type);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
