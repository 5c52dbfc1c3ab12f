/**
 * Tells the built-in classes of JavaScript from classes that are only named or derived like them, in whatever realm
 * (a `vm` context, as of some test runners) their objects were made.
 */
const names = new WeakMap<object, string>();

/** `Map` for the prototype of any realm's Map; empty for prototypes of user classes. */
export function nativeName(proto: unknown): string {
  if (typeof proto !== 'object' || proto === null) return '';
  let name = names.get(proto);
  if (name === undefined) {
    const constructor: unknown = Object.getOwnPropertyDescriptor(proto, 'constructor')?.value;
    const isNative =
      typeof constructor === 'function' &&
      constructor.prototype === proto &&
      /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(constructor));
    name = isNative ? constructor.name : '';
    names.set(proto, name);
  }
  return name;
}
