/**
 * Whatever policies answer, throw or write to: a run is never crashed and never hangs, every answer that is carried
 * out is usable, and no bound is exceeded (retries, tries of the infrastructure, poison, known executors, waits).
 */
import { setImmediate } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assign, SimulatedClock } from 'xstate';

import { taskMachine } from '../../src/api/machines.ts';
import { task, Troupe, type FailureKind, type Policies, type TroupeConfig } from '../../src/index.ts';
import { budgets } from '../../src/machines/model/failures.ts';
import { asker } from '../../src/machines/policies/firewall.ts';
import { policyKinds } from '../../src/machines/policies/kinds.ts';
import type { PolicyKind } from '../../src/machines/policies/port.ts';
import { dependencySnapshot, failureKinds, retryDecision, retrySnapshot, routingSnapshot } from '../support/arbitraries.ts';
import {
  blockErrorsSnapshot,
  handshakeSnapshot,
  orderingSnapshot,
  scalingSnapshot,
  selectionSnapshot,
} from '../support/block-arbitraries.ts';
import { manualExecutor } from '../support/manual-executor.ts';
import { notedWatch } from '../support/policies.ts';

const simulate = task(import.meta, 'simulate', (seed: unknown) => seed);

let unhandled: unknown[];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  unhandled = [];
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  await setImmediate();
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

/** Anything at all: as a value, a promise, a rejection, a throw; with some fields of a right answer, in a getter or a proxy. */
const field = fc.oneof(
  fc.anything(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 5, true, false, 'manual', 'nowhere'),
  fc.constant('reject'),
);
const almost = fc.record(
  {
    again: field,
    run: field,
    afterMs: field,
    cost: field,
    executor: field,
    resources: fc.oneof(field, fc.dictionary(fc.constantFrom('cores', 'gpus', 'x'), field)),
    value: field,
    why: field,
    out: fc.oneof(field, fc.constantFrom(1, 1e9)),
    in: fc.oneof(field, fc.array(fc.oneof(field, fc.constantFrom('b8', 'b9', 'b10', 'b99')), { maxLength: 4 })),
    againMs: field,
    memory: fc.oneof(field, fc.jsonValue(), fc.constant('x'.repeat(1e6))),
    managerId: field,
    rank: field,
    bad: field,
    admit: field,
  },
  { requiredKeys: [] },
);
const misbehaviour = fc.oneof(
  fc.anything().map((value) => () => value),
  fc.anything().map((reason) => () => {
    throw reason;
  }),
  fc.anything().map((value) => async () => value),
  fc.anything().map((reason) => async () => {
    throw reason;
  }),
  almost.map((fields) => () => withRejections(fields)),
  almost.map(
    (fields) => () =>
      Object.defineProperties(
        {},
        Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, { enumerable: true, get: () => value }])),
      ),
  ),
  almost.map((fields) => () => new Proxy(fields, { ownKeys: () => ['a', 'b'] })),
  almost.map((fields) => (snapshot: object) => Object.assign(snapshot, fields)),
);
type Misbehaviour = (snapshot: object) => unknown;

const rejected = (value: unknown): unknown => (value === 'reject' ? Promise.reject(new Error('late')) : value);
const withRejections = (fields: object): object =>
  Object.fromEntries(
    Object.entries(fields).map(([key, value]: [string, unknown]) => [key, Array.isArray(value) ? value.map(rejected) : rejected(value)]),
  );

describe('the firewall', () => {
  const kinds: readonly (readonly [string, PolicyKind<object, object>, fc.Arbitrary<object>])[] = [
    ['retry', policyKinds.retry, retrySnapshot],
    ['routing', policyKinds.routing, routingSnapshot],
    ['dependency', policyKinds.dependency, dependencySnapshot],
    ['scaling', policyKinds.scaling, scalingSnapshot],
    ['selection', policyKinds.selection, selectionSnapshot],
    ['ordering', policyKinds.ordering, orderingSnapshot],
    ['blockErrors', policyKinds.blockErrors, blockErrorsSnapshot],
    ['handshake', policyKinds.handshake, handshakeSnapshot],
  ];

  it.each(kinds)('lets through an answer about %s that can be carried out, or the built-in answers', (_, kind, snapshots) => {
    fc.assert(
      fc.property(snapshots, misbehaviour, (snapshot, decide: Misbehaviour) => {
        const watch = notedWatch();
        const { decision, policy } = asker(kind, { kind: kind.kind, name: 'mine', decide: decide as never }, watch)(snapshot);
        const read = kind.read(decision, snapshot);
        expect('ok' in read).toBe(true);
        expect(policy).toBe(watch.faults.length === 0 ? 'mine' : kind.fallback.name);
      }),
      { numRuns: 500 },
    );
  });
});

interface Round {
  readonly kind: FailureKind | 'done';
  readonly worker: string;
}
const rounds = fc.array(
  fc.record({
    kind: fc.oneof(fc.constantFrom(...failureKinds), fc.constant('done' as const)),
    worker: fc.constantFrom('w1', 'w2', 'w3', 'w4'),
  }),
  { minLength: 1, maxLength: 12 },
);

