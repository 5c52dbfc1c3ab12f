/**
 * Requests to one open provider that are not answered yet. Each is answered exactly once to whoever has sent it: by
 * the fact with its id, or as failed when that takes too long or the provider throws. Everything else that a
 * provider says in answer is late, unexpected or unreadable: a note, which changes nothing.
 */
import { messageOf } from '../../machines/model/failures.ts';
import type { OpenProvider, ProviderFact, ProviderRequest } from '../../providers/port.ts';
import type { Timers } from '../timers.ts';
import { readFact } from './facts.ts';

type RequestType = ProviderRequest['type'];
type Answer = Exclude<ProviderFact, { readonly type: 'job.changed' }>;
type Changed = Extract<ProviderFact, { readonly type: 'job.changed' }>;
type Failed = Extract<ProviderFact, { readonly type: 'jobs.failed' }>;
/** What answers a request of a type. */
interface Answers {
  'jobs.submit': Extract<ProviderFact, { readonly type: 'jobs.submitted' | 'jobs.refused' }>;
  'jobs.status': Extract<ProviderFact, { readonly type: 'jobs.known' }>;
  'jobs.cancel': Extract<ProviderFact, { readonly type: 'jobs.cancelled' }>;
  'jobs.find': Extract<ProviderFact, { readonly type: 'jobs.found' }>;
}
const expected = {
  'jobs.submit': ['jobs.submitted', 'jobs.refused'],
  'jobs.status': ['jobs.known'],
  'jobs.cancel': ['jobs.cancelled'],
  'jobs.find': ['jobs.found'],
} as const satisfies { readonly [T in RequestType]: readonly Answers[T]['type'][] };

type Body<T extends RequestType> = Omit<Extract<ProviderRequest, { readonly type: T }>, 'type' | 'requestId'>;

export interface RequestsHost {
  /** Why it cannot be asked anything, when it is not open. */
  readonly provider: () => OpenProvider | string;
  readonly timers: Timers;
  /** Of timers: unique. */
  readonly prefix: string;
  readonly timeoutMs: number;
  onChanged(changed: Changed): void;
  /** A submission that was given up was answered after all. */
  onLate(requestId: string, jobId: string): void;
  note(type: string, data: Readonly<Record<string, unknown>>): void;
}

export interface Requests {
  /** `done` may be called before this returns. */
  send<T extends RequestType>(type: T, body: Body<T>, done: (answer: Answers[T] | Failed) => void): void;
  /** Takes whatever the provider says. Never throws. */
  tell(said: unknown): void;
  readonly size: number;
  close(): void;
}

interface Waiting {
  readonly type: RequestType;
  readonly done: (answer: Answer) => void;
}

export function requests({ provider, timers, prefix, timeoutMs, onChanged, onLate, note }: RequestsHost): Requests {
  const waiting = new Map<string, Waiting>();
  let isClosed = false;
  let sent = 0;

  function settle(answer: Answer): void {
    const request = waiting.get(answer.requestId);
    waiting.delete(answer.requestId);
    timers.cancel(`${prefix}/${answer.requestId}`);
    request?.done(answer);
  }

  function take(answer: Answer): void {
    const request = waiting.get(answer.requestId);
    if (request === undefined) {
      note('provider.late', { requestId: answer.requestId, fact: answer.type });
      if (answer.type === 'jobs.submitted') onLate(answer.requestId, answer.jobId);
    } else if (answer.type === 'jobs.failed' || (expected[request.type] as readonly string[]).includes(answer.type)) settle(answer);
    else note('provider.unexpected', { requestId: answer.requestId, request: request.type, fact: answer.type });
  }

  return {
    send(type, body, done) {
      const requestId = `r${++sent}`;
      const failed = (message: string): void => settle({ type: 'jobs.failed', requestId, message });
      waiting.set(requestId, { type, done: done as Waiting['done'] });
      const open = provider();
      if (typeof open === 'string') {
        failed(open);
        return;
      }
      timers.start(`${prefix}/${requestId}`, timeoutMs, () => failed(`no answer within ${timeoutMs} ms`));
      try {
        open.send({ type, requestId, ...body } as unknown as ProviderRequest);
      } catch (error) {
        failed(messageOf(error));
      }
    },
    tell(said) {
      if (isClosed) return;
      const read = readFact(said);
      if ('wrong' in read) note('provider.unreadable', { wrong: read.wrong });
      else if (read.fact.type === 'job.changed') onChanged(read.fact);
      else take(read.fact);
    },
    get size() {
      return waiting.size;
    },
    close() {
      isClosed = true;
      for (const requestId of waiting.keys()) timers.cancel(`${prefix}/${requestId}`);
      waiting.clear();
    },
  };
}
