/**
 * A batch system on a simulated clock of which anything may go wrong: requests are carried out late or never, answers
 * are late, lost, repeated, or failures. It keeps the truth, and the one promise of the port that a driver can build
 * on: a name is only said to have no job when no submission of it is under way.
 */
import * as fc from 'fast-check';

import type { JobStatus } from '../../src/machines/model/blocks.ts';
import type { OpenProvider, Provider, ProviderFact, ProviderHost, ProviderRequest, ProviderTraits } from '../../src/providers/port.ts';
import type { Clock } from '../../src/actors/timers.ts';

/** What becomes of one request. */
export interface Trouble {
  /** It is carried out. */
  readonly acts: boolean;
  /** After so long. */
  readonly actMs: number;
  readonly answer: 'ok' | 'failed' | 'lost' | 'twice';
  /** So long after it was carried out. */
  readonly answerMs: number;
  /** Of a status: it could not say. */
  readonly unknown: boolean;
}
export const noTrouble: Trouble = { acts: true, actMs: 0, answer: 'ok', answerMs: 10, unknown: false };

const delay = fc.oneof({ weight: 3, arbitrary: fc.nat(50) }, fc.nat(15_000));
export const trouble: fc.Arbitrary<Trouble> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(noTrouble) },
  {
    weight: 1,
    arbitrary: fc.record({
      acts: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.constant(false)),
      actMs: delay,
      answer: fc.constantFrom('ok', 'ok', 'failed', 'lost', 'twice'),
      answerMs: delay,
      unknown: fc.boolean(),
    }),
  },
);

interface Job {
  readonly jobId: string;
  readonly name: string;
  status: JobStatus;
}

export interface FaultyBatch extends Provider {
  /** What goes wrong with the next requests; then all is well. */
  readonly troubles: Trouble[];
  readonly jobs: readonly Job[];
  /** Jobs that are not gone. */
  readonly live: readonly Job[];
  /** When submissions were sent. */
  readonly submittedAtMs: readonly number[];
  /** Changes a job that is not gone, and tells of it if this provider does. */
  become(jobId: string, status: JobStatus): void;
}

export function faultyBatch(clock: Clock, traits: Partial<ProviderTraits> = {}): FaultyBatch {
  const jobs = new Map<string, Job>();
  const underWay = new Map<string, number>();
  const troubles: Trouble[] = [];
  const submittedAtMs: number[] = [];
  let host: ProviderHost | undefined;
  let count = 0;
  const all: ProviderTraits = { pollMs: 2000, batch: 3, isLocal: false, ...traits };

  function become(jobId: string, status: JobStatus): void {
    const job = jobs.get(jobId);
    if (job === undefined || job.status.type === 'gone') return;
    job.status = status;
    if (all.pollMs === 0) later(10, () => host?.tell({ type: 'job.changed', jobId, status }));
  }
  const later = (ms: number, fn: () => void): void => void clock.setTimeout(fn, ms);

  /** Carries a request out, or does not; and the answer that is the truth. */
  function carryOut(request: ProviderRequest, { acts, unknown }: Trouble): ProviderFact {
    const { requestId } = request;
    switch (request.type) {
      case 'jobs.submit': {
        const { name } = request.job;
        underWay.set(name, (underWay.get(name) ?? 1) - 1);
        if (!acts) return { type: 'jobs.refused', requestId, message: 'refused' };
        const jobId = `j${++count}`;
        jobs.set(jobId, { jobId, name, status: { type: 'known', phase: 'pending' } });
        return { type: 'jobs.submitted', requestId, jobId };
      }
      case 'jobs.status':
        return {
          type: 'jobs.known',
          requestId,
          jobs: Object.fromEntries(
            request.jobIds.flatMap((jobId): [string, JobStatus][] => {
              const job = jobs.get(jobId);
              if (unknown || job === undefined) return acts ? [] : [[jobId, { type: 'unknown', message: 'cannot say' }]];
              return [[jobId, job.status]];
            }),
          ),
        };
      case 'jobs.cancel':
        if (acts) for (const jobId of request.jobIds) become(jobId, { type: 'gone', evidence: { end: 'cancelled' } });
        return { type: 'jobs.cancelled', requestId };
      case 'jobs.find': {
        if (request.names.some((name) => (underWay.get(name) ?? 0) > 0))
          return { type: 'jobs.failed', requestId, message: 'a submission is under way' };
        const named = [...jobs.values()].filter(({ name }) => request.names.includes(name));
        return { type: 'jobs.found', requestId, jobs: Object.fromEntries(named.map(({ name, jobId }) => [name, jobId])) };
      }
    }
  }

  return {
    kind: 'faulty',
    options: {},
    traits: all,
    render: () => '',
    open(opened): OpenProvider {
      host = opened;
      return {
        send(request) {
          const plan = troubles.shift() ?? noTrouble;
          if (request.type === 'jobs.submit') {
            submittedAtMs.push(clock.now());
            underWay.set(request.job.name, (underWay.get(request.job.name) ?? 0) + 1);
          }
          const told = (fact: ProviderFact): void => {
            if (plan.answer === 'lost') return;
            later(plan.answerMs, () => {
              host?.tell(
                plan.answer === 'failed' ? { type: 'jobs.failed', requestId: request.requestId, message: 'the command has failed' } : fact,
              );
              if (plan.answer === 'twice') host?.tell(fact);
            });
          };
          later(plan.actMs, () => told(carryOut(request, plan)));
        },
        async close() {
          host = undefined;
        },
      };
    },
    troubles,
    get jobs() {
      return [...jobs.values()];
    },
    get live() {
      return [...jobs.values()].filter(({ status }) => status.type !== 'gone');
    },
    submittedAtMs,
    become,
  };
}
