/**
 * Reads bytes once, without building anything, before cbor-x sees them: they must be one complete CBOR item of the
 * form that `encode` writes. This is what makes hostile bytes harmless: no tag but ours, no length beyond the
 * bytes that are there, no depth that could overflow the stack.
 */
import { firstTag, lastTag, maxLevels } from './tags.ts';

/** Leaf kinds put up to three levels below what `pack` counts. */
const limit = maxLevels + 4;

// Items left at each level: positive in arrays and tags, negative in maps, where an even number means a key is next.
const left = new Float64Array(limit);

/** Returns how many tags there are. @throws TypeError for anything that `encode` does not write. */
export function scan(bytes: Uint8Array): number {
  const end = bytes.length;
  let position = 0;
  let level = 0;
  let tagCount = 0;
  left[0] = 1;
  for (;;) {
    const items = left[level] ?? 0;
    if (items === 0) {
      if (level === 0) break;
      level--;
      continue;
    }
    left[level] = items > 0 ? items - 1 : items + 1;
    if (position >= end) throw malformed('they end too early');
    const head = bytes[position++] ?? 0;
    const major = head >> 5;
    const info = head & 0x1f;
    if (items < 0 && (items & 1) === 0 && major !== 3) throw malformed(`a key that is not text, at ${position - 1}`);

    const width = info < 24 ? 0 : info < 28 ? 1 << (info - 24) : -1;
    if (width < 0 || position + width > end) throw malformed(`an incomplete item at ${position - 1}`);
    if (major === 7) {
      // false, true, null, undefined or a double
      if (info !== 27 && (info < 20 || info > 23)) throw malformed(`an unknown simple value at ${position - 1}`);
      position += width;
      continue;
    }
    if (major < 2) {
      position += width;
      continue;
    }
    if (width === 8) throw malformed(`a length of 64 bits at ${position - 1}`);
    let length = info < 24 ? info : 0;
    for (let index = 0; index < width; index++) length = length * 256 + (bytes[position++] ?? 0);
    if (major < 4) {
      position += length;
      if (position > end) throw malformed('they end too early');
      continue;
    }
    if (major === 6) {
      if (length < firstTag || length > lastTag) throw malformed(`the tag ${length}`);
      tagCount++;
    }
    if (++level >= limit) throw malformed(`more than ${limit} levels`);
    left[level] = major === 6 ? 1 : major === 5 ? -2 * length : length;
  }
  if (position !== end) throw malformed(`${end - position} bytes after the value`);
  return tagCount;
}

/** What `decode` throws for bytes that are not ours. */
export function malformed(what: string, cause?: unknown): TypeError {
  return new TypeError(`These bytes are not an encoded value: ${what}.`, cause === undefined ? undefined : { cause });
}
