import { describe } from 'vitest';

import { inline } from '../../../src/api/executors.ts';
import { conformsToExecutor } from '../../conformance/executor.ts';

describe('inline', () => {
  conformsToExecutor((setup) => inline(setup), { kills: false });
});
