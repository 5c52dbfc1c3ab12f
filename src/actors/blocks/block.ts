/**
 * One block of a set: the effects of the block machine. What it wants goes to the ledger first and to the provider
 * then; what it learns is told to the set.
 */
import type { Actor } from 'xstate';

import {
  blockMachine,
  cancelBackOffMs,
  type BlockContext,
  type BlockEvent,
  type BlockMachine,
  type BlockTimer,
} from '../../machines/block.ts';
import type { BlockEnd, BlockState, JobEnd, JobSpec } from '../../machines/model/blocks.ts';
import { messageOf } from '../../machines/model/failures.ts';
import type { Provider } from '../../providers/port.ts';
import type { ActorSystem, Target } from '../spawn.ts';
import type { Clock, Timers } from '../timers.ts';
import type { Ledger } from './ledger.ts';
import type { LedgerRecord } from './ledger-records.ts';
import type { ProviderActor } from './provider.ts';
import { freeId } from './set-parts.ts';

export interface BlockHost {
  readonly system: ActorSystem;
  readonly parent: Target;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly runId: string;
  readonly label: string;
  readonly plugin: Pick<Provider, 'kind' | 'options'>;
  readonly provider: ProviderActor;
  readonly ledger: Ledger;
  readonly desertedMs: number;
  spec(blockId: string, jobName: string): JobSpec | Promise<JobSpec>;
  /** It has entered a state, the last one included. Must not throw. */
  onState(block: Block): void;
  /** It is ready, and has only now learned the id of its job. */
  onJob(block: Block): void;
  onEnded(block: Block, evidence: JobEnd | undefined): void;
  note(type: string, data: Readonly<Record<string, unknown>>): void;
}

/** What the machine says of itself; taken down by its effects, so that those who are told in the middle of a step see it too. */
export interface BlockNow {
  readonly state: BlockState;
  readonly sinceMs: number;
  readonly jobId: string | undefined;
  readonly cancelAs: BlockEnd | undefined;
  readonly end: BlockEnd | undefined;
  readonly why: string | undefined;
  readonly hadManager: boolean;
}

export interface Block {
  readonly blockId: string;
  readonly jobName: string;
  readonly requestedMs: number;
  readonly now: BlockNow;
  /** Begins. Before that it is requested, and counts. */
  start(): void;
  tell(event: BlockEvent): void;
  /** Lets go of it, wherever it stands; the ledger knows it. */
  abandon(): void;
}

