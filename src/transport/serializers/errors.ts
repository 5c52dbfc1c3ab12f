/**
 * Which classes of errors survive the way between processes: JavaScript's own, all of troupe's, and those given to
 * {@link registerError}. Any other arrives as a `RemoteError`. Also takes errors apart and puts them together for
 * {@link file://./pack.ts} and {@link file://./unpack.ts}.
 */
import { inspect } from 'node:util';
import * as troupeErrors from '../../machines/model/errors.ts';
import { UnserializableError } from './port.ts';
import { nativeName } from './natives.ts';

/** A class of errors, abstract ones included. */
export type ErrorClass<E extends Error = Error> = abstract new (...args: never[]) => E;

/** Options of {@link registerError}. */
export interface RegisterErrorOptions<E extends Error = Error> {
  /** What the bytes call the class; the same in every process. @defaultValue the name of the class */
  readonly name?: string;
  /** Beyond name, message, stack, cause and errors. @defaultValue the own enumerable properties */
  toFields?(error: E): Readonly<Record<string, unknown>>;
  /**
   * Makes an instance; name, stack, cause and errors are set afterwards. Needed for classes with private fields.
   *
   * @defaultValue an instance made without running the constructor, with all fields
   */
  fromFields?(fields: Readonly<Record<string, unknown>>, message: string): E;
}

interface ErrorKind extends RegisterErrorOptions {
  readonly name: string;
  readonly errorClass: ErrorClass;
}

interface ErrorTable {
  readonly byName: Map<string, ErrorKind>;
  readonly byPrototype: WeakMap<object, ErrorKind>;
}

/**
 * Makes errors of a class keep it between processes: `instanceof`, fields and message. To be called where the class
 * is defined, so that it runs in drivers and workers alike. The table belongs to the process: bundles and further
 * copies of troupe share it.
 *
 * @throws ConfigError for a name that is taken by another class.
 * @example
 * export class NotFoundError extends Error {
 *   readonly key: string;
 *   constructor(key: string) {
 *     super(`there is no ${key}`);
 *     this.key = key;
 *   }
 * }
 * registerError(NotFoundError, { name: 'my-package/NotFoundError' });
 */
export function registerError<E extends Error>(errorClass: ErrorClass<E>, options: RegisterErrorOptions<E> = {}): void {
  const name = options.name ?? errorClass.name;
  const proto: unknown = errorClass.prototype;
  if (typeof proto !== 'object' || !(proto instanceof Error))
    throw new troupeErrors.ConfigError('registerError: expected a class that extends Error', { field: 'errorClass', value: errorClass });
  if (typeof name !== 'string' || name === '')
    throw new troupeErrors.ConfigError('registerError: name has to be a text that is not empty', { field: 'name', value: name });
  const { byName } = sharedTable();
  const known = byName.get(name);
  // a module that is evaluated again (test runners, reloads) brings the same class a second time
  const isReload = known !== undefined && String(known.errorClass) === String(errorClass);
  if (ownTable.byName.has(name) || (known !== undefined && known.errorClass !== errorClass && !isReload)) {
    throw new troupeErrors.ConfigError(
      `registerError: there is another class of the name ${name}; give this one a name of its own, such as 'my-package/${name}'`,
      { field: 'name', value: name },
    );
  }
  add(sharedTable(), { ...options, name, errorClass });
}

function add(table: ErrorTable, kind: ErrorKind): void {
  table.byName.set(kind.name, kind);
  table.byPrototype.set(kind.errorClass.prototype as object, kind);
}

const newTable = (): ErrorTable => ({ byName: new Map(), byPrototype: new WeakMap() });

function sharedTable(): ErrorTable {
  const holder = globalThis as { [key: symbol]: ErrorTable | undefined };
  return (holder[Symbol.for('troupe.errors')] ??= newTable());
}

// Not in the shared table: each copy of troupe revives its own classes.
const ownTable = newTable();
for (const errorClass of [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, AggregateError]) {
  add(ownTable, { name: errorClass.name, errorClass });
}
for (const [name, value] of Object.entries({ ...troupeErrors, UnserializableError })) {
  if (value.prototype instanceof Error) add(ownTable, { name, errorClass: value });
}
add(ownTable, {
  name: 'DOMException',
  errorClass: DOMException,
  // name and message are getters of its prototype
  toFields: (error) => ({ type: error.name, text: error.message }),
  fromFields: ({ type, text }) => new DOMException(textOf(text), textOf(type)),
});

/** One property of an error. */
export interface ErrorProperty {
  readonly key: string;
  readonly isEnumerable: boolean;
  readonly value: unknown;
}

