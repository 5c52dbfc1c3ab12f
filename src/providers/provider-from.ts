/**
 * Makes a provider of plain functions: what third parties write. It answers every request once, by its id, and lets
 * nothing through that is not of the protocol, so that an adapter can be careless and the driver unharmed.
 */
import { z } from 'zod';

import { checked } from '../machines/model/checked.ts';
import { quote, tailOf } from '../machines/model/command.ts';
import { TroupeError } from '../machines/model/errors.ts';
import { messageOf } from '../machines/model/failures.ts';
import { lazy } from '../machines/model/lazy.ts';
import type { JobSpec, JobStatus, OpenProvider, Provider, ProviderFact, ProviderHost, ProviderRequest, ProviderTraits } from './port.ts';

type Eventual<T> = T | PromiseLike<T>;

/** What a provider does. Each may be asked while another is under way, and again before it has answered. */
export interface ProviderFunctions {
  /**
   * Submits a job, and gives the id that the batch system knows it by.
   *
   * @throws SubmitRefusedError when it was not submitted, for sure. After any other error there may be a job, and
   * `find` is asked for its name.
   */
  submit(job: JobSpec): Eventual<string>;
  /** Job id → status. A job that is left out is unknown: this changes nothing. Say `gone` only with evidence. */
  status(jobIds: readonly string[]): Eventual<Readonly<Record<string, JobStatus>>>;
  /** Sees to it that the jobs end. One that has ended, or was never there, is no error. */
  cancel(jobIds: readonly string[]): Eventual<void>;
  /** Name → job id. A name that is left out has no job, for sure; where that cannot be said, throw. */
  find(names: readonly string[]): Eventual<Readonly<Record<string, string>>>;
  /** Tells of changes unasked, until what it returns is called. */
  watch?(tell: (jobId: string, status: JobStatus) => void): () => Eventual<void>;
  /** Lets go of connections and the like. Jobs go on. */
  close?(): Eventual<void>;
}

/** What one opening of a provider is given. */
export interface ProviderContext {
  readonly runId: string;
  /** Folder for scripts and logs; exists. */
  readonly dir: string;
  /** Aborts when the provider is closed: give it to `fetch` and to the commands of a batch system. */
  readonly signal: AbortSignal;
}

/** What a provider is, apart from what it does. */
export interface ProviderDescription {
  /** `slurm`, `our-cloud`, … */
  readonly kind: string;
  /** Its options as plain data, from which a registry can build it again. @defaultValue `{}` */
  readonly options?: Readonly<Record<string, unknown>>;
  /** @defaultValue asked every 10 s, 50 jobs at once, on other machines */
  readonly traits?: Partial<ProviderTraits>;
  /** The text that `submit` would hand to the batch system. @defaultValue a shell script with the same meaning */
  render?(job: JobSpec): string;
}

/** The functions themselves, or `open`, which makes them for one opening: with a connection, with state of their own. */
export type ProviderParts = ProviderDescription & (ProviderFunctions | { readonly open: (context: ProviderContext) => ProviderFunctions });

/**
 * Lifts functions into the event protocol of providers.
 *
 * - What `submit` throws is `jobs.failed`, outcome unknown, unless it is a `SubmitRefusedError`: then `jobs.refused`.
 * - What the others throw, and an answer that is not of its type, is `jobs.failed` and changes nothing. Within a good
 *   answer of `status`, what cannot be read of one job makes that job unknown, and no other.
 * - A promise that never settles is the caller's time-out; `close` answers what is open with `jobs.failed`.
 *
 * @throws ConfigError when a part is missing or has the wrong type.
 * @example
 * const provider = providerFrom({
 *   kind: 'our-queue',
 *   submit: async ({ name, argv }) => (await queue.post('/jobs', { name, argv })).id,
 *   status: async (ids) => Object.fromEntries((await queue.get('/jobs', { ids })).map((job) => [job.id, statusOf(job)])),
 *   cancel: async (ids) => void (await queue.delete('/jobs', { ids })),
 *   find: async (names) => Object.fromEntries((await queue.get('/jobs', { names })).map((job) => [job.name, job.id])),
 * });
 */
