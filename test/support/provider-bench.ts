/** Opens a provider the way an executor does, without one: sends requests and waits for the facts that answer them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { JobEnd, JobSpec, JobStatus, OpenProvider, Provider, ProviderFact, ProviderRequest } from '../../src/providers/port.ts';

type Answer = Exclude<ProviderFact, { type: 'job.changed' }>;
type Answered<T extends Answer['type']> = Extract<Answer, { type: T }>;
/** A request without its id. */
type Asked = ProviderRequest extends infer R ? (R extends ProviderRequest ? Omit<R, 'requestId'> : never) : never;

export interface ProviderBench {
  readonly opened: OpenProvider;
  readonly facts: readonly ProviderFact[];
  /** Facts with this id. */
  answersTo(requestId: string): readonly Answer[];
  /** Sends, and gives the id. */
  send(request: Asked): string;
  /** Sends, and waits for the answer. */
  ask(request: Asked): Promise<Answer>;
  submit(spec: JobSpec): Promise<string>;
  /** Of one job; `undefined` when the answer leaves it out. */
  status(jobId: string): Promise<JobStatus | undefined>;
  cancel(...jobIds: readonly string[]): Promise<Answered<'jobs.cancelled'>>;
  find(...names: readonly string[]): Promise<Readonly<Record<string, string>>>;
  /** How a job has ended; waits for it, told or asked. */
  ended(jobId: string): Promise<JobEnd>;
  /** Waits for what is told unasked. */
  changed(jobId: string): Promise<JobStatus>;
  close(): Promise<void>;
}

let count = 0;

export function providerBench(
  provider: Provider,
  { runId = 'r1', drop = () => false }: { runId?: string; drop?: (fact: ProviderFact) => boolean } = {},
): ProviderBench {
  const dir = mkdtempSync(join(tmpdir(), 'troupe-provider-'));
  const facts: ProviderFact[] = [];
  const waiting = new Set<() => void>();
  const opened = provider.open({
    runId,
    dir,
    tell(fact) {
      if (drop(fact)) return;
      facts.push(fact);
      for (const look of waiting) look();
    },
  });

  const until = <T>(find: () => T | undefined): Promise<T> =>
    new Promise((settle) => {
      const look = (): void => {
        const found = find();
        if (found === undefined) return;
        waiting.delete(look);
        settle(found);
      };
      waiting.add(look);
      look();
    });
  const answersTo = (requestId: string): Answer[] =>
    facts.filter((fact): fact is Answer => fact.type !== 'job.changed' && fact.requestId === requestId);

  function send(request: Asked): string {
    const requestId = `q${++count}`;
    opened.send({ ...request, requestId });
    return requestId;
  }
  const ask = (request: Asked): Promise<Answer> => {
    const requestId = send(request);
    return until(() => answersTo(requestId)[0]);
  };
  async function asked<T extends Answer['type']>(type: T, request: Asked): Promise<Answered<T>> {
    const fact = await ask(request);
    if (fact.type === type) return fact as Answered<T>;
    throw new Error(`${request.type} was answered by ${JSON.stringify(fact)}`);
  }
  const status = async (jobId: string): Promise<JobStatus | undefined> =>
    (await asked('jobs.known', { type: 'jobs.status', jobIds: [jobId] })).jobs[jobId];
  const told = (jobId: string): JobStatus | undefined =>
    facts.findLast((fact): fact is Extract<ProviderFact, { type: 'job.changed' }> => fact.type === 'job.changed' && fact.jobId === jobId)
      ?.status;

  return {
    opened,
    facts,
    answersTo,
    send,
    ask,
    submit: async (job) => (await asked('jobs.submitted', { type: 'jobs.submit', job })).jobId,
    status,
    cancel: (...jobIds) => asked('jobs.cancelled', { type: 'jobs.cancel', jobIds }),
    find: async (...names) => (await asked('jobs.found', { type: 'jobs.find', names })).jobs,
    async ended(jobId) {
      for (;;) {
        const now = told(jobId) ?? (await status(jobId));
        if (now?.type === 'gone') return now.evidence;
        await nextTurn();
      }
    },
    changed: (jobId) => until(() => told(jobId)),
    async close() {
      await opened.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A job with a name that no other has, whose streams go to files in a folder. */
export function jobSpec(dir: string, over: Partial<JobSpec> = {}): JobSpec {
  const name = `troupe-${process.pid}-${Date.now().toString(36)}-${++count}`;
  return {
    blockId: 'b1',
    name,
    nodes: 1,
    walltimeMs: undefined,
    argv: ['sleep', '1000'],
    env: {},
    workDir: dir,
    stdout: join(dir, `${name}.out`),
    stderr: join(dir, `${name}.err`),
    ...over,
  };
}