/** An error, taken apart. */
export interface ErrorParts {
  /** Name in the tables; null for a class that is in none. */
  readonly kind: string | null;
  /** What a reader would call it. */
  readonly name: string;
  readonly properties: readonly ErrorProperty[];
}

/** What every error may have: carried whether it is enumerable or not. */
const common: readonly string[] = ['name', 'message', 'stack', 'cause', 'errors'];

/** Never throws, whatever getters the error has. */
export function takeApart(error: Error): ErrorParts {
  const kind = attempt(() => kindOf(error));
  const properties: ErrorProperty[] = [];
  const read = (from: object, key: string, isEnumerable: boolean): void => {
    const value = attempt(() => Reflect.get(from, key) as unknown);
    properties.push({ key, isEnumerable, value: value.is ? value.value : `[cannot be read: ${textOf(value.cause)}]` });
  };
  for (const key of common) {
    const own = attempt(() => Object.getOwnPropertyDescriptor(error, key));
    // `stack` is on its way to becoming an accessor of Error.prototype
    const isInherited = key === 'stack' && attempt(() => typeof error.stack).value === 'string';
    if (own.value !== undefined || isInherited) read(error, key, own.value?.enumerable === true);
  }
  const fields = attempt(() => kind.value?.toFields?.(error)).value ?? error;
  for (const key of attempt(() => Object.keys(fields)).value ?? []) if (!common.includes(key)) read(fields, key, true);
  return { kind: kind.value?.name ?? null, name: textOf(attempt(() => nameOf(error)).value ?? 'Error'), properties };
}

type Attempt<T> = { readonly is: true; readonly value: T } | { readonly is: false; readonly value: undefined; readonly cause: unknown };

function attempt<T>(read: () => T): Attempt<T> {
  try {
    return { is: true, value: read() };
  } catch (cause) {
    return { is: false, value: undefined, cause };
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, { depth: 0, customInspect: false, maxArrayLength: 10 });
}

function kindOf(error: Error): ErrorKind | undefined {
  const proto = Object.getPrototypeOf(error) as object;
  const known = ownTable.byPrototype.get(proto) ?? sharedTable().byPrototype.get(proto);
  if (known !== undefined) return known;
  // of another realm, or of another copy of troupe
  const name = troupeErrors.TroupeError.is(error) && proto.constructor.name === error.name ? error.name : nativeName(proto);
  return ownTable.byName.get(name);
}

/** Classes rarely set `name`; then the name of the class tells more than the inherited one. */
function nameOf(error: Error): unknown {
  const proto = Object.getPrototypeOf(error) as object;
  if (Object.hasOwn(error, 'name') || Object.hasOwn(proto, 'name')) return error.name;
  return proto.constructor.name || error.name;
}

/** Never throws. */
export function putTogether({ kind, name, properties }: ErrorParts): Error {
  const known = kind === null ? undefined : (ownTable.byName.get(kind) ?? sharedTable().byName.get(kind));
  if (known === undefined) return remoteError(name, properties);
  if (known.fromFields === undefined) {
    const error = Reflect.construct<[], Error>(Error, [], known.errorClass as unknown as ErrorConstructor);
    delete error.stack;
    return define(error, properties);
  }
  const made = attempt(() => known.fromFields?.(fieldsOf(properties), textOf(valueOf(properties, 'message') ?? ''))).value;
  if (!(made instanceof Error)) return remoteError(name, properties);
  return define(
    made,
    properties.filter(({ key }) => common.includes(key)),
  );
}

function define(error: Error, properties: readonly ErrorProperty[]): Error {
  for (const { key, isEnumerable, value } of properties) {
    // a registered class may have made some of them unchangeable
    Reflect.defineProperty(error, key, { value, enumerable: isEnumerable, writable: true, configurable: true });
  }
  return error;
}

function remoteError(name: string, properties: readonly ErrorProperty[]): Error {
  const stack = valueOf(properties, 'stack');
  const errors = valueOf(properties, 'errors');
  return new troupeErrors.RemoteError(textOf(valueOf(properties, 'message') ?? ''), {
    name,
    stack: typeof stack === 'string' ? stack : undefined,
    fields: { ...fieldsOf(properties), ...(errors === undefined ? undefined : { errors }) },
    ...(properties.some(({ key }) => key === 'cause') ? { cause: valueOf(properties, 'cause') } : undefined),
  });
}

function fieldsOf(properties: readonly ErrorProperty[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(properties.filter(({ key }) => !common.includes(key)).map(({ key, value }) => [key, value]));
}

function valueOf(properties: readonly ErrorProperty[], key: string): unknown {
  return properties.find((property) => property.key === key)?.value;
}