export function providerFrom(parts: ProviderParts): Provider {
  checked(schemas().parts as never, parts, 'providerFrom');
  const { kind, options = {}, traits } = parts;
  if (!('open' in parts)) checked(schemas().functions as never, parts, 'providerFrom');
  return {
    kind,
    options,
    traits: { pollMs: 10_000, batch: 50, isLocal: false, ...traits },
    render: (job) => (parts.render ?? scriptOf)(job),
    open: (host) => opened(parts, host),
  };
}

function opened(parts: ProviderParts, host: ProviderHost): OpenProvider {
  const closing = new AbortController();
  const unanswered = new Map<string, ProviderRequest>();
  let closed: Promise<void> | undefined;
  let isClosed = false;

  /** Once a request: what comes later, or after the end, is dropped. */
  function answer(request: ProviderRequest, fact: ProviderFact): void {
    if (unanswered.get(request.requestId) !== request) return;
    unanswered.delete(request.requestId);
    host.tell(fact);
  }

  const context: ProviderContext = { runId: host.runId, dir: host.dir, signal: closing.signal };
  const stop = { watch: (): Eventual<void> => undefined };
  /** Or why there are none: every request says so. */
  let functions: ProviderFunctions | Error;
  try {
    functions =
      'open' in parts ? checked<ProviderFunctions>(schemas().functions as never, parts.open(context), `${parts.kind}: open()`) : parts;
    stop.watch =
      functions.watch?.((jobId, status) => {
        if (typeof jobId === 'string' && !closing.signal.aborted) host.tell({ type: 'job.changed', jobId, status: statusFrom(status) });
      }) ?? stop.watch;
  } catch (cause) {
    functions = new Error(`${parts.kind} could not be opened: ${messageOf(cause)}`, { cause });
  }

  async function carryOut(request: ProviderRequest): Promise<void> {
    const { requestId } = request;
    try {
      if (functions instanceof Error) throw functions;
      answer(request, await answers[request.type](request as never, functions));
    } catch (error) {
      const isRefused = request.type === 'jobs.submit' && TroupeError.is(error) && error.code === 'ERR_SUBMIT_REFUSED';
      answer(request, { type: isRefused ? 'jobs.refused' : 'jobs.failed', requestId, message: whatWasSaid(error) });
    }
  }

  return {
    send(request) {
      if (isClosed) return; // nobody listens
      if (closing.signal.aborted) return host.tell(failed(request, `${parts.kind} is closed`));
      unanswered.set(request.requestId, request);
      void carryOut(request);
    },
    close() {
      closed ??= (async () => {
        closing.abort(new Error(`${parts.kind} is closed`));
        for (const request of unanswered.values()) answer(request, failed(request, `${parts.kind} was closed before it answered`));
        const steps = [stop.watch, functions instanceof Error ? undefined : functions.close?.bind(functions)];
        for (const step of steps)
          try {
            await step?.();
          } catch {
            // nobody is left who could be told
          }
        isClosed = true;
      })();
      return closed;
    },
  };
}

const failed = ({ requestId }: ProviderRequest, message: string): ProviderFact => ({ type: 'jobs.failed', requestId, message });

/** Of each request, the fact that answers it. @throws what the function throws, and Error for what it should not have said. */
const answers: {
  readonly [K in ProviderRequest['type']]: (request: Extract<ProviderRequest, { type: K }>, on: ProviderFunctions) => Promise<ProviderFact>;
} = {
  'jobs.submit': async ({ requestId, job }, on) => ({
    type: 'jobs.submitted',
    requestId,
    jobId: said(schemas().jobId, await on.submit(job), 'submit()', 'the id of the job'),
  }),
  'jobs.status': async ({ requestId, jobIds }, on) => {
    const all = said(schemas().record, await on.status(jobIds), 'status()', 'a record of job ids and statuses');
    return { type: 'jobs.known', requestId, jobs: chosen(jobIds, all, statusFrom) };
  },
  'jobs.cancel': async ({ requestId, jobIds }, on) => {
    await on.cancel(jobIds);
    return { type: 'jobs.cancelled', requestId };
  },
  'jobs.find': async ({ requestId, names }, on) => {
    const all = said(schemas().record, await on.find(names), 'find()', 'a record of names and job ids');
    return { type: 'jobs.found', requestId, jobs: chosen(names, all, (id) => said(schemas().jobId, id, 'find()', 'ids of jobs')) };
  },
};

