/**
 * The contract on values, as properties: what is within it comes out exactly equal, what is not is refused with
 * its path, and no bytes do harm.
 */
import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as errors from '../../src/machines/model/errors.ts';
import { cbor } from '../../src/transport/serializers/cbor.ts';
import { UnserializableError } from '../../src/transport/serializers/port.ts';
import { anyLeaf, anyText, anyValue, difference } from '../support/values.ts';

const serializer = cbor();
const roundTrip = (value: unknown): unknown => serializer.decode(serializer.encode(value, 'args'));

describe('the comparison of these tests', () => {
  it.each([
    [0, -0],
    [1, 1n],
    [{}, { a: undefined }],
    [[undefined], Array(1)],
    [new Set([1, 2]), new Set([2, 1])],
    [new Map([[1, { a: 1 }]]), new Map([[1, { a: 2 }]])],
    [new Int8Array(1), new Uint8Array(1)],
    [Buffer.alloc(1), new Uint8Array(1)],
    [new Date(0), new Date(NaN)],
    [/a/, /a/g],
    [{}, Object.create(null)],
    [new Error('x', { cause: 1 }), new Error('x')],
    [new Error('x'), new TypeError('x')],
  ])('tells %o from %o', (one, other) => {
    expect(difference(one, other)).toBeDefined();
  });
});

describe('values within the contract', () => {
  it('come out exactly equal', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(difference(value, roundTrip(value))).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });

  it('pass the check, which says the same as encoding', () => {
    fc.assert(fc.property(anyValue, (value) => serializer.check(value, 'args') === undefined));
  });

  it('are left as they were', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const before = inspect(value, { depth: Infinity });
        serializer.encode(value, 'args');
        expect(inspect(value, { depth: Infinity })).toBe(before);
      }),
    );
  });

  it('do not share memory with what was encoded, nor with the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (array) => {
        const bytes = serializer.encode([array], 'args');
        const [copy] = serializer.decode(bytes) as [Uint8Array];
        const before = [...copy];
        bytes.fill(0);
        array.fill(1);
        expect([...copy]).toEqual(before);
      }),
    );
  });

  it('come out equal whatever size the messages before had', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat({ max: 9000 }), fc.nat({ max: 1_200_000 })), { maxLength: 8 }), (sizes) => {
        for (const size of sizes) {
          const value = [size % 2 === 0 ? 'y'.repeat(size) : new Uint8Array(size).fill(7), 'é'.repeat(70), size];
          expect(difference(value, roundTrip(value))).toBeUndefined();
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('values outside the contract', () => {
  class Unknown {
    readonly x = 1;
  }
  const poisons = [
    [() => () => undefined, 'a function'],
    [() => Symbol('poison'), 'a symbol'],
    [() => new Unknown(), 'an instance of Unknown'],
    [() => new URL('http://localhost'), 'an instance of URL'],
    [() => new WeakMap(), 'an instance of WeakMap'],
    [() => Object(1), 'an instance of Number'],
    [() => Promise.resolve(), 'a Future or promise (pass it where its value is expected)'],
    [() => ({ then: () => undefined }), 'a Future or promise (pass it where its value is expected)'],
    [() => new Uint8Array(new SharedArrayBuffer(1)), 'a view of a SharedArrayBuffer'],
    [() => ({ [Symbol('s')]: 1 }), 'an object with the key Symbol(s)'],
  ] as const;
  const safeSiblings = fc.array(anyLeaf, { maxLength: 3 });
  const identifier = fc.constantFrom('a', 'options', '$x', '_', 'ünïcode');
  const step = fc.oneof(
    safeSiblings.map((siblings) => ({
      wrap: (value: unknown): unknown => [...siblings, value, ...siblings],
      path: `[${siblings.length}]`,
    })),
    identifier.map((key) => ({ wrap: (value: unknown): unknown => ({ before: 1, [key]: value }), path: `.${key}` })),
    fc
      .constantFrom('', '1', 'on done', 'a"b', '-')
      .map((key) => ({ wrap: (value: unknown): unknown => ({ [key]: value }), path: `[${JSON.stringify(key)}]` })),
    fc
      .constantFrom(
        ['k', '.get("k")'] as const,
        [1, '.get(1)'] as const,
        [2n, '.get(2n)'] as const,
        [undefined, '.get(undefined)'] as const,
      )
      .map(([key, path]) => ({
        wrap: (value: unknown): unknown =>
          new Map<unknown, unknown>([
            [{}, 0],
            [key, value],
          ]),
        path,
      })),
    fc.constant({
      wrap: (value: unknown): unknown =>
        new Map<unknown, unknown>([
          ['a', 1],
          [value, 2],
        ]),
      path: '.keys()[1]',
    }),
    fc.constant({
      wrap: (value: unknown): unknown =>
        new Map<unknown, unknown>([
          ['a', 1],
          [{}, value],
        ]),
      path: '.values()[1]',
    }),
    fc
      .nat({ max: 3 })
      .map((count) => ({ wrap: (value: unknown): unknown => new Set([...Array(count).keys(), value]), path: `.values()[${count}]` })),
  );

  it('are refused with the path of the one that is', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), fc.constantFrom(...poisons), (steps, [poison, found]) => {
        const value = steps.reduceRight<unknown>((inner, each) => each.wrap(inner), poison());
        const path = `args${steps.map((each) => each.path).join('')}`;
        for (const refuse of [() => serializer.encode(value, 'args'), () => serializer.check(value, 'args')]) {
          expect(thrownBy(refuse)).toMatchObject({ name: 'UnserializableError', path, found });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('are refused with the path that leads back, when they contain themselves', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        const cycle: { self?: unknown } = {};
        cycle.self = steps.reduceRight<unknown>((inner, each) => each.wrap(inner), cycle);
        const path = `args[0].self${steps.map((each) => each.path).join('')}`;
        expect(thrownBy(() => serializer.encode([cycle], 'args'))).toMatchObject({ path, found: 'a cycle' });
      }),
    );
  });

  it('never make an error fail that has them in its fields or as its cause', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 5 }), fc.constantFrom(...poisons), (steps, [poison, found]) => {
        const value = steps.reduceRight<unknown>((inner, each) => each.wrap(inner), poison());
        const error = roundTrip(Object.assign(new TypeError('readable', { cause: value }), { value })) as Error & { value: unknown };
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toBe('readable');
        expect(inspect(error.value, { depth: Infinity, showHidden: true })).toContain(`[${found}]`);
        expect(inspect(error.cause, { depth: Infinity, showHidden: true })).toContain(`[${found}]`);
      }),
    );
  });
});