/** Runs one task, of which each try ends as the rounds say, over and over; returns how its tries ended. */
async function run(
  config: TroupeConfig,
  retries: number,
  script: readonly Round[],
): Promise<{
  readonly ended: readonly Round[];
  readonly state: string;
  readonly broken: readonly string[];
  readonly executors: readonly string[];
}> {
  const clock = new SimulatedClock();
  const executors = ['manual', 'other'].map((label) => manualExecutor({ label, autoStop: true }));
  const troupe = await Troupe.start({ executors, clock, ambient: false, signals: false, ...config });
  const broken: string[] = [];
  troupe.on('actor.failed', ({ message }) => void broken.push(message));
  const first = troupe.run(simulate.with({ retries }), 1);
  const second = troupe.run(simulate, first);
  for (const future of [first, second]) future.catch(() => {});
  const ended: Round[] = [];
  for (let i = 0; i < 40 && ['queued', 'launched', 'running', 'retrying', 'deciding'].includes(first.state); i++) {
    for (const executor of executors) {
      for (const attempt of executor.held.filter(({ taskId }) => taskId === first.id)) {
        const round = script[ended.length % script.length] ?? { kind: 'done', worker: 'w' };
        ended.push(round);
        if (round.kind === 'done') executor.done(attempt, 1);
        else executor.failed(attempt, new Error('boom'), round.kind, round.worker);
      }
    }
    clock.increment(86_400_000);
  }
  const { state } = first;
  const labels = executors.flatMap(({ label, seen }) => seen.map(() => label));
  const { done, failed, depFailed, cancelled } = await troupe.close({ pending: 'cancel' });
  expect(done + failed + depFailed + cancelled).toBe(2);
  return { ended, state, broken, executors: labels };
}

/** The bounds, said again: each failure within its budget, and nothing after it settled. */
function checkBounds({ ended, state, broken }: Awaited<ReturnType<typeof run>>, retries: number, freeOfCharge: boolean): void {
  expect(broken).toEqual([]);
  expect(['done', 'failed', ...(ended.length >= 40 ? ['queued', 'retrying'] : [])]).toContain(state);
  const failures = ended.filter(({ kind }) => kind !== 'done').map(({ kind }) => budgets[kind as FailureKind]);
  const retried = state === 'failed' ? failures.slice(0, -1) : failures;
  expect(retried.filter((budget) => budget === 'never')).toEqual([]);
  expect(retried.filter((budget) => budget === 'infrastructure').length).toBeLessThanOrEqual(10);
  if (!freeOfCharge) expect(retried.filter((budget) => budget === 'user').length).toBeLessThanOrEqual(retries);
  const lost = (all: readonly Round[]): number => new Set(all.filter(({ kind }) => kind === 'workerLost').map(({ worker }) => worker)).size;
  expect(lost(state === 'failed' ? ended.slice(0, -1) : ended)).toBeLessThan(3);
}

describe('a run', () => {
  it('keeps its bounds whatever its policies do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.tuple(misbehaviour, misbehaviour, misbehaviour), fc.nat(3), rounds, async (behaviours, retries, script) => {
        const kinds = ['retry', 'routing', 'dependency'];
        const policies = Object.fromEntries(
          kinds.map((kind, i) => [kind, { kind, name: 'mine', decide: behaviours[i] }]),
        ) as unknown as Policies;
        // a policy may well give tries away: its cost is its own affair
        checkBounds(await run({ policies }, retries, script), retries, true);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps its bounds under any answers that can be carried out', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(retryDecision, { minLength: 1, maxLength: 6 }), fc.nat(3), rounds, async (decisions, retries, script) => {
        let asked = 0;
        const retry = { kind: 'retry', name: 'mine', decide: () => decisions[asked++ % decisions.length] ?? { again: false } } as const;
        const isFree = decisions.some((decision) => decision.again && (decision.cost ?? 1) < 1);
        checkBounds(await run({ policies: { retry } }, retries, script), retries, isFree);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps its bounds whatever replaced guards, actions and delays do', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(misbehaviour, misbehaviour, misbehaviour, misbehaviour),
        fc.nat(3),
        rounds,
        async ([guard, other, action, delay], retries, script) => {
          const machine = taskMachine.provide({
            guards: { shouldRetry: guard, shouldRunAnyway: other },
            actions: { applyPlacement: assign(action as never) },
            delays: { backoff: delay },
          } as never);
          checkBounds(await run({ machines: { task: machine } }, retries, script), retries, false);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('sends tries only to executors that there are', async () => {
    await fc.assert(
      fc.asyncProperty(misbehaviour, rounds, async (decide, script) => {
        const { executors, ended } = await run(
          { policies: { routing: { kind: 'routing', name: 'mine', decide: decide as never } } },
          3,
          script,
        );
        expect(executors.length).toBeGreaterThanOrEqual(ended.length);
        expect(executors.filter((label) => label !== 'manual' && label !== 'other')).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
