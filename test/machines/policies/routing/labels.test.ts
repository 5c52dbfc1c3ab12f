/** The routing policy `labels`: a table from task functions to executors. */
import { describe, expect, it } from 'vitest';

import { labels } from '../../../../src/machines/policies/routing/labels.ts';
import { random } from '../../../../src/machines/policies/routing/random.ts';
import { conformsToRoutingPolicy } from '../../../conformance/policy.ts';
import { candidate, routed } from '../../../support/policies.ts';

const candidates = [candidate('here'), candidate('there', { queued: 5 })];

describe('labels', () => {
  conformsToRoutingPolicy(() => labels({ simulate: 'there' }));
  conformsToRoutingPolicy(() => labels({ simulate: 'there' }, random()));

  it('takes the executor that stands in the table, however much it has to do', () => {
    expect(labels({ simulate: 'there' }).decide(routed(candidates))).toEqual({ executor: 'there', why: 'simulate is in the table' });
  });

  it('asks another policy for names that do not stand there', () => {
    expect(labels({ load: 'there' }).decide(routed(candidates))).toEqual({ executor: 'here' });
    expect(labels({ load: 'there' }, random()).decide(routed(candidates, { random: 0.9 }))).toEqual({ executor: 'there' });
    expect(labels({}).decide(routed(candidates, { name: 'constructor' }))).toEqual({ executor: 'here' });
  });

  it('asks it also when the executor in the table cannot run the task', () => {
    expect(labels({ simulate: 'elsewhere' }).decide(routed(candidates))).toEqual({ executor: 'here' });
  });

  it('refuses a table without labels, and what is no policy', () => {
    expect(() => labels({ simulate: 3 } as never)).toThrow('routing.labels: simulate has no label of an executor');
    expect(() => labels({}, {} as never)).toThrow('routing.labels: otherwise is not a routing policy');
  });
});