export function blockOf(blockId: string, jobName: string, host: BlockHost): Block {
  const { system, clock, timers, provider, ledger, runId, label } = host;
  const requestedMs = clock.now();
  const timerIds: Readonly<Record<BlockTimer, string>> = { deserted: `${blockId}/deserted`, cancel: `${blockId}/cancel` };
  let actor: Actor<BlockMachine> | undefined;
  const early: BlockEvent[] = [];
  let job: JobSpec | undefined;
  /** The provider has said what became of the submission. */
  let isAnswered = false;
  let now: BlockNow = {
    state: 'requested',
    sinceMs: requestedMs,
    jobId: undefined,
    cancelAs: undefined,
    end: undefined,
    why: undefined,
    hadManager: false,
  };

  function tell(event: BlockEvent): void {
    if (actor === undefined) early.push(event);
    else if (now.state !== 'ended') system.post(actor, event);
  }

  const takeDown = ({ jobId, cancelAs, end, why, hadManager }: BlockContext, state: BlockState): void => {
    now = { state, sinceMs: state === now.state ? now.sinceMs : clock.now(), jobId, cancelAs, end, why, hadManager };
  };

  const startTimer = (timer: BlockTimer, ms: number): void => timers.start(timerIds[timer], ms, () => tell({ type: 'timer.fired', timer }));

  async function write(record: LedgerRecord): Promise<void> {
    try {
      await ledger.append(record);
    } catch (error) {
      host.note('ledger.failed', { blockId, record: record.type, message: messageOf(error) });
    }
  }
  const ofBlock = (): { runId: string; label: string; blockId: string; jobName: string; tMs: number } => ({
    runId,
    label,
    blockId,
    jobName,
    tMs: clock.now(),
  });

  /** On the disk before it is submitted: a job that no ledger knows could not be found again. */
  async function recordRequest(): Promise<void> {
    const { kind, options } = host.plugin;
    try {
      const recorded = ledger.append({ type: 'requested', ...ofBlock(), provider: { kind, options } });
      const [spec] = await Promise.all([(async () => host.spec(blockId, jobName))(), recorded]);
      job = spec;
      tell({ type: 'block.submit' });
    } catch (error) {
      tell({ type: 'job.refused', message: messageOf(error) });
    }
  }

  function submitJob(): void {
    if (job === undefined) return;
    provider.submit({ ...job, blockId, name: jobName }, (outcome) => {
      isAnswered = true;
      if (outcome.type === 'refused') {
        tell({ type: 'job.refused', message: outcome.message });
        return;
      }
      submitted(outcome.jobId);
    });
  }

  function submitted(jobId: string): void {
    void write({ type: 'submitted', ...ofBlock(), jobId });
    tell({ type: 'job.submitted', jobId });
  }

  function cancelJob({ jobId, hadManager }: BlockContext): void {
    if (jobId !== undefined) provider.cancel(jobId);
    else if (isAnswered && hadManager) {
      // refused, and yet a manager has registered: the job that it belongs to is looked for
      provider.find([jobName], (found) => {
        if (found.type === 'failed') return; // asked again by the timer
        const foundId = found.jobs[jobName];
        if (foundId !== undefined) submitted(foundId);
        else tell({ type: 'job.changed', status: { type: 'gone', evidence: { end: 'unknown', message: 'there is no job of its name' } } });
      });
    }
  }

  function settle(evidence: JobEnd | undefined): void {
    const { jobId, end = 'unknown' } = now;
    for (const id of Object.values(timerIds)) timers.cancel(id);
    if (jobId !== undefined) provider.unwatch(jobId);
    void write({ type: 'ended', ...ofBlock(), end, ...(jobId === undefined ? undefined : { jobId }) });
    host.onEnded(self, evidence);
  }

  const machine = blockMachine.provide({
    actions: {
      recordRequest: () => void recordRequest(),
      submitJob,
      withdrawJob: ({ context }) => {
        takeDown(context, now.state);
        provider.withdraw(jobName);
      },
      watchJob: ({ context }) => {
        const { jobId } = context;
        takeDown(context, now.state);
        if (jobId !== undefined) provider.watch(jobId, (status) => tell({ type: 'job.changed', status }));
        if (now.state === 'ready') host.onJob(self);
      },
      cancelJob: ({ context }) => cancelJob(context),
      checkJob: ({ context: { jobId } }) => {
        if (jobId !== undefined) provider.check(jobId);
      },
      startDeserted: () => startTimer('deserted', host.desertedMs),
      stopDeserted: () => timers.cancel(timerIds.deserted),
      startCancelTimer: ({ context }) => startTimer('cancel', cancelBackOffMs(context)),
      announce: ({ context }, { state }) => {
        takeDown(context, state);
        host.onState(self);
      },
      settle: (_, { evidence }) => settle(evidence),
    },
  });

  const self: Block = {
    blockId,
    jobName,
    requestedMs,
    get now() {
      return now;
    },
    start() {
      actor = system.spawn(machine, { id: freeId(system, `block/${label}/${blockId}`), input: { blockId, jobName }, parent: host.parent });
      for (const event of early.splice(0)) tell(event);
    },
    tell,
    abandon() {
      for (const id of Object.values(timerIds)) timers.cancel(id);
      if (actor !== undefined && now.state !== 'ended') system.stop(actor);
    },
  };
  return self;
}
