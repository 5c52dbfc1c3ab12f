/** What becomes of errors, of classes that are known, registered or neither. */
import assert from 'node:assert';
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigError, RemoteError, SerializationError, TimeLimitError } from '../../../src/machines/model/errors.ts';
import { cbor } from '../../../src/transport/serializers/cbor.ts';
import { registerError } from '../../../src/transport/serializers/errors.ts';
import { UnserializableError } from '../../../src/transport/serializers/port.ts';

const serializer = cbor();
const roundTrip = <T>(value: T): T => serializer.decode(serializer.encode(value, 'error')) as T;

describe('errors as values', () => {
  it('keep stack, cause, fields and whether those are enumerable', () => {
    const cause = Object.assign(new Error('ENOENT'), { code: 'ENOENT', errno: -2 });
    const error = new TypeError('outer', { cause });
    const copy = roundTrip(error);
    assert.deepStrictEqual(copy, error);
    expect(copy.stack).toBe(error.stack);
    expect(Object.keys(copy)).toEqual([]);
    expect((copy.cause as Error).stack).toBe(cause.stack);
    expect(Object.prototype.toString.call(copy)).toBe('[object Error]');
  });

  it('keep what an AggregateError holds', () => {
    const copy = roundTrip(new AggregateError([new RangeError('a'), 'b'], 'all'));
    expect(copy).toBeInstanceOf(AggregateError);
    assert.deepStrictEqual(copy.errors, [new RangeError('a'), 'b']);
  });

  it('keep DOMExceptions such as the reason of an abort', () => {
    const copy = roundTrip(new DOMException('stop', 'AbortError'));
    expect(copy).toBeInstanceOf(DOMException);
    expect(copy).toMatchObject({ name: 'AbortError', message: 'stop', code: 20 });
  });

  it('keep the class of an UnserializableError within a SerializationError', () => {
    const error = new SerializationError('no', {
      taskId: 't',
      side: 'result',
      path: 'result',
      cause: new UnserializableError('result', 'a function'),
    });
    expect(roundTrip(error).cause).toBeInstanceOf(UnserializableError);
  });

  it('arrive as a RemoteError when their class is not registered', () => {
    class Custom extends TypeError {
      detail = { a: 1n };
    }
    const error = new Custom('broken', { cause: 'why' });
    const copy = roundTrip<Error>(error);
    expect(copy).toBeInstanceOf(RemoteError);
    expect(copy).toMatchObject({
      name: 'Custom',
      message: 'broken',
      stack: error.stack,
      cause: 'why',
      fields: { detail: { a: 1n } },
      code: 'ERR_REMOTE',
    });
    assert.deepStrictEqual(roundTrip(copy), copy);
  });

  it('do not revive as a class of the same name that was never registered', () => {
    const Impostor = { TimeLimitError: class extends Error {} }.TimeLimitError;
    const copy = roundTrip<Error>(new Impostor('x'));
    expect(copy).not.toBeInstanceOf(TimeLimitError);
    expect(copy.name).toBe('TimeLimitError');
  });

  it('describe in their fields what cannot cross, and keep the rest', () => {
    const request = { url: '/', socket: new URL('http://localhost'), on: () => 1 };
    const error: Error & { self?: unknown } = Object.assign(new Error('failed'), { request });
    error.self = error;
    Object.defineProperty(error, 'lazy', { enumerable: true, get: () => { throw new Error('too early'); } }); // prettier-ignore
    expect(roundTrip(error)).toMatchObject({
      request: { url: '/', socket: '[an instance of URL]', on: '[a function]' },
      self: '[a cycle]',
      lazy: expect.stringContaining('too early') as string,
    });
  });

  it('are cut off when their chain is too long', () => {
    let error = new Error('root');
    for (let index = 0; index < 10_000; index++) error = new Error(String(index), { cause: error });
    let length = 0;
    let at: unknown = roundTrip(error);
    for (; at instanceof Error; at = at.cause) length++;
    expect(length).toBeGreaterThan(300);
    expect(at).toBe('[nested more than 1000 levels deep]');
  });

  it('are only errors when thrown ones are: anything else crosses as a value', () => {
    for (const thrown of ['x', undefined, null, { a: 1 }]) expect(roundTrip(thrown)).toEqual(thrown);
  });

  it('keep a stack that is a getter of the prototype, and stay without one', () => {
    class Future extends Error {
      static readonly stackOf = 'Future: x\n    at future';
    }
    Object.defineProperty(Future.prototype, 'stack', { get: () => Future.stackOf });
    const error = new Future('x');
    delete error.stack;
    expect(roundTrip<Error>(error).stack).toBe(Future.stackOf);
    const bare = new Error('bare');
    delete bare.stack;
    expect(Object.getOwnPropertyNames(roundTrip(bare))).toEqual(['message']);
  });

  it('cross even without a prototype', () => {
    expect(roundTrip<unknown>(Object.setPrototypeOf(new Error('lost'), null))).toMatchObject({ name: 'Error', message: 'lost' });
  });

  it('survive hostile getters and fields that say they are the message', () => {
    const error = Object.create(Error.prototype, {
      message: { enumerable: true, value: { toString: 1, valueOf: 1 } },
      stack: { get: () => { throw new Error('no stack'); } },
    }) as Error; // prettier-ignore
    expect(roundTrip(error)).toBeInstanceOf(Error);
    class Unregistered extends Error {}
    expect(roundTrip<Error>(Object.assign(new Unregistered(), { message: { toString: 1 } }))).toBeInstanceOf(RemoteError);
  });
});