describe('bytes that encode did not make', () => {
  /** `undefined` when they happen to be some value. */
  const failureOf = (bytes: Uint8Array): unknown => {
    try {
      serializer.decode(bytes);
      return undefined;
    } catch (error) {
      return error;
    }
  };
  const typeErrorOrNone = (bytes: Uint8Array): void => {
    const failure = failureOf(bytes);
    if (failure !== undefined && !(failure instanceof TypeError)) throw new Error(`not a TypeError: ${inspect(failure)}`);
  };

  it('are refused with a TypeError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), typeErrorOrNone), { numRuns: 5000 });
  });

  it('are refused with a TypeError when they are damaged', () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.nat({ max: 255 }), (value, at, byte) => {
        const bytes = serializer.encode(value, 'args');
        bytes[at % bytes.length] = byte;
        typeErrorOrNone(bytes);
      }),
      { numRuns: 800 },
    );
  });

  it('are refused when they are cut off or have something after them', () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.uint8Array({ minLength: 1 }), (value, at, more) => {
        const bytes = serializer.encode(value, 'args');
        expect(failureOf(bytes.subarray(0, at % bytes.length))).toBeInstanceOf(TypeError);
        expect(
          failureOf(Uint8Array.of(...bytes.subarray(0, 5000), ...more).subarray(0, bytes.length > 5000 ? 5000 : undefined)),
        ).toBeInstanceOf(TypeError);
      }),
    );
  });

  it('are refused with a TypeError under every tag', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.nat({ max: 300 }), fc.integer({ min: 50_390, max: 50_440 }), fc.nat({ max: 0xffff })),
        anyValue,
        (tag, value) => {
          typeErrorOrNone(Uint8Array.of(0xd9, tag >> 8, tag & 0xff, ...serializer.encode(value, 'args').subarray(0, 5000)));
        },
      ),
      { numRuns: 800 },
    );
  });
});

describe('errors of troupe', () => {
  const details = {
    taskId: 't1', tryIndex: 2, field: 'executors[0]', value: { a: [1n] }, candidates: ['a'], troupe: 'main', identity: 'pkg/x', moduleUrl: 'file:///x', known: ['y'],
    limitMs: 5, reason: undefined, hostname: 'h', blockId: 'b', side: 'result', path: 'result.x', command: 'ls', exitCode: 1, signal: 'SIGTERM', stdout: 'o', stderr: 'e',
    stream: 'stdout', outputs: ['out'], label: 'threads', actor: 'a', machine: 'm', state: 's', event: 'e', name: 'simulate', stack: 'Simulated: x\n  at y', fields: { a: 1 },
  }; // prettier-ignore
  type AnyError = new (message: string, details: object) => Error;
  type Propagated = new (details: object) => Error;
  const concrete = Object.entries(errors).filter(([name]) => name !== 'TroupeError' && name !== 'TaskError');
  const anyTroupeError = fc.letrec<{ error: Error }>((tie) => ({
    error: fc.oneof(
      { maxDepth: 4 },
      anyText.map((text) => new RangeError(text)),
      fc
        .tuple(fc.constantFrom(...concrete), anyText, fc.array(tie('error'), { minLength: 1, maxLength: 3 }))
        .map(([[name, type], message, causes]) =>
          name === 'DependencyError' || name === 'JoinError'
            ? new (type as unknown as Propagated)({
                ...details,
                causes: causes.map((error, index) => ({ source: `t${index}`, name: 'f', error })),
              })
            : new (type as unknown as AnyError)(message, { ...details, cause: causes[0] }),
        ),
    ),
  })).error;

  it.each(concrete)('%s keeps its class, code, fields and chain', (name, type) => {
    const root = new SyntaxError('root');
    const error =
      name === 'DependencyError' || name === 'JoinError'
        ? new (type as unknown as Propagated)({ ...details, causes: [{ source: 't0', name: 'f', error: root }] })
        : new (type as unknown as AnyError)('text', { ...details, cause: root });
    const copy = roundTrip(error);
    expect(difference(error, copy)).toBeUndefined();
    expect(copy).toBeInstanceOf(type);
    expect(errors.TroupeError.is(copy)).toBe(true);
    expect(copy).toMatchObject({ code: expect.stringMatching(/^ERR_/) as string });
  });

  it('keep whole chains of each other', () => {
    fc.assert(
      fc.property(anyTroupeError, (error) => {
        expect(difference(error, roundTrip(error))).toBeUndefined();
      }),
    );
  });
});

function thrownBy(run: () => unknown): UnserializableError {
  try {
    run();
  } catch (error) {
    if (error instanceof UnserializableError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
