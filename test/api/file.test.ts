import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { File, fileExtension } from '../../src/api/file.ts';
import { ConfigError } from '../../src/machines/model/errors.ts';

describe('File', () => {
  const local: readonly (readonly [location: string | URL, path: string, url: string])[] = [
    ['/a/b.txt', '/a/b.txt', 'file:///a/b.txt'],
    ["/a b'c/x; rm -rf $HOME", "/a b'c/x; rm -rf $HOME", "file:///a%20b'c/x;%20rm%20-rf%20$HOME"],
    ['/100%/#1?.txt', '/100%/#1?.txt', 'file:///100%25/%231%3F.txt'],
    ['/Größe/数', '/Größe/数', 'file:///Gr%C3%B6%C3%9Fe/%E6%95%B0'],
    ['/a/../b//c/', '/b/c', 'file:///b/c'],
    ['/a:b/c://d', '/a:b/c:/d', 'file:///a:b/c:/d'],
    ['file:///a%20b/%23.txt', '/a b/#.txt', 'file:///a%20b/%23.txt'],
    ['FILE:///a', '/a', 'file:///a'],
    ['file:/a', '/a', 'file:///a'],
    ['file://localhost/a', '/a', 'file:///a'],
    [pathToFileURL('/a b'), '/a b', 'file:///a%20b'],
    [new URL('file:///a.ts?t=1'), '/a.ts', 'file:///a.ts'],
    ['file:///a//b/#c', '/a/b', 'file:///a/b'],
    ['/C|/x ', '/C|/x ', 'file:///C%7C/x%20'],
  ];
  it.each(local)('%s is local', (location, path, url) => {
    const file = new File(location);
    expect(file).toMatchObject({ path, url });
    expect(String(file)).toBe(path);
  });

  it('makes a relative path absolute when it is made', () => {
    const before = process.cwd();
    const folder = mkdtempSync(join(tmpdir(), 'troupe-file-'));
    try {
      const file = new File('data/x.txt');
      process.chdir(folder);
      expect(file.path).toBe(join(before, 'data/x.txt'));
      expect(new File('a:b').path).toBe(join(process.cwd(), 'a:b'));
    } finally {
      process.chdir(before);
      rmSync(folder, { recursive: true });
    }
  });

  it('takes import.meta.url, and does not resolve links', () => {
    expect(new File(import.meta.url).path).toBe(fileURLToPath(import.meta.url));
    const folder = mkdtempSync(join(tmpdir(), 'troupe-file-'));
    symlinkSync('/nowhere', join(folder, 'link'));
    expect(new File(join(folder, 'link')).path).toBe(join(folder, 'link'));
    rmSync(folder, { recursive: true });
  });

  it.each(['ftp://host/a b', 'https://example.org/x?y#z', 's3://Bucket/Key', 'globus://ep/path'])(
    '%s is not local, and says so',
    (location) => {
      const file = new File(location);
      expect(file.url).toBe(new URL(location).href);
      expect(String(file)).toBe(file.url);
      expect(() => file.path).toThrow(ConfigError);
      expect(() => file.path).toThrow(`${file.url} is not local`);
    },
  );

  const wrong: readonly unknown[] = ['', 'file://host/share', 'file:///a%2Fb', 'http://', 'a\0b', '\ud800', 7, undefined, null, {}];
  it.each(wrong)('refuses %o', (location) => {
    expect(() => new File(location as string)).toThrow(ConfigError);
    expect(() => new File(location as string)).toThrow('the location of a File is');
  });

  it('reads well in JSON and on a console', () => {
    const file = new File('/a b');
    expect(JSON.stringify({ file })).toBe('{"file":"file:///a%20b"}');
    expect(inspect({ file })).toBe('{ file: File(/a b) }');
    expect(inspect(new File('ftp://h/x'))).toBe('File(ftp://h/x)');
  });

  it('is known across copies of troupe, and not by its looks', () => {
    expect(File.is(new File('/a'))).toBe(true);
    expect(File.is({ [Symbol.for('troupe.file')]: true, url: 'file:///a', path: '/a' })).toBe(true);
    for (const value of [{ url: 'file:///a', path: '/a' }, new URL('file:///a'), new globalThis.File([], 'a'), '/a', null, undefined]) {
      expect(File.is(value)).toBe(false);
    }
  });

  it('has the path that it was given, and survives its URL, whatever the path is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        fc.pre(!text.includes('\0'));
        const file = new File(`/${text}`);
        expect(file.path).toBe(resolve(`/${text}`));
        expect(fileURLToPath(file.url)).toBe(file.path);
        const copy = fileExtension.fromPlain(fileExtension.toPlain(file));
        expect(copy).toEqual(file);
        expect(copy.path).toBe(file.path);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('fileExtension', () => {
  it('crosses as a URL', () => {
    const file = new File('https://example.org/x');
    expect(fileExtension.is(file)).toBe(true);
    expect(fileExtension.is('https://example.org/x')).toBe(false);
    expect(fileExtension.toPlain(file)).toBe('https://example.org/x');
    expect(fileExtension.fromPlain('https://example.org/x')).toEqual(file);
  });
});
