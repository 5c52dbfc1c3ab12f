/**
 * Submissions of one provider: they wait for the breaker and the rate limit, go out once, and are answered for sure.
 * When the outcome of one is not known its job is looked for by name until the provider is certain: it is never
 * submitted again.
 */
import { backOffMs, jittered } from '../../machines/model/back-off.ts';
import { ring } from '../../machines/model/ring.ts';
import type { JobSpec } from '../../providers/port.ts';
import type { Clock, Timers } from '../timers.ts';
import type { Found } from './finds.ts';
import type { Requests } from './requests.ts';

/** How a submission has ended, for sure. */
export type Submitted = { readonly type: 'submitted'; readonly jobId: string } | { readonly type: 'refused'; readonly message: string };

export interface SubmissionsHost {
  readonly ask: Requests['send'];
  readonly clock: Clock;
  readonly timers: Timers;
  readonly prefix: string;
  readonly random: () => number;
  readonly perSecond: number | undefined;
  /** A request may be sent now. */
  mayAsk(): boolean;
  find(name: string, done: (found: Found) => void): void;
  /** Try again to send: the rate allows it now. */
  wake(): void;
  /** A job that nobody wants: its submission was refused for sure, and came about all the same. */
  onOrphan(name: string, jobId: string): void;
  note(type: string, data: Readonly<Record<string, unknown>>): void;
}

export interface Submissions {
  submit(job: JobSpec, done: (outcome: Submitted) => void): void;
  /** Takes back what has not been sent; it is answered as refused. */
  withdraw(name: string): void;
  /** Sends what may be sent now. @param most - Submissions. */
  flush(most: number): number;
  late(requestId: string, jobId: string): void;
  /** Waiting to be sent, and sent with an outcome that is not known. */
  readonly size: number;
  close(): void;
}

interface Waiting {
  readonly job: JobSpec;
  readonly done: (outcome: Submitted) => void;
}

const findBackOff = { firstMs: 1000, mostMs: 60_000 };
/** Submissions that were looked for in vain, of which a late answer is still understood. */
const MAX_ABSENT = 1000;

export function submissions(host: SubmissionsHost): Submissions {
  const { ask, clock, timers, prefix, random, perSecond } = host;
  let waiting: Waiting[] = [];
  let open = 0;
  let isClosed = false;
  const absent = ring<string>(MAX_ABSENT);
  const limit = perSecond === undefined ? undefined : rateLimit(perSecond);

  function send({ job, done }: Waiting): void {
    open++;
    const settle = (outcome: Submitted): void => {
      open--;
      done(outcome);
    };
    ask('jobs.submit', { job }, (answer) => {
      if (answer.type === 'jobs.submitted') settle({ type: 'submitted', jobId: answer.jobId });
      else if (answer.type === 'jobs.refused') settle({ type: 'refused', message: answer.message });
      else {
        host.note('job.unresolved', { blockId: job.blockId, jobName: job.name, message: answer.message });
        look({ job, done: settle }, answer.message, answer.requestId, 0);
      }
    });
  }

  function look({ job, done }: Waiting, message: string, requestId: string, attempt: number): void {
    // not at once: what was given up may be about to come about
    timers.start(`${prefix}/find/${job.name}`, jittered(backOffMs(attempt, findBackOff), random()), () =>
      host.find(job.name, (found) => {
        if (isClosed) return;
        if (found.type === 'failed') {
          look({ job, done }, message, requestId, attempt + 1);
          return;
        }
        const jobId = found.jobs[job.name];
        if (jobId !== undefined) {
          done({ type: 'submitted', jobId });
          return;
        }
        absent.set(requestId, job.name);
        done({ type: 'refused', message });
      }),
    );
  }

  return {
    submit(job, done) {
      waiting.push({ job, done });
    },
    withdraw(name) {
      const withdrawn = waiting.filter(({ job }) => job.name === name);
      waiting = waiting.filter(({ job }) => job.name !== name);
      for (const { done } of withdrawn) done({ type: 'refused', message: 'withdrawn before it was sent' });
    },
    flush(most) {
      let sent = 0;
      while (sent < most && waiting.length > 0 && host.mayAsk()) {
        const waitMs = limit?.(clock.now()) ?? 0;
        if (waitMs > 0) {
          timers.start(`${prefix}/rate`, waitMs, host.wake);
          break;
        }
        sent++;
        send(waiting.shift() as Waiting);
      }
      return sent;
    },
    late(requestId, jobId) {
      const name = absent.get(requestId);
      if (name !== undefined) host.onOrphan(name, jobId);
    },
    get size() {
      return waiting.length + open;
    },
    close() {
      isClosed = true;
      timers.cancel(`${prefix}/rate`);
      waiting = [];
    },
  };
}

/** Takes one of a second's places; or says for how long there is none. Exact over any window. */
function rateLimit(perSecond: number): (nowMs: number) => number {
  const places = Math.max(1, Math.floor(perSecond));
  const windowMs = perSecond < 1 ? 1000 / perSecond : 1000;
  const taken: number[] = [];
  return (nowMs) => {
    while ((taken[0] ?? Number.POSITIVE_INFINITY) <= nowMs - windowMs) taken.shift();
    if (taken.length >= places) return (taken[0] as number) + windowMs - nowMs;
    taken.push(nowMs);
    return 0;
  };
}
