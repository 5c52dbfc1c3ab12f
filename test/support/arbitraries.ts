/** Arbitrary events, failures and snapshots of policies, for tests of machines and policies. */
import * as fc from 'fast-check';

import { budgets, type Failure, type FailureKind } from '../../src/machines/model/failures.ts';
import type { Resources } from '../../src/machines/model/resources.ts';
import type { RetryDecision, TaskEvent } from '../../src/machines/model/task.ts';
import type { DependencySnapshot } from '../../src/machines/policies/dependency/port.ts';
import type { RetrySnapshot } from '../../src/machines/policies/retry/port.ts';
import type { RoutingSnapshot } from '../../src/machines/policies/routing/port.ts';

export const failureKinds = Object.keys(budgets) as readonly FailureKind[];

const label = fc.constantFrom('here', 'there', 'big');
const tryIndex = fc.nat(3);

export const failureArbitrary: fc.Arbitrary<Failure> = fc.record(
  {
    kind: fc.constantFrom(...failureKinds),
    name: fc.constant('Error'),
    message: fc.string({ maxLength: 20 }),
    tryIndex,
    executor: label,
    worker: fc.constantFrom('w1', 'w2', 'w3', 'w4'),
  },
  { requiredKeys: ['kind', 'name', 'message', 'tryIndex'] },
);

export const resourcesArbitrary: fc.Arbitrary<Resources> = fc.record(
  {
    cores: fc.nat(8),
    memoryBytes: fc.nat(1e9),
    gpus: fc.nat(2),
    nodes: fc.integer({ min: 1, max: 4 }),
    ranksPerNode: fc.integer({ min: 1, max: 4 }),
  },
  { requiredKeys: [] },
);

/** What a usable retry policy may answer. */
export const retryDecision: fc.Arbitrary<RetryDecision> = fc.oneof(
  fc.constant<RetryDecision>({ again: false }),
  fc.record(
    {
      again: fc.constant(true as const),
      afterMs: fc.double({ min: 0, max: 86_400_000, noNaN: true }),
      executor: label,
      resources: resourcesArbitrary,
      cost: fc.constantFrom(-1, 0, 0.5, 1, 2, 1e6),
      why: fc.string({ maxLength: 20 }),
    },
    { requiredKeys: ['again'] },
  ),
);

const event = <T extends TaskEvent['type']>(
  type: T,
  fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = {},
): fc.Arbitrary<TaskEvent> => fc.record({ type: fc.constant(type), ...fields }) as unknown as fc.Arbitrary<TaskEvent>;
const policy = fc.constant('p');

/** Any event of a task, of any of its first tries. */
export const taskEvent: fc.Arbitrary<TaskEvent> = fc.oneof(
  event('deps.met'),
  event('deps.failed', { failure: failureArbitrary, run: fc.boolean(), policy }),
  event('task.routed', { tryIndex, executor: label, policy }),
  event('try.launched', { tryIndex }),
  event('try.started', { tryIndex }),
  event('try.done', { tryIndex, bytes: fc.nat() }),
  event('try.joining', { tryIndex, waits: fc.nat(3) }),
  { weight: 3, arbitrary: event('try.failed', { tryIndex, failure: failureArbitrary }) },
  event('try.stopped', { tryIndex }),
  event('join.done', { bytes: fc.nat() }),
  event('join.failed', { failure: failureArbitrary }),
  { weight: 3, arbitrary: event('retry.decided', { tryIndex, decision: retryDecision, policy }) },
  { weight: 3, arbitrary: event('timer.fired', { tryIndex, timer: fc.constantFrom('backoff', 'limit', 'grace') }) },
  event('task.cancel'),
);

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** What a retry policy may be shown: the failure that it decides on is the last. */
export const retrySnapshot: fc.Arbitrary<RetrySnapshot> = fc
  .record({
    taskId: fc.constant('t1'),
    name: fc.constantFrom('simulate', 'load'),
    failures: fc.array(failureArbitrary, { minLength: 1, maxLength: 16 }),
    tryIndex: fc.nat(40),
    executor: fc.option(label, { nil: undefined }),
    executors: fc.uniqueArray(label, { minLength: 1 }),
    resources: resourcesArbitrary,
    cost: fc.double({ min: -10, max: 10, noNaN: true }),
    retries: fc.nat(20),
    random,
  })
  .map((snapshot) => ({ ...snapshot, failure: snapshot.failures.at(-1) as Failure }));

export const routingSnapshot: fc.Arbitrary<RoutingSnapshot> = fc.record({
  taskId: fc.constant('t1'),
  name: fc.constantFrom('simulate', 'load', 'constructor'),
  tryIndex,
  priority: fc.integer({ min: -5, max: 5 }),
  resources: resourcesArbitrary,
  failures: fc.array(failureArbitrary, { maxLength: 4 }),
  candidates: fc.uniqueArray(
    fc.record({
      label: fc.string({ minLength: 1, maxLength: 8 }),
      kind: fc.constantFrom('inline', 'threads'),
      queued: fc.nat(1000),
      running: fc.nat(64),
      slots: fc.nat(64),
    }),
    {
      minLength: 1,
      maxLength: 6,
      selector: ({ label: of }) => of,
    },
  ),
  random,
});

export const dependencySnapshot: fc.Arbitrary<DependencySnapshot> = fc.record({
  taskId: fc.constant('t9'),
  name: fc.constant('mean'),
  failed: fc.array(
    fc.record({
      source: fc.constantFrom('t1', 't2', 'a promise'),
      name: fc.option(fc.constant('simulate'), { nil: undefined }),
      message: fc.string({ maxLength: 20 }),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  inputs: fc.integer({ min: 5, max: 9 }),
});
