/** Part of {@link file://./../executor.ts}: what goes in and what comes out. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { SerializationError, TaskNotFoundError } from '../../../src/machines/model/errors.ts';
import { anyValue, difference } from '../../support/values.ts';
import type { OpenBench } from './setup.ts';

export function valuesCross(open: OpenBench): void {
  describe('values', () => {
    it('gives a task function its arguments and brings its result back', async () => {
      const { submit, result } = open();
      expect(await result(submit('add', [20, 22]))).toBe(42);
      expect(await result(submit('noop'))).toBeUndefined();
    });

    it('carries every value of the contract there and back', async () => {
      const { submit, result } = open();
      await fc.assert(
        fc.asyncProperty(anyValue, async (value) => {
          expect(difference(value, await result(submit('echo', [value])))).toBeUndefined();
        }),
        { numRuns: 50 },
      );
    });

    it('carries a result of several megabytes', async () => {
      const { submit, result } = open();
      const numbers = Float64Array.from({ length: 500_000 }, (_, i) => i / 3);
      expect(difference(numbers, await result(submit('echo', [numbers])))).toBeUndefined();
    });

    it.each([
      ['giveFunction', 'result.deep[0]'],
      ['giveGenerator', 'result'],
      ['giveStream', 'result'],
    ])('refuses what %s returns, and says where it is', async (name, path) => {
      const { submit, end, decode } = open();
      const report = await end(submit(name));
      expect(report).toMatchObject({ type: 'try.failed', kind: 'serialization' });
      const error = report.type === 'try.failed' ? decode(report.error) : undefined;
      expect(error).toBeInstanceOf(SerializationError);
      expect(error).toMatchObject({ side: 'result', path });
    });

    it('refuses arguments that it cannot read', async () => {
      const { submit, end, decode } = open();
      const report = await end(submit('echo', [], { args: { bytes: new Uint8Array([0xff, 0xff]) } }));
      expect(report).toMatchObject({ type: 'try.failed', kind: 'serialization' });
      expect(report.type === 'try.failed' && decode(report.error)).toMatchObject({ code: 'ERR_SERIALIZATION', side: 'arguments' });
    });
  });

  describe('failures', () => {
    it('brings the error of a task function with its class, fields and cause', async () => {
      const { submit, end, decode } = open();
      const report = await end(submit('fail', ['too far']));
      expect(report).toMatchObject({ type: 'try.failed', kind: 'app' });
      const error = report.type === 'try.failed' ? (decode(report.error) as Error) : undefined;
      expect(error).toBeInstanceOf(RangeError);
      expect(error?.message).toBe('too far');
      expect(error?.cause).toBeInstanceOf(TypeError);
      expect(error?.stack).toContain('tasks.mjs');
    });

    it('brings whatever else is thrown', async () => {
      const { submit, result } = open();
      await expect(result(submit('throwText'))).rejects.toBe('just text');
      await expect(result(submit('throwFunction'))).rejects.toMatchObject({ code: 'ERR_REMOTE' });
    });

    it.each([
      ['a module that does not define the task function', 'empty.mjs', /empty\.mjs#other/],
      ['a module that cannot be imported', 'broken.mjs', /this module does not load/],
      ['a module that is not there', 'nowhere.mjs', /nowhere\.mjs/],
    ])('never retries %s, and says what there was', async (_, file, message) => {
      const { submit, end, decode } = open();
      const report = await end(submit('missing', [], { moduleUrl: new URL(`../../fixtures/${file}`, import.meta.url).href }));
      expect(report).toMatchObject({ type: 'try.failed', kind: 'unroutable' });
      const error = report.type === 'try.failed' ? decode(report.error) : undefined;
      expect(error).toBeInstanceOf(TaskNotFoundError);
      expect((error as Error).message).toMatch(message);
    });
  });
}