describe('registerError', () => {
  const table = (): { byName: Map<string, unknown> } =>
    (globalThis as { [key: symbol]: unknown })[Symbol.for('troupe.errors')] as { byName: Map<string, unknown> };
  afterEach(() => {
    table().byName.clear();
  });

  class NotFoundError extends Error {
    override readonly name = 'NotFoundError';
    readonly key: string;
    constructor(key: string) {
      if (typeof key !== 'string') throw new Error('the constructor was run');
      super(`no ${key}`);
      this.key = key;
    }
    get hint(): string {
      return `try ${this.key.toUpperCase()}`;
    }
  }

  it('revives instances without running the constructor', () => {
    registerError(NotFoundError);
    const error = new NotFoundError('a');
    const copy = roundTrip(error);
    expect(copy).toBeInstanceOf(NotFoundError);
    assert.deepStrictEqual(copy, error);
    expect(copy.hint).toBe('try A');
    expect(copy.stack).toBe(error.stack);
  });

  it('uses toFields and fromFields, which classes with private fields need', () => {
    class Sealed extends Error {
      readonly #secret: number;
      constructor(message: string, secret: number, options?: ErrorOptions) {
        super(message, options);
        this.#secret = secret;
      }
      reveal(): number {
        return this.#secret;
      }
    }
    registerError(Sealed, {
      name: 'my-package/Sealed',
      toFields: (error) => ({ secret: error.reveal() }),
      fromFields: ({ secret }, message) => new Sealed(message, secret as number),
    });
    const error = new Sealed('s', 42, { cause: new TypeError('why') });
    const copy = roundTrip(error);
    expect(copy.reveal()).toBe(42);
    expect(copy.stack).toBe(error.stack);
    expect(copy.cause).toBeInstanceOf(TypeError);
  });

  it('falls back to a RemoteError when fromFields throws or the receiver does not know the class', () => {
    registerError(NotFoundError, { fromFields: () => { throw new Error('no'); } }); // prettier-ignore
    expect(roundTrip<Error>(new NotFoundError('a'))).toBeInstanceOf(RemoteError);
    registerError(NotFoundError);
    const bytes = serializer.encode(new NotFoundError('a'), 'error');
    table().byName.clear();
    expect(serializer.decode(bytes)).toMatchObject({ name: 'NotFoundError', message: 'no a', fields: { key: 'a' }, code: 'ERR_REMOTE' });
  });

  it('carries the plain fields when toFields throws', () => {
    registerError(NotFoundError, { toFields: () => { throw new Error('no'); } }); // prettier-ignore
    expect(roundTrip(new NotFoundError('a')).key).toBe('a');
  });

  it('takes a class again when its module is evaluated again, and refuses another one of that name', () => {
    const make = (): new () => Error => class Twice extends Error {};
    const [First, Second] = [make(), make()];
    registerError(First);
    registerError(Second);
    expect(roundTrip<Error>(new First())).toBeInstanceOf(Second);
    expect(() => registerError(class Twice extends Error { other = 1; })).toThrow(ConfigError); // prettier-ignore
  });

  it('refuses names of built-in errors, empty names and what is no error class', () => {
    expect(() => registerError(class extends Error {}, { name: 'TypeError' })).toThrow(ConfigError);
    expect(() => registerError(class extends Error {}, { name: '' })).toThrow(ConfigError);
    expect(() => registerError(Map as unknown as typeof Error)).toThrow(ConfigError);
  });
});
