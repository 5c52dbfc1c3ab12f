/**
 * Promise 9 over runs that nobody wrote: whatever is submitted, fails, is lost, is cancelled or comes late, the log of
 * the run replays to the same states; and whoever changes or loses one record of it is found out.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { SimulatedClock } from 'xstate';

import { join, task, Troupe, type Future } from '../../src/index.ts';
import { taskMachine } from '../../src/api/machines.ts';
import { checkReplay, readLog, replay, type LogRecord, type StepRecord } from '../../src/api/monitoring.ts';
import { dependency } from '../../src/api/policies.ts';
import type { Lease } from '../../src/actors/executors/port.ts';
import type { FailureKind } from '../../src/machines/model/failures.ts';
import type { RetryPolicy } from '../../src/machines/policies/retry/port.ts';
import { settled, tempFolder } from '../support/log-file.ts';
import { manualExecutor } from '../support/manual-executor.ts';

const work = task(import.meta, 'work', (inputs: readonly unknown[]) => inputs.length);
const fan = join(import.meta, 'fan', (n: number, inputs: readonly unknown[]) => Array.from({ length: n }, () => work(inputs)));
const nest = join(import.meta, 'nest', async (n: number) => {
  if (n === 3) throw new Error('no');
  await settled();
  return { fan: fan(n, []), work: work([n]) };
});

interface JoinCommand {
  readonly type: 'fan' | 'nest';
  readonly n: number;
  readonly inputs: readonly number[];
  readonly timeLimitMs: number;
}
interface WorkCommand {
  readonly type: 'work';
  readonly inputs: readonly number[];
  readonly retries: number;
  readonly timeLimitMs: number;
  readonly gpus: number;
  readonly foreign: boolean;
}
type Command =
  | JoinCommand
  | WorkCommand
  | { readonly type: 'launched' | 'started' | 'done' | 'stopped' | 'cancel' | 'send' | 'late' | 'promise'; readonly at: number }
  | { readonly type: 'failed'; readonly at: number; readonly kind: FailureKind; readonly worker: number }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'rest' };

const at = fc.nat(20);
const inputs = fc.array(at, { maxLength: 3 });
const timeLimitMs = fc.integer({ min: 1, max: 50 });
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('work' as const),
      inputs,
      retries: fc.nat(2),
      timeLimitMs,
      gpus: fc.constantFrom(0, 0, 0, 1),
      foreign: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('fan' as const, 'nest' as const), n: fc.nat(3), inputs, timeLimitMs }) },
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constantFrom('launched', 'started', 'started', 'done', 'done', 'stopped', 'cancel', 'send', 'late', 'promise'),
      at,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('failed' as const),
      at,
      kind: fc.constantFrom<FailureKind>('app', 'workerLost', 'oom', 'serialization', 'nodeLost'),
      worker: fc.nat(5),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.constantFrom(1, 10, 60, 5000) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('rest' as const) }) },
);

interface Setting {
  readonly ignoresFailed: boolean;
  readonly replaces: boolean;
  readonly seed: number;
}
const setting: fc.Arbitrary<Setting> = fc.record({ ignoresFailed: fc.boolean(), replaces: fc.boolean(), seed: fc.nat() });

/** A policy that is not always of one mind, and now and then not in its right one. */
const moody: RetryPolicy = {
  kind: 'retry',
  name: 'moody',
  decide({ random, executors }) {
    if (random < 0.1) throw new Error('not now');
    return {
      again: random < 0.9,
      afterMs: random * 40,
      cost: random,
      ...(random < 0.3 ? { executor: executors[0] } : undefined),
      why: 'a whim',
    };
  },
};

/** Looks at what a replay must have right: the context. */
const replaced = (): typeof taskMachine =>
  taskMachine.provide({ guards: { shouldRetry: ({ context }) => context.tryIndex + context.failures.length + context.cost < 3 } });

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Run {
  readonly records: readonly LogRecord[];
  /** Task id → the state that its future has settled with. */
  readonly states: ReadonlyMap<string, string>;
}

