/**
 * What turns arguments and results into bytes and back. One contract on every executor: JSON values plus
 * undefined, bigint, -0, NaN, ±Infinity, Date, Map, Set, typed arrays, ArrayBuffer, RegExp, File, and Error
 * with its chain. Anything else is refused with its path, never turned silently into something else.
 */
export interface Serializer {
  readonly name: string;
  /**
   * @param root - What the path of an error starts with: `args`, `result`, `error`.
   * @throws UnserializableError for a value outside the contract.
   */
  encode(value: unknown, root: string): Uint8Array;
  /** @throws TypeError for bytes that `encode` did not make. */
  decode(bytes: Uint8Array): unknown;
  /** As `encode`, without making bytes. @throws UnserializableError */
  check(value: unknown, root: string): void;
}

/**
 * A class of values that crosses as something plain: the API's `File` is one. Asked for what the contract does not
 * know (instances of classes, functions, symbols), never for plain objects, arrays or supported built-ins.
 */
export interface ValueExtension<T = unknown, W = unknown> {
  /** What the bytes call it: the same in every process, unique within a serializer. */
  readonly name: string;
  is(value: unknown): value is T;
  /** Returns a value within the contract; further extended values may be part of it. */
  toPlain(value: T): W;
  /** May get anything when bytes come from elsewhere; what it throws becomes the cause of a TypeError. */
  fromPlain(plain: W): T;
}

/** A value outside the contract; whoever knows the task turns it into a `SerializationError`. */
export class UnserializableError extends TypeError {
  override readonly name = 'UnserializableError';
  readonly path: string;
  /** What was found there: `a function`, `an instance of Foo`, `a Future`, `a cycle`, … */
  readonly found: string;
  constructor(path: string, found: string) {
    super(`${path} is ${found}, which cannot cross to a worker`);
    this.path = path;
    this.found = found;
  }
}
