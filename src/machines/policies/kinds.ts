/**
 * The kinds of policy: for each, what is read of an answer and which built-in decides when there is none. Those of an
 * executor of blocks are in `block-kinds.ts`.
 */
import type { Resources } from '../model/resources.ts';
import { defined, withWhy } from './answers.ts';
import { blockErrorsKind, handshakeKind, orderingKind, scalingKind, selectionKind } from './block-kinds.ts';
import { fail } from './dependency/fail.ts';
import type { DependencyDecision, DependencySnapshot } from './dependency/port.ts';
import { asRecord, describe, isThenable } from './firewall.ts';
import type { PolicyKind, Read } from './port.ts';
import { fixed } from './retry/fixed.ts';
import { MAX_BACKOFF_MS, type RetryDecision, type RetrySnapshot } from './retry/port.ts';
import { leastLoaded } from './routing/least-loaded.ts';
import type { RoutingDecision, RoutingSnapshot } from './routing/port.ts';

export const retryKind: PolicyKind<RetrySnapshot, RetryDecision> = {
  kind: 'retry',
  fallback: fixed(0),
  read(answer, { executors }) {
    const fields = asRecord(answer);
    if (typeof fields === 'string') return { wrong: fields };
    const { again, afterMs, executor, resources, cost, why } = fields;
    if (typeof again !== 'boolean') return { wrong: `again is ${describe(again)}, not a boolean` };
    if (afterMs !== undefined && !isBackoff(afterMs)) return { wrong: `afterMs is ${describe(afterMs)}, not 0…${MAX_BACKOFF_MS}` };
    if (cost !== undefined && !(typeof cost === 'number' && Number.isFinite(cost)))
      return { wrong: `cost is ${describe(cost)}, not a finite number` };
    const label = executors.find((known) => known === executor);
    if (executor !== undefined && label === undefined)
      return { wrong: `executor is ${describe(executor)}, not one of ${executors.join(', ')}` };
    const asked = resources === undefined ? undefined : readResources(resources);
    if (asked !== undefined && 'wrong' in asked) return asked;
    return withWhy(why, again ? { again, ...defined({ afterMs, executor: label, cost, resources: asked?.ok }) } : { again });
  },
};

const isBackoff = (ms: unknown): ms is number => typeof ms === 'number' && ms >= 0 && ms <= MAX_BACKOFF_MS;

/** The least that each resource may be; those below `whole` come in one piece. */
const least = { cores: 0, memoryBytes: 0, gpus: 0, nodes: 1, ranksPerNode: 1 } as const satisfies Required<Resources>;
const whole: readonly string[] = ['nodes', 'ranksPerNode'];

export function readResources(resources: unknown): Read<Resources> {
  const fields = asRecord(resources);
  if (typeof fields === 'string') return { wrong: `resources: ${fields}` };
  const read: Record<string, number> = {};
  for (const key of Object.keys(fields)) {
    const value = fields[key];
    if (!Object.hasOwn(least, key)) return { wrong: `resources.${key} is not one of ${Object.keys(least).join(', ')}` };
    if (value === undefined) continue;
    const from = least[key as keyof typeof least];
    const isAmount =
      typeof value === 'number' && Number.isFinite(value) && value >= from && (!whole.includes(key) || Number.isInteger(value));
    if (!isAmount)
      return { wrong: `resources.${key} is ${describe(value)}, not ${whole.includes(key) ? 'a whole' : 'a'} number from ${from}` };
    read[key] = value;
  }
  return { ok: read };
}

/** A label, or nothing; one that no executor has means that the routing policy is asked. */
export const readPlacement = (label: unknown): Read<string | undefined> =>
  label === undefined || typeof label === 'string'
    ? { ok: label }
    : { wrong: `placement is ${describe(label)}, not the label of an executor` };

export const routingKind: PolicyKind<RoutingSnapshot, RoutingDecision> = {
  kind: 'routing',
  fallback: leastLoaded(),
  read(answer, { candidates }) {
    const fields = asRecord(answer);
    if (typeof fields === 'string') return { wrong: fields };
    const { executor, why } = fields;
    const chosen = candidates.find(({ label }) => label === executor);
    if (chosen === undefined)
      return { wrong: `executor is ${describe(executor)}, not one of ${candidates.map(({ label }) => label).join(', ')}` };
    return withWhy(why, { executor: chosen.label });
  },
};

export const dependencyKind: PolicyKind<DependencySnapshot, DependencyDecision> = {
  kind: 'dependency',
  fallback: fail(),
  read(answer) {
    const fields = asRecord(answer);
    if (typeof fields === 'string') return { wrong: fields };
    const { run, value, why } = fields;
    if (typeof run !== 'boolean') return { wrong: `run is ${describe(run)}, not a boolean` };
    if (isThenable(value)) return { wrong: `value is ${describe(value)}, not a value` };
    return withWhy<DependencyDecision>(why, run ? { run, value } : { run });
  },
};

/** Every kind by its name. */
export const policyKinds = {
  retry: retryKind,
  routing: routingKind,
  dependency: dependencyKind,
  scaling: scalingKind,
  selection: selectionKind,
  ordering: orderingKind,
  blockErrors: blockErrorsKind,
  handshake: handshakeKind,
} as const;
