/** Ends one job that a dead driver has left: finds it, cancels it, and waits for the proof that it is gone. */
import { backOffMs, jittered } from '../../machines/model/back-off.ts';
import type { Clock, Timers } from '../timers.ts';
import type { LedgerBlock } from './ledger-records.ts';
import type { Found, ProviderActor } from './provider.ts';
import type { ReapedBlock, ReapOutcome } from '../../machines/model/reaping.ts';

export interface ReapJobHost {
  readonly provider: ProviderActor;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly random: () => number;
  readonly deadlineMs: number;
}

const backOff = { firstMs: 250, mostMs: 5000 };

export const reapedAs = (
  { label, blockId, jobName }: LedgerBlock,
  outcome: ReapOutcome,
  more: { readonly jobId?: string; readonly message?: string } = {},
): ReapedBlock => ({ label, blockId, jobName, outcome, ...more });

export async function reapJob(block: LedgerBlock, host: ReapJobHost): Promise<ReapedBlock> {
  const { jobName } = block;
  if (block.jobId !== undefined) return end(block, block.jobId, host);
  const found = await find(jobName, host);
  if ('message' in found) return reapedAs(block, 'failed', { message: `it could not be looked for: ${found.message}` });
  return found.jobId === undefined ? reapedAs(block, 'notFound') : end(block, found.jobId, host);
}

/** Looked for until the provider is sure. */
async function find(name: string, host: ReapJobHost): Promise<{ readonly jobId: string | undefined } | { readonly message: string }> {
  let last = 'there was no answer in time';
  for (let attempt = 0; ; attempt++) {
    const answer = await within(host, new Promise<Found>((resolve) => host.provider.find([name], resolve)), name);
    if (answer?.type === 'found') return { jobId: answer.jobs[name] };
    if (answer !== undefined) last = answer.message;
    if (answer === undefined || !(await pause(host, attempt, name))) return { message: last };
  }
}

/** Cancelled, again and again, until its status is that it is gone. */
function end(block: LedgerBlock, jobId: string, { provider, timers, clock, random, deadlineMs }: ReapJobHost): Promise<ReapedBlock> {
  const pause = `reap/${block.jobName}/pause`;
  const late = `reap/${block.jobName}/late`;
  let last = 'its status is not known';
  let wasAsked = false;
  return new Promise((resolve) => {
    const settle = (outcome: ReapOutcome, message: string | undefined): void => {
      timers.cancel(pause);
      timers.cancel(late);
      provider.unwatch(jobId);
      resolve(reapedAs(block, outcome, { jobId, ...(message === undefined ? undefined : { message }) }));
    };
    const ask = (attempt: number): void => {
      provider.check(jobId);
      if (wasAsked) provider.cancel(jobId);
      timers.start(pause, jittered(backOffMs(attempt, backOff), random()), () => ask(attempt + 1));
    };
    timers.start(late, Math.max(0, deadlineMs - clock.now()), () => settle('failed', last));
    provider.watch(jobId, (status) => {
      if (status.type === 'gone') {
        settle(wasAsked ? 'cancelled' : 'wasGone', status.evidence.message);
        return;
      }
      last = status.type === 'known' ? `it is still ${status.phase}` : status.message;
      if (wasAsked) return;
      wasAsked = true;
      provider.cancel(jobId);
    });
    ask(0);
  });
}

/** `undefined` when time is up before. */
function within<T>({ timers, clock, deadlineMs }: ReapJobHost, answer: Promise<T>, id: string): Promise<T | undefined> {
  const late = new Promise<undefined>((resolve) =>
    timers.start(`reap/${id}/deadline`, Math.max(0, deadlineMs - clock.now()), () => resolve(undefined)),
  );
  return Promise.race([answer, late]).finally(() => timers.cancel(`reap/${id}/deadline`));
}

/** False when time is up. */
function pause({ timers, clock, random, deadlineMs }: ReapJobHost, attempt: number, id: string): Promise<boolean> {
  const waitMs = jittered(backOffMs(attempt, backOff), random());
  if (clock.now() + waitMs >= deadlineMs) return Promise.resolve(false);
  return new Promise((resolve) => timers.start(`reap/${id}/pause`, waitMs, () => resolve(true)));
}