async function run(commands: readonly Command[], { ignoresFailed, replaces, seed }: Setting): Promise<Run> {
  const runDir = tempFolder();
  const clock = new SimulatedClock();
  const executors = [manualExecutor({ label: 'a' }), manualExecutor({ label: 'b', autoStop: true })];
  const policies = { retry: moody, ...(ignoresFailed ? { dependency: dependency.ignore() } : undefined) };
  const machines = replaces ? { task: replaced() } : {};
  const troupe = await Troupe.start({
    executors,
    policies,
    machines,
    clock,
    runDir,
    log: 'full',
    random: seeded(seed),
    stopGraceMs: 20,
    signals: false,
    output: 'silent',
  });
  const futures: Future<unknown>[] = [];
  const promises: { keep(ok: boolean): void }[] = [];
  const ended: Lease[] = [];
  const pick = <T>(items: readonly T[], at: number): T | undefined => items[at % Math.max(1, items.length)];

  const foreign = (): Promise<number> =>
    new Promise((resolve, reject) => promises.push({ keep: (ok) => (ok ? resolve(1) : reject(new Error('broken'))) }));

  function submit(command: JoinCommand | WorkCommand): void {
    const { timeLimitMs } = command;
    const given: unknown[] = command.inputs.flatMap((input) => pick(futures, input) ?? []);
    if (command.type === 'fan') futures.push(fan.with({ timeLimitMs })(command.n, given));
    if (command.type === 'nest') futures.push(nest.with({ timeLimitMs })(command.n));
    if (command.type !== 'work') return;
    const { retries, gpus } = command;
    futures.push(work.with({ timeLimitMs, retries, resources: { gpus } })([...given, ...(command.foreign ? [foreign()] : [])]));
  }

  async function act(command: Command): Promise<void> {
    if (command.type === 'rest') return settled();
    if (command.type === 'wait') return clock.increment(command.ms);
    if ('inputs' in command) return submit(command);
    if (command.type === 'promise') return pick(promises, command.at)?.keep(command.at % 2 === 0);
    if (command.type === 'cancel') return pick(futures, command.at)?.cancel('a whim');
    if (command.type === 'send') return pick(futures, command.at)?.actor?.send({ type: 'task.cancel' });
    const executor = executors[command.at % 2];
    if (command.type === 'late') {
      const lease = pick(ended, command.at);
      return lease && executor?.done(lease, 0);
    }
    const attempt = executor && pick(executor.held, command.at >> 1);
    if (executor === undefined || attempt === undefined) return;
    if (command.type !== 'launched' && command.type !== 'started') ended.push(attempt);
    if (command.type === 'failed') executor.failed(attempt, new Error('boom'), command.kind, String(command.worker));
    else if (command.type === 'done') executor.done(attempt, 1);
    else executor[command.type](attempt);
  }

  await troupe.scope(async () => {
    for (const each of commands) await act(each);
  });
  for (const future of futures) future.catch(() => {}); // read
  const closing = troupe.close({ pending: 'cancel' }).then(() => true);
  const graceIsOver = async (): Promise<boolean> => {
    clock.increment(2000);
    await settled();
    return false;
  };
  while (!(await Promise.race([closing, graceIsOver()])));
  for (const { keep } of promises) keep(true);
  return { records: await readLog(runDir).toArray(), states: new Map(futures.map(({ id, state }) => [id, state])) };
}

const machinesOf = ({ replaces }: Setting): { readonly machines: Readonly<Record<string, typeof taskMachine>> } => ({
  machines: replaces ? { task: replaced() } : {},
});
const commands = fc.array(command, { maxLength: 60, size: 'max' });

it('replays any run to the states it had', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(commands, setting, async (all, how) => {
      const { records, states } = await run(all, how);
      const last = new Map<string, string>();
      for await (const { actor, from, state, event, divergence } of replay(records, machinesOf(how))) {
        expect(divergence).toBeUndefined();
        last.set(actor, state);
        seen.add(`${from} ${event.type} ${state}`);
      }
      for (const [id, state] of states) expect([id, last.get(id)]).toEqual([id, state]);
      expect([last.get('troupe'), last.get('dataflow')]).toEqual(['closed', 'closed']);
      expect(await checkReplay(records, machinesOf(how))).toMatchObject({ isComplete: true, diverged: 0 });
    }),
    { numRuns: 150 },
  );
  // the runs have been to where it matters
  for (const step of [
    'running timer.fired stopping',
    'stopping try.stopped cancelled',
    'deciding retry.decided retrying',
    'retrying timer.fired queued',
    'joining join.done done',
    'pending deps.failed depFailed',
  ]) {
    expect([...seen]).toContain(step);
  }
}, 120_000);

it('finds out whoever changes a state in a log, or loses a step of it', async () => {
  await fc.assert(
    fc.asyncProperty(commands, setting, fc.nat(), fc.constantFrom('from', 'to', 'drop'), async (all, how, which, what) => {
      const { records } = await run(all, how);
      const steps = records.flatMap((record, index) => (record.type === 'step' && !record.failed ? [index] : []));
      const index = steps[which % steps.length] as number;
      if (what === 'drop') {
        await expect(checkReplay(records.toSpliced(index, 1), machinesOf(how))).rejects.toThrow('cannot be replayed');
        return;
      }
      const changed = records.with(index, { ...(records[index] as StepRecord), [what]: 'elsewhere' });
      expect(await checkReplay(changed, machinesOf(how))).toMatchObject({
        diverged: 1,
        divergences: [{ where: what, expected: 'elsewhere' }],
      });
    }),
    { numRuns: 60 },
  );
}, 120_000);