/** Of what was asked for only, in plain data of our own. */
function chosen<T>(keys: readonly string[], all: Readonly<Record<string, unknown>>, read: (value: unknown) => T): Record<string, T> {
  return Object.fromEntries(
    keys.filter((key) => Object.hasOwn(all, key) && all[key] !== undefined).map((key) => [key, read(all[key])] as const),
  );
}

function statusFrom(value: unknown): JobStatus {
  try {
    const read = schemas().jobStatus.safeParse(value);
    if (read.success) return plain(read.data);
    const [issue] = read.error.issues;
    return { type: 'unknown', message: `the provider said ${show(value)}: ${[...(issue?.path ?? []), issue?.message].join(' ')}` };
  } catch (error) {
    return { type: 'unknown', message: `the provider said what cannot be read: ${messageOf(error)}` };
  }
}

function said<T>(schema: z.ZodType<T>, value: unknown, who: string, what: string): T {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new Error(`${who} answered ${show(value)}, not ${what}`);
}

/** A command that failed says most in what it wrote: as errors of `execFile` and execa have it. */
function whatWasSaid(error: unknown): string {
  const { stderr } = (typeof error === 'object' && error !== null ? error : {}) as { readonly stderr?: unknown };
  const tail = typeof stderr === 'string' ? tailOf(stderr.trim(), 500) : '';
  const message = messageOf(error);
  return tail === '' || message.includes(tail) ? message : `${message}: ${tail}`;
}

function show(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 200);
  } catch {
    return `a ${typeof value}`;
  }
}

/** The job as a shell script: what a batch system would be given, without its own directives. */
export function scriptOf({ name, argv, env, workDir, stdout, stderr, walltimeMs, nodes }: JobSpec): string {
  const walltime = walltimeMs === undefined ? '' : `, at most ${walltimeMs / 1000} s`;
  return [
    '#!/bin/bash',
    `# ${name}: ${nodes} node${nodes === 1 ? '' : 's'}${walltime}`,
    `cd ${quote(workDir)} || exit`,
    ...Object.entries(env).map(([key, value]) => `export ${key}=${quote(value)}`),
    `exec ${argv.map(quote).join(' ')} >> ${quote(stdout)} 2>> ${quote(stderr)}`,
    '',
  ].join('\n');
}

/** How much is kept of what a job has written. */
const TAIL_BYTES = 2048;

const word = (text: string): string => (text.length > 2000 ? `${text.slice(0, 1999)}…` : text);
const schemas = lazy(() => {
  const words = z.string().transform(word);
  const tail = z.string().transform((text) => tailOf(text, TAIL_BYTES));
  const fn = z.custom<() => unknown>((value) => typeof value === 'function', 'is not a function');
  return {
    jobId: z.string().min(1).max(1000),
    record: z.record(z.string(), z.unknown()),
    jobStatus: z.discriminatedUnion('type', [
      z.object({ type: z.literal('known'), phase: z.enum(['pending', 'held', 'running']), message: words.optional() }),
      z.object({ type: z.literal('unknown'), message: words }),
      z.object({
        type: z.literal('gone'),
        evidence: z.object({
          end: z.enum(['completed', 'failed', 'cancelled', 'timeout', 'preempted', 'nodeFailed', 'outOfMemory', 'unknown']),
          exitCode: z.number().int().optional(),
          signal: z.string().optional(),
          message: words.optional(),
          stdout: tail.optional(),
          stderr: tail.optional(),
        }),
      }),
    ]),
    parts: z.object({
      kind: z.string().min(1, 'is empty; give the provider a name'),
      options: z.record(z.string(), z.unknown()).optional(),
      traits: z
        .strictObject({
          pollMs: z.number().min(0, 'must be 0 or more'),
          batch: z.number().int().min(1, 'must be 1 or more'),
          submitsPerSecond: z.number().positive('must be more than 0'),
          isLocal: z.boolean(),
        })
        .partial()
        .optional(),
      render: fn.optional(),
      open: fn.optional(),
    }),
    functions: z.object({ submit: fn, status: fn, cancel: fn, find: fn, watch: fn.optional(), close: fn.optional() }),
  } as const;
});

/** Without what is `undefined`. */
const plain = (status: object): JobStatus => JSON.parse(JSON.stringify(status)) as JobStatus;
