import { setImmediate as nextTurn } from 'node:timers/promises';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { SubmitRefusedError } from '../../src/machines/model/errors.ts';
import type { JobSpec, JobStatus, ProviderFact } from '../../src/providers/port.ts';
import { providerFrom, type ProviderFunctions, type ProviderParts } from '../../src/providers/provider-from.ts';
import { conformsToProvider } from '../conformance/provider.ts';
import { jobSpec, providerBench } from '../support/provider-bench.ts';

/** A batch system in memory, as an adapter sees one: asynchronous, and asked by polling. */
function queue(): ProviderFunctions {
  const jobs = new Map<string, { readonly spec: JobSpec; status: JobStatus }>();
  return {
    async submit(spec) {
      const id = `${jobs.size + 1}.head`;
      jobs.set(id, {
        spec,
        status: spec.argv[0] === 'true' ? { type: 'gone', evidence: { end: 'completed' } } : { type: 'known', phase: 'pending' },
      });
      return id;
    },
    status: async (ids) => Object.fromEntries([...jobs].filter(([id]) => ids.includes(id)).map(([id, { status }]) => [id, status])),
    async cancel(ids) {
      for (const id of ids) {
        const job = jobs.get(id);
        if (job?.status.type === 'known') job.status = { type: 'gone', evidence: { end: 'cancelled' } };
      }
    },
    find: async (names) =>
      Object.fromEntries([...jobs].filter(([, { spec }]) => names.includes(spec.name)).map(([id, { spec }]) => [spec.name, id])),
  };
}

describe('providerFrom', () => {
  conformsToProvider(() => {
    const functions = queue();
    return { make: () => providerFrom({ kind: 'queue', ...functions }), endless: ['sleep', '1000'], succeeds: ['true'] };
  });
});

describe('providerFrom, with functions made for each opening', () => {
  conformsToProvider(() => {
    const functions = queue();
    return {
      make: () => providerFrom({ kind: 'queue', options: { host: 'head' }, open: () => functions }),
      endless: ['sleep', '1000'],
      succeeds: ['true'],
    };
  });
});

const good: ProviderParts = { kind: 'good', submit: () => 'j1', status: () => ({}), cancel: () => undefined, find: () => ({}) };
const withParts = (over: object) => providerBench(providerFrom({ ...good, ...over }));
const boom = (error: unknown = new Error('boom')) => ({
  now: () => {
    throw error;
  },
  later: () => Promise.reject(error),
});

