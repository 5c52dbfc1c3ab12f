/**
 * A provider that starts nothing: the test says what becomes of each job, and which requests go wrong. Requests are
 * answered in the next microtask, unless they are to be held.
 *
 *     const provider = fakeProvider();
 *     provider.fault('submit', 'lost');          // the next one: submitted, and no answer
 *     …
 *     const { jobId } = provider.take();         // the one job that is not over
 *     provider.run(jobId);
 *     provider.end(jobId, { end: 'failed', exitCode: 1 });
 *     provider.expectNothingElse();              // no job is left, nothing is held
 */
import type {
  JobEnd,
  JobSpec,
  JobStatus,
  OpenProvider,
  Provider,
  ProviderFact,
  ProviderHost,
  ProviderRequest,
  ProviderTraits,
} from '../../src/providers/port.ts';

/** What may go wrong with a request. */
export type ProviderFault =
  /** `jobs.failed`, and nothing was done. */
  | 'failed'
  /** Done, and `jobs.failed` all the same. */
  | 'failedLate'
  /** `jobs.refused`: for submissions. */
  | 'refused'
  /** Nothing was done, and no answer comes. */
  | 'silent'
  /** Done, and no answer comes. */
  | 'lost'
  /** Kept until `answerHeld()`. */
  | 'held'
  /** Answered twice. */
  | 'twice'
  /** An answer to nothing that was asked, and then none. */
  | 'misaddressed'
  /** Of a status or a search: an empty answer. */
  | 'empty';

export type Verb = 'submit' | 'status' | 'cancel' | 'find';

export interface FakeJob {
  readonly jobId: string;
  readonly spec: JobSpec;
  readonly status: JobStatus;
}

export interface FakeProviderOptions {
  readonly kind?: string;
  readonly traits?: Partial<ProviderTraits>;
  /** State of a job that was just submitted. @defaultValue pending */
  readonly phase?: 'pending' | 'held' | 'running';
  /** What becomes of a job at once; `undefined` leaves it to the test. */
  readonly becomes?: (spec: JobSpec) => JobEnd | undefined;
  /** Whether cancelling ends a job at once. @defaultValue true */
  readonly cancels?: boolean;
  /** Whether changes are told unasked. @defaultValue true */
  readonly tells?: boolean;
}

export interface FakeProvider extends Provider {
  /** Every request, oldest first. */
  readonly requests: readonly ProviderRequest[];
  /** Every job there ever was, oldest first. */
  readonly jobs: readonly FakeJob[];
  /** Jobs that are not over. */
  readonly live: readonly FakeJob[];
  readonly isOpen: boolean;
  /** The next `times` requests of a kind go wrong; faults queue up. */
  fault(verb: Verb, fault: ProviderFault, times?: number): void;
  /** Answers what is held, oldest first. */
  answerHeld(): void;
  hold(jobId: string): void;
  run(jobId: string): void;
  requeue(jobId: string): void;
  end(jobId: string, evidence?: JobEnd): void;
  /** Any fact: for those that no provider should tell. */
  tell(fact: ProviderFact): void;
  /** The one job that is not over. @throws Error when there is none, or more. */
  take(): FakeJob;
  /** @throws Error when a job is not over, a request is held, or a fault was not used. */
  expectNothingElse(): void;
}

const verbs: { readonly [K in ProviderRequest['type']]: Verb } = {
  'jobs.submit': 'submit',
  'jobs.status': 'status',
  'jobs.cancel': 'cancel',
  'jobs.find': 'find',
};

