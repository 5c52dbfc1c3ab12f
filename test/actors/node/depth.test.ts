/** How many tries a worker is given at once. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { depth } from '../../../src/actors/node/depth.ts';

it('is one, doubles while tries are fast, and has an end', () => {
  const one = depth({ most: 6, fastMs: 5 });
  const values = [one.value];
  for (let i = 0; i < 20; i++) {
    one.observe(1, 0.1, 0.1);
    values.push(one.value);
  }
  expect([...new Set(values)]).toEqual([1, 2, 4, 6]);
});

it('is one again after a single long try, and only after many fast ones is it more', () => {
  const one = depth({ most: 16, fastMs: 5 });
  one.observe(100, 10, 0.2);
  expect(one.value).toBe(2);
  one.observe(1, 21, 21);
  expect(one.value).toBe(1);
  one.observe(1, 1000, 1000);
  for (let i = 0; i < 10; i++) one.observe(1, 0.1, 0.1);
  expect(one.value).toBe(1);
  one.observe(30, 3, 0.1);
  expect(one.value).toBe(2);
});

it('is one while tries take as long as fast ones may not, however even they are', () => {
  const one = depth({ most: 16, fastMs: 5 });
  for (let i = 0; i < 50; i++) one.observe(4, 24, 6);
  expect(one.value).toBe(1);
});

it('is never below one or above the most', () => {
  const seen = fc.tuple(fc.nat(20), fc.double({ min: 0, max: 100, noNaN: true }), fc.boolean());
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.array(seen), (most, all) => {
      const one = depth({ most, fastMs: 5 });
      for (const [tries, ms, falls] of all) {
        one.observe(tries, tries * ms, ms);
        if (falls) one.fall();
        expect(one.value).toBeGreaterThanOrEqual(1);
        expect(one.value).toBeLessThanOrEqual(most);
      }
    }),
  );
});
