/** The kinds of policy: for each, how a usable answer is known and which built-in decides when there is none. */
import { fail } from './dependency/fail.ts';
import type { DependencyDecision, DependencySnapshot } from './dependency/port.ts';
import { asRecord, describe } from './firewall.ts';
import type { PolicyKind } from './port.ts';
import { fixed } from './retry/fixed.ts';
import { MAX_BACKOFF_MS, type RetryDecision, type RetrySnapshot } from './retry/port.ts';
import { leastLoaded } from './routing/least-loaded.ts';
import type { RoutingDecision, RoutingSnapshot } from './routing/port.ts';

export const retryKind: PolicyKind<RetrySnapshot, RetryDecision> = {
  kind: 'retry',
  fallback: fixed(0),
  check(answer, { executors }) {
    const decision = asRecord(answer);
    if (typeof decision === 'string') return decision;
    const { again, afterMs, executor, resources, cost } = decision;
    if (typeof again !== 'boolean') return `again is ${describe(again)}, not a boolean`;
    if (afterMs !== undefined && !(typeof afterMs === 'number' && afterMs >= 0 && afterMs <= MAX_BACKOFF_MS)) return `afterMs is ${describe(afterMs)}, not 0…${MAX_BACKOFF_MS}`;
    if (cost !== undefined && !(typeof cost === 'number' && Number.isFinite(cost))) return `cost is ${describe(cost)}, not a finite number`;
    if (executor !== undefined && !executors.includes(executor as string)) return `executor is ${describe(executor)}, not one of ${executors.join(', ')}`;
    return resources === undefined ? undefined : checkResources(resources);
  },
};

export function checkResources(resources: unknown): string | undefined {
  const fields = asRecord(resources);
  if (typeof fields === 'string') return `resources: ${fields}`;
  const wrong = Object.entries(fields).find(([, value]) => value !== undefined && !(typeof value === 'number' && Number.isFinite(value) && value >= 0));
  return wrong && `resources.${wrong[0]} is ${describe(wrong[1])}, not a number from 0`;
}

export const routingKind: PolicyKind<RoutingSnapshot, RoutingDecision> = {
  kind: 'routing',
  fallback: leastLoaded(),
  check(answer, { candidates }) {
    const decision = asRecord(answer);
    if (typeof decision === 'string') return decision;
    return candidates.some(({ label }) => label === decision['executor'])
      ? undefined
      : `executor is ${describe(decision['executor'])}, not one of ${candidates.map(({ label }) => label).join(', ')}`;
  },
};

export const dependencyKind: PolicyKind<DependencySnapshot, DependencyDecision> = {
  kind: 'dependency',
  fallback: fail(),
  check(answer) {
    const decision = asRecord(answer);
    if (typeof decision === 'string') return decision;
    return typeof decision['run'] === 'boolean' ? undefined : `run is ${describe(decision['run'])}, not a boolean`;
  },
};