describe('providerFrom: what goes wrong', () => {
  const job = jobSpec('/');

  it.each(['now', 'later'] as const)('a submission that throws %s leaves open whether there is a job', async (when) => {
    const on = withParts({ submit: boom()[when] });
    expect(await on.ask({ type: 'jobs.submit', job })).toMatchObject({ type: 'jobs.failed', message: 'boom' });
    await on.close();
  });

  it.each(['now', 'later'] as const)('a submission that is refused %s was not made, for sure', async (when) => {
    const on = withParts({ submit: boom(new SubmitRefusedError('no such partition'))[when] });
    expect(await on.ask({ type: 'jobs.submit', job })).toMatchObject({ type: 'jobs.refused', message: 'no such partition' });
    await on.close();
  });

  it.each([
    ['jobs.status', { type: 'jobs.status', jobIds: ['j1'] }, 'status'],
    ['jobs.cancel', { type: 'jobs.cancel', jobIds: ['j1'] }, 'cancel'],
    ['jobs.find', { type: 'jobs.find', names: ['n'] }, 'find'],
  ] as const)('%s that throws has failed, refused or not', async (_, request, part) => {
    for (const fail of [boom(), boom(new SubmitRefusedError('boom'))])
      for (const when of ['now', 'later'] as const) {
        const on = withParts({ [part]: fail[when] });
        expect(await on.ask(request)).toMatchObject({ type: 'jobs.failed', message: 'boom' });
        await on.close();
      }
  });

  it('says what a command wrote to stderr, as errors of commands have it', async () => {
    const on = withParts({ status: boom(Object.assign(new Error('Command failed: squeue'), { stderr: 'slurm_load_jobs error\n' })).now });
    expect(await on.ask({ type: 'jobs.status', jobIds: ['j1'] })).toMatchObject({
      message: 'Command failed: squeue: slurm_load_jobs error',
    });
    await on.close();
  });

  it.each([undefined, null, '', 7, {}, ['j1'], { jobId: 'j1' }])('an id that is %j is no id', async (id) => {
    const on = withParts({ submit: () => id });
    expect(await on.ask({ type: 'jobs.submit', job })).toMatchObject({
      type: 'jobs.failed',
      message: expect.stringMatching(/^submit\(\) answered/),
    });
    await on.close();
  });

  it.each([undefined, null, 'running', 7, [], new Map()])('statuses that are %j change nothing', async (statuses) => {
    const on = withParts({ status: () => statuses });
    expect(await on.ask({ type: 'jobs.status', jobIds: ['j1'] })).toMatchObject({ type: 'jobs.failed' });
    await on.close();
  });

  it('a status that cannot be read makes that job unknown, and no other', async () => {
    const odd: object = {
      get type() {
        throw new Error('no');
      },
    };
    const statuses = { a: { type: 'known', phase: 'running' }, b: { type: 'known', phase: 'R' }, c: 'gone', d: { type: 'gone' }, e: odd };
    const on = withParts({ status: () => statuses });
    const fact = await on.ask({ type: 'jobs.status', jobIds: ['a', 'b', 'c', 'd', 'e', 'f'] });
    const unknown = { type: 'unknown', message: expect.stringMatching(/^the provider said/) };
    expect(fact).toMatchObject({
      type: 'jobs.known',
      jobs: { a: { type: 'known', phase: 'running' }, b: unknown, c: unknown, d: unknown, e: unknown },
    });
    await on.close();
  });

  it('a search with one wrong answer has failed: a name that is left out would have no job, for sure', async () => {
    const on = withParts({ find: () => ({ a: 'j1', b: 2 }) });
    expect(await on.ask({ type: 'jobs.find', names: ['a', 'b'] })).toMatchObject({ type: 'jobs.failed' });
    expect(await on.find('a')).toEqual({ a: 'j1' });
    await on.close();
  });

  it('answers of what was not asked are left out, long texts are cut, fields that are not ours are dropped', async () => {
    const status = { type: 'gone', evidence: { end: 'failed', stderr: 'ü'.repeat(3000), message: 'x'.repeat(9000), secret: 1 }, more: 1 };
    const on = withParts({ status: () => ({ j1: status, j2: status }), find: () => ({ a: 'j1', c: 'j3' }) });
    const fact = await on.ask({ type: 'jobs.status', jobIds: ['j1'] });
    expect(fact).toEqual({
      type: 'jobs.known',
      requestId: expect.any(String),
      jobs: { j1: { type: 'gone', evidence: { end: 'failed', stderr: 'ü'.repeat(1024), message: `${'x'.repeat(1999)}…` } } },
    });
    expect(await on.find('a', 'b')).toEqual({ a: 'j1' });
    await on.close();
  });

  it('nothing that a function returns or throws escapes: there is one answer, of the protocol', async () => {
    const types = {
      'jobs.submit': 'jobs.submitted',
      'jobs.status': 'jobs.known',
      'jobs.cancel': 'jobs.cancelled',
      'jobs.find': 'jobs.found',
    } as const;
    await fc.assert(
      fc.asyncProperty(
        fc.anything({ withProxy: false, withNullPrototype: true, withMap: true } as never),
        fc.constantFrom('return', 'throw', 'resolve', 'reject'),
        async (value, how) => {
          const hostile = {
            return: () => value,
            throw: () => {
              throw value;
            },
            resolve: () => Promise.resolve(value),
            reject: () => Promise.reject(value),
          }[how];
          const on = withParts({ submit: hostile, status: hostile, cancel: hostile, find: hostile });
          const requests = [
            on.send({ type: 'jobs.submit', job }),
            on.send({ type: 'jobs.status', jobIds: ['j1', '__proto__', ''] }),
            on.send({ type: 'jobs.cancel', jobIds: ['j1'] }),
            on.send({ type: 'jobs.find', names: ['a', 'toString'] }),
          ];
          await nextTurn();
          Object.keys(types).forEach((type, i) => {
            const answers = on.answersTo(requests[i] as string);
            expect(answers).toHaveLength(1);
            expect([types[type as keyof typeof types], 'jobs.failed']).toContain(answers[0]?.type);
            structuredClone(answers);
          });
          await on.close();
        },
      ),
      { numRuns: 150 },
    );
  });

  it('an opening that fails makes every request fail, with the reason', async () => {
    for (const open of [boom(new Error('no route')).now, () => ({}), () => undefined]) {
      const on = providerBench(providerFrom({ kind: 'cloud', open: open as never }));
      expect(await on.ask({ type: 'jobs.submit', job })).toMatchObject({
        type: 'jobs.failed',
        message: expect.stringMatching(/^cloud could not be opened: /),
      });
      await on.close();
    }
  });
});

