/** The types of calls: what may stand for a value in an argument, and what a join's result becomes. */
type AnyFunction = (...args: never) => unknown;
/** Never looked into: passed as they are. */
type Opaque = AnyFunction | PromiseLike<unknown> | Date | RegExp | Error | URL | ArrayBuffer | SharedArrayBuffer | ArrayBufferView;
type HasMethod<T> = true extends { [K in keyof T]-?: T[K] extends AnyFunction ? true : never }[keyof T] ? true : false;

declare const value: unique symbol;
/** Whatever can be awaited for a `T`. The phantom key only shortens error messages. */
export interface Eventual<T> extends PromiseLike<T> {
  readonly [value]?: T | undefined;
}

/** What may stand for a `T` in a call: the value, a future or promise of it, or plain data with futures inside. */
export type Arg<T> = T | Eventual<T> | Nested<T>;
type Nested<T> = T extends Opaque
  ? never
  : T extends readonly unknown[]
    ? number extends T['length']
      ? readonly Arg<T[number]>[]
      : { readonly [K in keyof T]: Arg<T[K]> }
    : T extends ReadonlyMap<infer K, infer V>
      ? ReadonlyMap<K, Arg<V>>
      : T extends ReadonlySet<infer V>
        ? ReadonlySet<Arg<V>>
        : T extends object
          ? HasMethod<T> extends true
            ? never
            : { readonly [K in keyof T]: Arg<T[K]> }
          : never;
export type Args<A extends readonly unknown[]> = { [K in keyof A]: Arg<A[K]> };

/** The reverse, for joins: three levels deep, so that recursive types end. */
export type Resolved<R> = At<R, 3>;
type Less = [0, 0, 1, 2];
type At<R, D extends number> =
  R extends PromiseLike<infer V> ? At<V, D> : D extends 0 ? R : Same<R, Within<R, Less[D & keyof Less] & number>>;
type Same<R, W> = [R] extends [W] ? R : W;
type Within<R, D extends number> = R extends Opaque
  ? R
  : R extends readonly unknown[]
    ? number extends R['length']
      ? At<R[number], D>[]
      : { -readonly [K in keyof R]: At<R[K], D> }
    : R extends ReadonlyMap<infer K, infer V>
      ? Map<K, At<V, D>>
      : R extends ReadonlySet<infer V>
        ? Set<At<V, D>>
        : R extends object
          ? HasMethod<R> extends true
            ? R
            : { [K in keyof R]: At<R[K], D> }
          : R;

export type Returned<F> = F extends (...args: never) => infer R ? R : never;

/** Parameters of a task function; a definition that cannot work gets one parameter that says why. */
export type Params<F> = F extends (...args: infer A) => unknown
  ? TakesPromise<A> extends true
    ? [error: 'a task receives values, never promises: declare what the promise gives']
    : unknown extends Returned<F>
      ? A
      : [Returned<F>] extends [never]
        ? A
        : Returned<F> extends Generator<unknown, unknown, never> | AsyncGenerator<unknown, unknown, never>
          ? [error: 'a task returns one value, not a generator']
          : A
  : [error: 'a task needs a function'];
type TakesPromise<A extends readonly unknown[]> = true extends {
  [K in keyof A]-?: unknown extends A[K] ? never : Extract<A[K], PromiseLike<unknown>> extends never ? never : true;
}[number]
  ? true
  : false;