export function fakeProvider({
  kind = 'fake',
  traits,
  phase = 'pending',
  becomes = () => undefined,
  cancels = true,
  tells = true,
}: FakeProviderOptions = {}): FakeProvider {
  const jobs = new Map<string, { -readonly [K in keyof FakeJob]: FakeJob[K] }>();
  const requests: ProviderRequest[] = [];
  const held: ProviderRequest[] = [];
  const faults: Record<Verb, ProviderFault[]> = { submit: [], status: [], cancel: [], find: [] };
  const hosts = new Set<ProviderHost>();
  let count = 0;

  const tell = (fact: ProviderFact): void => {
    for (const host of hosts) host.tell(fact);
  };
  function become(jobId: string, status: JobStatus): void {
    const job = jobs.get(jobId);
    if (job === undefined) throw new Error(`there is no job ${jobId}; there are ${[...jobs.keys()].join(', ') || 'none'}`);
    if (job.status.type === 'gone') throw new Error(`${jobId} has ended`);
    job.status = status;
    if (tells) tell({ type: 'job.changed', jobId, status });
  }
  const known = (of: 'pending' | 'held' | 'running'): JobStatus => ({ type: 'known', phase: of });
  const live = (): FakeJob[] => [...jobs.values()].filter(({ status }) => status.type !== 'gone');

  /** Does what is asked, and says what is to be answered. */
  const does: { readonly [K in ProviderRequest['type']]: (request: Extract<ProviderRequest, { type: K }>) => ProviderFact } = {
    'jobs.submit'({ requestId, job }) {
      const jobId = `j${++count}`;
      jobs.set(jobId, { jobId, spec: job, status: known(phase) });
      const evidence = becomes(job);
      // after the answer
      if (evidence !== undefined) queueMicrotask(() => queueMicrotask(() => become(jobId, { type: 'gone', evidence })));
      return { type: 'jobs.submitted', requestId, jobId };
    },
    'jobs.status': ({ requestId, jobIds }) => ({
      type: 'jobs.known',
      requestId,
      jobs: Object.fromEntries(jobIds.flatMap((jobId) => (jobs.has(jobId) ? [[jobId, jobs.get(jobId)?.status as JobStatus]] : []))),
    }),
    'jobs.cancel'({ requestId, jobIds }) {
      for (const jobId of cancels ? jobIds : [])
        if (jobs.get(jobId)?.status.type === 'known') become(jobId, { type: 'gone', evidence: { end: 'cancelled' } });
      return { type: 'jobs.cancelled', requestId };
    },
    'jobs.find': ({ requestId, names }) => ({
      type: 'jobs.found',
      requestId,
      jobs: Object.fromEntries(
        [...jobs.values()].filter(({ spec }) => names.includes(spec.name)).map(({ jobId, spec }) => [spec.name, jobId]),
      ),
    }),
  };
  const carryOut = (request: ProviderRequest): ProviderFact => does[request.type](request as never);
  const wentWrong = ({ requestId }: ProviderRequest, message: string): ProviderFact => ({ type: 'jobs.failed', requestId, message });

  const goesWrong: { readonly [K in ProviderFault]: (request: ProviderRequest) => readonly ProviderFact[] } = {
    failed: (request) => [wentWrong(request, 'the batch system is not there')],
    failedLate(request) {
      carryOut(request);
      return [wentWrong(request, 'the batch system went away')];
    },
    refused: ({ requestId }) => [{ type: 'jobs.refused', requestId, message: 'no such partition' }],
    silent: () => [],
    lost(request) {
      carryOut(request);
      return [];
    },
    held(request) {
      held.push(request);
      return [];
    },
    twice(request) {
      const fact = carryOut(request);
      return [fact, fact];
    },
    misaddressed: () => [{ type: 'jobs.cancelled', requestId: 'nobody-asked' }],
    empty: ({ type, requestId }) => [{ type: type === 'jobs.find' ? 'jobs.found' : 'jobs.known', requestId, jobs: {} }],
  };

  return {
    kind,
    options: {},
    traits: { pollMs: 0, batch: 50, isLocal: true, ...traits },
    render: ({ name, argv }) => `${name}: ${argv.join(' ')}\n`,
    open(host): OpenProvider {
      hosts.add(host);
      return {
        send(request) {
          requests.push(request);
          const fault = faults[verbs[request.type]].shift();
          const facts = fault === undefined ? [carryOut(request)] : goesWrong[fault](request);
          queueMicrotask(() => {
            if (hosts.has(host)) for (const fact of facts) host.tell(fact);
          });
        },
        async close() {
          hosts.delete(host);
        },
      };
    },
    requests,
    get jobs() {
      return [...jobs.values()];
    },
    get live() {
      return live();
    },
    get isOpen() {
      return hosts.size > 0;
    },
    fault(verb, fault, times = 1) {
      for (let i = 0; i < times; i++) faults[verb].push(fault);
    },
    answerHeld() {
      for (const request of held.splice(0)) tell(carryOut(request));
    },
    hold: (jobId) => become(jobId, known('held')),
    run: (jobId) => become(jobId, known('running')),
    requeue: (jobId) => become(jobId, known('pending')),
    end: (jobId, evidence = { end: 'completed', exitCode: 0 }) => become(jobId, { type: 'gone', evidence }),
    tell,
    take() {
      const [first, ...rest] = live();
      if (first === undefined || rest.length > 0) throw new Error(`one job was expected, there are ${live().length}: ${describe(live())}`);
      return first;
    },
    expectNothingElse() {
      if (live().length > 0) throw new Error(`no job was expected: ${describe(live())}`);
      if (held.length > 0) throw new Error(`no request was expected to be held: ${held.map(({ type }) => type).join(', ')}`);
      const left = Object.entries(faults).filter(([, queue]) => queue.length > 0);
      if (left.length > 0)
        throw new Error(`faults that were not used: ${left.map(([verb, queue]) => `${verb} ${queue.join(' ')}`).join('; ')}`);
    },
  };
}

const describe = (jobs: readonly FakeJob[]): string => jobs.map(({ jobId, spec }) => `${jobId} (${spec.name})`).join(', ') || 'none';
