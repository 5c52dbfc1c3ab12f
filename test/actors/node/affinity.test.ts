/** Which cores a worker is bound to, mode by mode. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { binding, coresHere, coresOf, openMp, parseList, type Affinity } from '../../../src/actors/node/affinity.ts';

const of = (affinity: Affinity, workers = 3, cores = 8) =>
  Array.from({ length: workers }, (_, slot) =>
    coresOf(
      affinity,
      slot,
      workers,
      Array.from({ length: cores }, (_, i) => i),
    ),
  );

describe('affinity', () => {
  it.each([
    ['none', [undefined, undefined, undefined]],
    [
      'block',
      [
        [0, 1],
        [2, 3],
        [4, 5],
      ],
    ],
    [
      'blockReverse',
      [
        [4, 5],
        [2, 3],
        [0, 1],
      ],
    ],
    [
      'alternating',
      [
        [0, 3, 6],
        [1, 4, 7],
        [2, 5],
      ],
    ],
  ] as const)('%s', (mode, expected) => expect(of(mode)).toEqual(expected));

  it('of a list is that list, and none beyond its end', () => {
    expect(of({ list: [[7], [1, 2]] })).toEqual([[7], [1, 2], undefined]);
  });

  it('of fewer cores than workers binds nobody to nothing', () => {
    expect(of('block', 3, 2)).toEqual([undefined, undefined, undefined]);
    expect(of('alternating', 3, 2)).toEqual([[0], [1], undefined]);
  });

  it('gives no core to two workers', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('block', 'blockReverse', 'alternating'),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 64 }),
        (mode, workers, cores) => {
          const all = of(mode, workers, cores).flatMap((each) => each ?? []);
          expect(new Set(all).size).toBe(all.length);
        },
      ),
    );
  });

  it('tells OpenMP', () => {
    expect(openMp([2, 3])).toEqual({ OMP_NUM_THREADS: '2', GOMP_CPU_AFFINITY: '2 3', KMP_AFFINITY: 'explicit,proclist=[2,3]' });
  });

  it('starts from the cores that this process may use', () => {
    expect(parseList('0-2,5,7-8')).toEqual([0, 1, 2, 5, 7, 8]);
    expect(coresHere(1)).toHaveLength(1);
  });

  it('is without effect where nothing can bind', () => {
    expect(binding([0], '/nowhere')).toEqual([]);
    expect(binding(undefined)).toEqual([]);
  });
});
