/** `blocks()` as an executor among others: what every executor does, over real managers and worker processes. */
import { beforeAll, describe, expect, it } from 'vitest';

import { blocks } from '../../../src/api/executors.ts';
import { ConfigError } from '../../../src/machines/model/errors.ts';
import { conformsToExecutor } from '../../conformance/executor.ts';

describe('blocks', () => {
  beforeAll(() => blocks().load?.());

  conformsToExecutor((setup) => blocks({ ...setup, heartbeatMs: 500 }), { kills: true });

  describe('its options', () => {
    it.each([
      ['block.max', { block: { init: 3, max: 2 } }, /block\.init is 3, more than block\.max, which is 2/],
      ['block.min', { block: { min: 3, max: 2, init: 1 } }, /block\.min is 3/],
      ['workers', { workers: 0 }, /workers.*1 or more/],
      ['an unknown one', { worker: 2 }, /worker/],
      ['parallelism', { block: { parallelism: 2 } }, /from 0 to 1/],
      ['a policy of another kind', { policies: { scaling: { kind: 'retry', name: 'x', decide: () => ({}) } } }, /is not a scaling policy/],
      ['a launcher that reaches one node only', { block: { nodes: 2 } }, /node/],
    ])('are refused where they are said: %s', (_, options, message) => {
      expect(() => blocks(options as never)).toThrow(ConfigError);
      expect(() => blocks(options as never)).toThrow(message);
    });
  });
});
