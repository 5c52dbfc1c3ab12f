/** What a provider answers late, twice, unasked or unreadably changes nothing, and what throws has failed. */
import { describe, expect, it } from 'vitest';

import type { Found } from '../../../src/actors/blocks/provider.ts';
import type { JobStatus } from '../../../src/machines/model/blocks.ts';
import type { Provider, ProviderFact } from '../../../src/providers/port.ts';
import { blockWorld } from '../../support/block-world.ts';
import { fakeProvider } from '../../support/fake-provider.ts';
import { actorOf, openProvider } from '../../support/provider-actor.ts';

describe('what a provider says that nobody expects', () => {
  it.each([
    ['nothing', undefined],
    ['a number', 7],
    ['an unknown fact', { type: 'jobs.eaten', requestId: 'r1' }],
    ['a status that is none', { type: 'job.changed', jobId: 'j1', status: { type: 'known', phase: 'dreaming' } }],
    [
      'a fact that throws',
      {
        get type() {
          throw new Error('boo');
        },
      },
    ],
  ])('%s is a note, and changes nothing', async (_, fact) => {
    const { batch, submit, settle, provider, noted, outcomes } = openProvider();
    const seen: JobStatus[] = [];
    provider.watch('j1', (status) => seen.push(status));
    submit('0');
    batch.tell(fact as ProviderFact);
    expect(noted('provider.unreadable')).toHaveLength(1);
    await settle();
    expect(outcomes).toHaveLength(1);
    expect(seen.filter(({ type }) => type === 'gone')).toEqual([]);
  });

  it('late, repeated and unexpected answers are notes', async () => {
    const { batch, submit, settle, noted, outcomes } = openProvider();
    batch.fault('submit', 'twice');
    submit('0');
    await settle();
    batch.fault('submit', 'held');
    submit('1');
    await settle();
    batch.tell({ type: 'jobs.cancelled', requestId: 'r2' });
    batch.tell({ type: 'job.changed', jobId: 'j9', status: { type: 'unknown', message: '?' } });
    expect(noted('provider.late')).toHaveLength(2);
    expect(noted('provider.unexpected')).toMatchObject([{ request: 'jobs.submit', fact: 'jobs.cancelled' }]);
    batch.answerHeld();
    expect(outcomes).toHaveLength(2);
  });

  it('a provider that throws has failed', async () => {
    const world = blockWorld();
    const plugin: Provider = {
      ...fakeProvider(),
      open: () => ({
        send() {
          throw new Error('not today');
        },
        async close() {
          throw new Error('never');
        },
      }),
    };
    const provider = actorOf(world, plugin);
    const found: Found[] = [];
    provider.find(['x'], (answer) => found.push(answer));
    await world.settle();
    expect(found).toEqual([{ type: 'failed', message: 'not today' }]);
    await provider.close();
    expect(world.noted('provider.closeFailed')).toEqual([{ message: 'never' }]);
  });
});
