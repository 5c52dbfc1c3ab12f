import { describe } from 'vitest';

import { threads } from '../../../src/api/executors.ts';
import { conformsToExecutor } from '../../conformance/executor.ts';

describe('threads', () => {
  conformsToExecutor((setup) => threads(setup), { kills: true });
});
