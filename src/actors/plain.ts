/**
 * Foreign data as JSON that is safe to write: what policies answer, what tasks report as progress, what plugins
 * note. It may be circular, huge, throw when looked at, or be nothing that JSON has.
 */

/** The copy, and whether something was left out of it for its size. */
export interface Plain {
  readonly data: unknown;
  readonly isCut: boolean;
}

const MAX_TEXT = 1000;
const MAX_ITEMS = 100;
const MAX_DEPTH = 8;

/** @param budget - Characters the copy may have, about. */
export function plain(value: unknown, budget = 2000): Plain {
  let left = budget;
  let isCut = false;
  const open = new Set<object>();

  function cut<T>(shown: T): T {
    isCut = true;
    return shown;
  }

  function text(value: string): string {
    const room = Math.max(0, Math.min(MAX_TEXT, left));
    left -= Math.min(value.length, room) + 2;
    return value.length <= room ? value : cut(`${value.slice(0, room)}…`);
  }

  function visit(value: unknown): unknown {
    left -= 2;
    switch (typeof value) {
      case 'string':
        return text(value);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'bigint':
        return text(`${value}n`);
      case 'boolean':
      case 'undefined':
        return value;
      case 'object':
        return value === null ? null : within(value);
      default:
        return `(${typeof value})`;
    }
  }

  function within(value: object): unknown {
    if (open.has(value)) return '(circular)';
    if (open.size === MAX_DEPTH || left <= 0) return cut('…');
    open.add(value);
    try {
      return shape(value);
    } catch {
      return '(unreadable)'; // a getter, a proxy
    } finally {
      open.delete(value);
    }
  }

  function shape(value: object): unknown {
    if (Array.isArray(value)) return list(value);
    if (value instanceof Map) return list(value.entries());
    if (value instanceof Set) return list(value.values());
    if (value instanceof Error) return record({ name: value.name, message: value.message });
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof RegExp || value instanceof URL) return text(String(value));
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `(${value.constructor.name}, ${value.byteLength} bytes)`;
    return record(value);
  }

  function list(items: Iterable<unknown>): unknown[] {
    const copy: unknown[] = [];
    for (const item of items) {
      if (copy.length === MAX_ITEMS || left <= 0) return cut([...copy, '…']);
      copy.push(visit(item) ?? null);
    }
    return copy;
  }

  function record(value: object): Record<string, unknown> {
    const copy: Record<string, unknown> = Object.create(null) as Record<string, unknown>; // `__proto__` is a key like others
    let items = 0;
    for (const key of Object.keys(value)) {
      if (items++ === MAX_ITEMS || left <= 0) {
        cut(copy);
        break;
      }
      copy[text(key)] = property(value, key);
    }
    return copy;
  }

  function property(value: object, key: string): unknown {
    try {
      return visit((value as Record<string, unknown>)[key]);
    } catch {
      return '(unreadable)';
    }
  }

  return { data: visit(value), isCut };
}
