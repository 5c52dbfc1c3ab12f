/**
 * A file as a value: a URL that means the same in every process, and its path where it is local. Arguments, `sh`
 * templates, outputs and streams take one; nothing is opened by making it.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { fileBrand, flawOf, isFileLike } from '../machines/model/command.ts';
import { ConfigError } from '../machines/model/errors.ts';
import type { ValueExtension } from '../transport/serializers/port.ts';

/**
 * A file by path or URL. A path is made absolute against the working directory at once, so that the File means
 * the same on a worker. `~` is the shell's, and is not expanded.
 *
 * @throws ConfigError for a location that cannot be a file: empty, not a URL, `file:` with a host.
 * @example
 * const seeds = new File('data/seeds of 2026.txt');
 * const reads = new File('https://example.org/reads.fastq.gz');
 * const beside = new File(new URL('./table.csv', import.meta.url));
 */
export class File {
  /** Percent-encoded. The same for every way to name a local file: `file:///…`, without query and fragment. */
  readonly url: string;
  readonly #path: string | undefined;

  constructor(location: string | URL) {
    const url = urlOf(location);
    this.#path = typeof url === 'string' ? url : url.protocol === 'file:' ? localPath(url, location) : undefined;
    this.url = this.#path === undefined ? String(url) : fileUrl(this.#path);
  }

  get [fileBrand](): true {
    return true;
  }

  /** Absolute path. @throws ConfigError when the File is not local. */
  get path(): string {
    if (this.#path === undefined) {
      throw new ConfigError(`${this.url} is not local, so it has no path: fetch it in a task first, and use the File of the copy`, {
        field: 'path',
        value: this.url,
      });
    }
    return this.#path;
  }

  /** The bare path, not quoted; the URL when the File is not local. */
  toString(): string {
    return this.#path ?? this.url;
  }

  toJSON(): string {
    return this.url;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `File(${this.toString()})`;
  }

  /** Works across realms and duplicate installs. */
  static is(value: unknown): value is File {
    return isFileLike(value) && typeof (value as { url?: unknown }).url === 'string';
  }
}

/** How a File crosses to a worker. */
export const fileExtension: ValueExtension<File, string> = {
  name: 'File',
  is: (value) => File.is(value),
  toPlain: (file) => file.url,
  fromPlain: (url) => new File(url),
};

const hasScheme = /^(?:[a-z][a-z\d+.-]*:\/\/|file:)/i;

/** An absolute path, or a URL. */
function urlOf(location: unknown): URL | string {
  if (location instanceof URL) return location;
  if (typeof location !== 'string' || location === '')
    throw wrong(location, `${location === '' ? 'an empty string' : `of type ${typeof location}`}, not a path or URL`);
  const flaw = flawOf(location);
  if (flaw !== undefined) throw wrong(location, `${JSON.stringify(location)}, which has ${flaw}`);
  if (!hasScheme.test(location)) return resolve(location);
  try {
    return new URL(location);
  } catch (cause) {
    throw wrong(location, `${location}, which is not a valid URL`, cause);
  }
}

/** As `pathToFileURL`, which in Node 20 drops a blank at the end of a name and makes `C:` of a folder `C|`. */
const fileUrl = (path: string): string => new URL(`file://${path.replace(/[%\\?#|\s\p{Cc}]/gu, (char) => encodeURIComponent(char))}`).href;

function localPath(url: URL, location: unknown): string {
  try {
    return resolve(fileURLToPath(url));
  } catch (cause) {
    throw wrong(
      location,
      `${url.href}, which is no path on this machine: a file URL has three slashes, an absolute path and no %2F`,
      cause,
    );
  }
}

function wrong(value: unknown, what: string, cause?: unknown): ConfigError {
  return new ConfigError(`the location of a File is ${what}`, {
    field: 'location',
    value,
    ...(cause === undefined ? undefined : { cause }),
  });
}