describe('providerFrom: opening and closing', () => {
  it('passes on what a watch tells, until it is closed, and stops it', async () => {
    const steps: string[] = [];
    let tell: ((jobId: string, status: JobStatus) => void) | undefined;
    const on = withParts({
      watch(teller: typeof tell) {
        tell = teller;
        return () => void steps.push('stopped');
      },
      close: () => void steps.push('closed'),
    });
    tell?.('j1', { type: 'known', phase: 'running' });
    tell?.('j2', 'R' as never);
    tell?.(3 as never, { type: 'known', phase: 'running' });
    const told: ProviderFact[] = [
      { type: 'job.changed', jobId: 'j1', status: { type: 'known', phase: 'running' } },
      { type: 'job.changed', jobId: 'j2', status: { type: 'unknown', message: expect.stringContaining('"R"') as never } },
    ];
    expect(on.facts).toEqual(told);
    await on.close();
    tell?.('j1', { type: 'known', phase: 'held' });
    expect(on.facts).toEqual(told);
    expect(steps).toEqual(['stopped', 'closed']);
  });

  it('answers what is open when it is closed, aborts the signal, and drops what comes later', async () => {
    let settle: (id: string) => void = () => undefined;
    let signal: AbortSignal | undefined;
    const on = providerBench(
      providerFrom({
        kind: 'slow',
        open(context) {
          ({ signal } = context);
          expect(context).toMatchObject({ runId: 'r1', dir: expect.any(String) });
          return { ...(good as ProviderFunctions), submit: () => new Promise((done) => (settle = done)), close: boom().later };
        },
      }),
    );
    const request = on.send({ type: 'jobs.submit', job: jobSpec('/') });
    await nextTurn();
    expect(on.answersTo(request)).toEqual([]);
    const closing = on.close();
    expect(signal?.aborted).toBe(true);
    expect(on.answersTo(request)).toMatchObject([{ type: 'jobs.failed', message: 'slow was closed before it answered' }]);
    expect(await on.ask({ type: 'jobs.find', names: [] })).toMatchObject({ type: 'jobs.failed', message: 'slow is closed' });
    settle('j1');
    await closing;
    await nextTurn();
    expect(on.answersTo(request)).toHaveLength(1);
  });

  it('has traits that can be said in part, and a text for a job that says all of it', () => {
    const { traits, options, render } = providerFrom({ ...good, traits: { pollMs: 60_000, submitsPerSecond: 1 } });
    expect(traits).toEqual({ pollMs: 60_000, batch: 50, isLocal: false, submitsPerSecond: 1 });
    expect(options).toEqual({});
    expect(
      render({
        ...jobSpec('/w'),
        name: 'n',
        argv: ['a b', "c'd"],
        env: { K: 'v w' },
        nodes: 2,
        walltimeMs: 1000,
        stdout: '/o',
        stderr: '/e',
      }),
    ).toBe(`#!/bin/bash\n# n: 2 nodes, at most 1 s\ncd '/w' || exit\nexport K='v w'\nexec 'a b' 'c'\\''d' >> '/o' 2>> '/e'\n`);
    expect(providerFrom({ ...good, render: ({ name }) => `#BATCH ${name}` }).render({ ...jobSpec('/'), name: 'n' })).toBe('#BATCH n');
  });

  it.each([
    [{ kind: '' }, 'kind'],
    [{ submit: undefined }, 'submit'],
    [{ find: 'x' }, 'find'],
    [{ watch: 1 }, 'watch'],
    [{ traits: { pollMs: -1 } }, 'traits.pollMs'],
    [{ traits: { poll: 1 } }, 'traits.poll'],
  ])('refuses %o', (over, field) => {
    expect(() => providerFrom({ ...good, ...over } as never)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG', field }));
  });
});
