/**
 * One open provider as blocks see it: jobs are submitted, watched, cancelled and found one by one, and the requests
 * are what the batch system can bear. What is asked in one turn goes out together; submissions keep to the rate
 * limit; only watched jobs are polled; the breaker of `machines/provider.ts` holds back what can wait.
 */
import type { Actor } from 'xstate';

import { jittered } from '../../machines/model/back-off.ts';
import type { JobSpec, JobStatus } from '../../machines/model/blocks.ts';
import { messageOf } from '../../machines/model/failures.ts';
import { cooldownMs, providerMachine, type BreakerState, type ProviderMachine } from '../../machines/provider.ts';
import type { OpenProvider, Provider } from '../../providers/port.ts';
import type { ActorSpace } from '../executors/port.ts';
import { inSpace } from '../spawn.ts';
import { timers as timersOf, type Clock } from '../timers.ts';
import { finds as findsOf, type Found } from './finds.ts';
import { requests as requestsOf, type Requests } from './requests.ts';
import { freeId, guarded, take } from './set-parts.ts';
import { submissions as submissionsOf, type Submitted } from './submissions.ts';

export type { Found } from './finds.ts';
export type { Submitted } from './submissions.ts';

export interface ProviderActorHost {
  readonly space: ActorSpace;
  readonly clock: Clock;
  readonly random: () => number;
  readonly runId: string;
  readonly label: string;
  /** Folder for scripts and logs; exists. */
  readonly dir: string;
  /** A request that is not answered for so long counts as failed. @defaultValue 60_000 */
  readonly timeoutMs?: number;
  note(type: string, data: Readonly<Record<string, unknown>>): void;
}

export interface ProviderView {
  readonly kind: string;
  readonly state: BreakerState;
  /** The last failure, while there are failures. */
  readonly why?: string;
  readonly failures: number;
  /** Submissions without an outcome, requests without an answer, jobs that are polled. */
  readonly submissions: number;
  readonly requests: number;
  readonly watched: number;
}

export interface ProviderActor {
  /** Submits a job once. `done` is told for sure, however long that takes, unless this closes before. */
  submit(job: JobSpec, done: (outcome: Submitted) => void): void;
  /** Takes back a submission that has not been sent; one that was sent is answered as usual. */
  withdraw(name: string): void;
  /** Tells of every status of this job: polled, asked for, or told by the provider itself. */
  watch(jobId: string, onStatus: (status: JobStatus) => void): void;
  unwatch(jobId: string): void;
  /** Asks for the job's status now; whoever watches it is told. */
  check(jobId: string): void;
  /** Asks to cancel the job; that it is gone is said by its status. */
  cancel(jobId: string): void;
  find(names: readonly string[], done: (found: Found) => void): void;
  view(): ProviderView;
  close(): Promise<void>;
}

