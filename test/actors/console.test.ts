import { afterEach, describe, expect, it } from 'vitest';

import { openConsole, TAIL_BYTES, tryOutput } from '../../src/actors/console.ts';
import { inTry, outsideTry, type TryScope } from '../../src/actors/current.ts';

/** Stands in for the console of this process; what arrives there has not been taken by a try. */
function fakeConsole(): { readonly shown: string[]; restore(): void } {
  const shown: string[] = [];
  const before = Object.getOwnPropertyDescriptor(process.stdout, 'write');
  process.stdout.write = (chunk: string | Uint8Array): boolean => {
    shown.push(String(chunk));
    return true;
  };
  return {
    shown,
    restore: () =>
      before === undefined ? Reflect.deleteProperty(process.stdout, 'write') : Object.defineProperty(process.stdout, 'write', before),
  };
}

function scopeOf(taken: string[], take = true): TryScope {
  return {
    current: () => {
      throw new Error('not asked for here');
    },
    print(stream, text) {
      taken.push(`${stream}:${text}`);
      return take;
    },
  };
}

describe('openConsole', () => {
  let cleanups: (() => void)[] = [];
  afterEach(() => {
    for (const clean of cleanups.toReversed()) clean();
    cleanups = [];
  });
  const opened = (): { readonly shown: string[]; readonly close: () => void } => {
    const { shown, restore } = fakeConsole();
    cleanups.push(restore);
    const close = openConsole();
    cleanups.push(close);
    return { shown, close };
  };

  it('gives a try what it writes, and the console what anybody else writes', () => {
    const { shown } = opened();
    const taken: string[] = [];
    process.stdout.write('before\n');
    inTry(scopeOf(taken), () => process.stdout.write('of the try\n'));
    process.stdout.write('after\n');
    expect(taken).toEqual(['stdout:of the try\n']);
    expect(shown).toEqual(['before\n', 'after\n']);
  });

  it('follows a try through awaits and timers', async () => {
    opened();
    const taken: string[] = [];
    await inTry(scopeOf(taken), async () => {
      await Promise.resolve();
      process.stdout.write('1');
      await new Promise((resolve) => setImmediate(resolve));
      process.stdout.write('2');
    });
    expect(taken).toEqual(['stdout:1', 'stdout:2']);
  });

  it('understands bytes, encodings and callbacks', async () => {
    opened();
    const taken: string[] = [];
    await inTry(
      scopeOf(taken),
      () =>
        new Promise<void>((resolve) => {
          process.stdout.write(Buffer.from('bytes'));
          process.stdout.write('aGk=', 'base64');
          process.stdout.write('text', () => process.stdout.write('last', 'utf8', () => resolve()));
        }),
    );
    expect(taken).toEqual(['stdout:bytes', 'stdout:hi', 'stdout:text', 'stdout:last']);
  });

  it('does not forward what is printed while output is forwarded', () => {
    const { shown } = opened();
    const taken: string[] = [];
    const scope: TryScope = { ...scopeOf(taken), print: (_, text) => process.stdout.write(`[t1] ${text}`) };
    inTry(scope, () => process.stdout.write('hello\n'));
    expect(shown).toEqual(['[t1] hello\n']);
  });

  it('lets output through that a try does not take', () => {
    const { shown } = opened();
    inTry(scopeOf([], false), () => process.stdout.write('late\n'));
    expect(shown).toEqual(['late\n']);
  });

  it('takes nothing outside of the try, though a try has caused it', () => {
    const { shown } = opened();
    inTry(scopeOf([]), () => outsideTry(() => process.stdout.write('of the driver\n')));
    expect(shown).toEqual(['of the driver\n']);
  });

  it('restores write exactly when the last of its users closes, and not before', () => {
    const before = process.stdout.write;
    const own = Object.hasOwn(process.stdout, 'write');
    const close = [openConsole(), openConsole()];
    expect(process.stdout.write).not.toBe(before);
    close[0]?.();
    close[0]?.();
    expect(process.stdout.write).not.toBe(before);
    close[1]?.();
    expect(process.stdout.write).toBe(before);
    expect(Object.hasOwn(process.stdout, 'write')).toBe(own);
  });

  it('leaves alone what somebody else has put over it, and takes nothing any more', () => {
    const { shown, close } = opened();
    const ours = process.stdout.write;
    const theirs = ((...args: Parameters<typeof ours>) => Reflect.apply(ours, process.stdout, args)) as typeof ours;
    process.stdout.write = theirs;
    close();
    expect(process.stdout.write).toBe(theirs);
    inTry(scopeOf([]), () => process.stdout.write('through both\n'));
    expect(shown).toEqual(['through both\n']);
  });
});

describe('tryOutput', () => {
  const collected = (budgetBytes: number): { readonly texts: string[]; readonly output: ReturnType<typeof tryOutput> } => {
    const texts: string[] = [];
    return { texts, output: tryOutput(budgetBytes, (stream, text) => texts.push(`${stream}:${text}`)) };
  };

  it('forwards all of it within the budget, and says nothing at the end', () => {
    const { texts, output } = collected(10);
    output.print('stdout', '12345');
    output.print('stderr', '67890');
    expect(output.end()).toBe('1234567890');
    expect(texts).toEqual(['stdout:12345', 'stderr:67890']);
  });

  it('cuts at the budget between characters, and counts what it drops', () => {
    const { texts, output } = collected(4);
    output.print('stdout', 'aé€x');
    output.print('stderr', 'more');
    output.end();
    expect(texts[0]).toBe('stdout:aé');
    expect(texts[1]).toMatch(/^stdout:\n… 8 bytes more were dropped/);
    expect(texts).toHaveLength(2);
  });

  it('has no tail when nothing was printed', () => {
    expect(collected(10).output.end()).toBeUndefined();
  });

  it('keeps the end of a long output, in whole characters', () => {
    const { output } = collected(0);
    for (let i = 0; i < 20_000; i++) output.print('stdout', `€${i}\n`);
    const tail = output.end() ?? '';
    expect(Buffer.byteLength(tail)).toBeLessThanOrEqual(TAIL_BYTES);
    expect(Buffer.byteLength(tail)).toBeGreaterThan(TAIL_BYTES - 4);
    expect(tail.endsWith('€19999\n')).toBe(true);
    expect(tail).not.toContain('\ufffd');
  });
});