export function providerActor(provider: Provider, host: ProviderActorHost): ProviderActor {
  const { clock, random, label, timeoutMs = 60_000 } = host;
  const { pollMs, batch, submitsPerSecond } = provider.traits;
  const { system, parent } = inSpace(host.space);
  const timers = timersOf(clock);
  const note: typeof host.note = (type, data) => guarded(() => host.note(type, data));
  const watched = new Map<string, (status: JobStatus) => void>();
  /** Asked for in this turn, or held back by the breaker. */
  const due = new Set<string>();
  const asked = new Set<string>();
  const cancels = new Set<string>();
  let isWaking = false;
  let isClosed = false;
  /** Sent to see whether the provider is well again. */
  let probes = 0;
  let isPolling = false;

  const state = (): BreakerState => actor.getSnapshot().value;
  const isOpen = (): boolean => state() === 'closed' || (state() === 'halfOpen' && probes === 0);
  const requests = requestsOf({
    provider: () => opened,
    timers,
    prefix: 'request',
    timeoutMs,
    onChanged: ({ jobId, status }) => {
      const onStatus = watched.get(jobId);
      if (onStatus === undefined) note('provider.late', { jobId, fact: 'job.changed' });
      else guarded(() => onStatus(status));
    },
    onLate: (requestId, jobId) => submissions.late(requestId, jobId),
    note,
  });
  /** Every request tells the breaker how it has ended. */
  const ask: Requests['send'] = (type, body, done) => {
    const isProbe = state() === 'halfOpen' && (type === 'jobs.status' || type === 'jobs.submit');
    if (isProbe) probes++;
    requests.send(type, body, (answer) => {
      if (isProbe) probes--;
      system.post(actor, answer.type === 'jobs.failed' ? { type: 'jobs.failed', message: answer.message } : { type: 'jobs.answered' });
      done(answer);
    });
  };
  const finds = findsOf(ask, batch);
  const submissions = submissionsOf({
    ask,
    clock,
    timers,
    prefix: 'submit',
    random,
    perSecond: submitsPerSecond,
    mayAsk: isOpen,
    find: (name, done) => self.find([name], done),
    wake,
    onOrphan(name, jobId) {
      note('job.orphaned', { jobName: name, jobId });
      self.cancel(jobId);
    },
    note,
  });

  /** What is asked within one turn goes out together. */
  function wake(): void {
    if (isWaking || isClosed) return;
    isWaking = true;
    queueMicrotask(flush);
  }

  function flush(): void {
    isWaking = false;
    if (isClosed) return;
    sendCancels();
    finds.flush();
    while (due.size > 0 && isOpen()) sendStatus(take(due, batch));
    submissions.flush(state() === 'halfOpen' ? 1 : Number.POSITIVE_INFINITY);
  }

  function sendCancels(): void {
    while (cancels.size > 0) {
      const jobIds = take(cancels, batch);
      ask('jobs.cancel', { jobIds }, (answer) => {
        if (answer.type === 'jobs.failed') note('job.cancelFailed', { jobIds, message: answer.message });
        else for (const jobId of jobIds) if (watched.has(jobId)) self.check(jobId);
      });
    }
  }

  function sendStatus(jobIds: readonly string[]): void {
    for (const jobId of jobIds) asked.add(jobId);
    ask('jobs.status', { jobIds }, (answer) => {
      for (const jobId of jobIds) {
        asked.delete(jobId);
        const onStatus = watched.get(jobId);
        if (onStatus === undefined) continue;
        if (answer.type === 'jobs.failed') guarded(() => onStatus({ type: 'unknown', message: answer.message }));
        else guarded(() => onStatus(Object.hasOwn(answer.jobs, jobId) ? (answer.jobs[jobId] as JobStatus) : unanswered));
      }
    });
  }

  function poll(): void {
    isPolling = watched.size > 0 && pollMs > 0;
    if (!isPolling) return;
    timers.start('poll', pollMs, () => {
      for (const jobId of watched.keys()) if (!asked.has(jobId)) due.add(jobId);
      wake();
      poll();
    });
  }

  const machine = providerMachine.provide({
    actions: {
      startCooldown: ({ context }) =>
        timers.start('cooldown', jittered(cooldownMs(context), random()), () =>
          system.post(actor, { type: 'timer.fired', timer: 'cooldown' }),
        ),
      stopCooldown: () => timers.cancel('cooldown'),
      sendWaiting: wake,
      announce: ({ context }, { state: to }) =>
        note(`provider.${to}`, { provider: provider.kind, ...(context.why === undefined ? undefined : { why: context.why }) }),
    },
  });
  const actor: Actor<ProviderMachine> = system.spawn(machine, {
    id: freeId(system, `provider/${label}`),
    input: { label, kind: provider.kind },
    parent,
  });
  let opened: OpenProvider | string = 'it is not open yet';
  try {
    opened = provider.open({ tell: requests.tell, runId: host.runId, dir: host.dir });
  } catch (error) {
    opened = `it could not be opened: ${messageOf(error)}`;
  }

  const self: ProviderActor = {
    submit(job, done) {
      if (isClosed) return;
      // nothing can have been submitted: the one failure whose outcome is known
      if (typeof opened === 'string') done({ type: 'refused', message: opened });
      else submissions.submit(job, (outcome) => guarded(() => done(outcome)));
      wake();
    },
    withdraw: submissions.withdraw,
    watch(jobId, onStatus) {
      watched.set(jobId, onStatus);
      if (!isPolling) poll();
      if (pollMs === 0) self.check(jobId); // it may have told of the job before anybody listened
    },
    unwatch(jobId) {
      watched.delete(jobId);
      due.delete(jobId);
      if (watched.size > 0) return;
      timers.cancel('poll');
      isPolling = false;
    },
    check(jobId) {
      due.add(jobId);
      wake();
    },
    cancel(jobId) {
      cancels.add(jobId);
      wake();
    },
    find(names, done) {
      finds.find({ names, done });
      wake();
    },
    view() {
      const { value, context } = actor.getSnapshot();
      return {
        kind: provider.kind,
        state: value,
        ...(context.why === undefined ? undefined : { why: context.why }),
        failures: context.failures,
        submissions: submissions.size,
        requests: requests.size,
        watched: watched.size,
      };
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      system.post(actor, { type: 'provider.close' });
      requests.close();
      submissions.close();
      timers.close();
      watched.clear();
      if (typeof opened === 'string') return;
      try {
        await opened.close();
      } catch (error) {
        note('provider.closeFailed', { message: messageOf(error) });
      }
    },
  };
  return self;
}

const unanswered: JobStatus = { type: 'unknown', message: 'the provider did not say' };
