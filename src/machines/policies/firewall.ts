/**
 * Nothing a policy does escapes: a throw, a NaN, a promise, a wrong type or an answer out of bounds becomes a
 * {@link PolicyFault} and the built-in default decides; after repeated faults the default stays in charge. What a
 * policy is shown it cannot write to, and of what it answers only known fields are read, once each.
 * An endless loop cannot be stopped within one thread.
 */
import type { PolicyKind, PolicyOf, Read } from './port.ts';

/** A policy, or a replaced member of a machine, has misbehaved. */
export interface PolicyFault {
  /** Kind of policy, or `machines.task.guards.name` of a replaced member. */
  readonly member: string;
  readonly policy: string;
  /** What it did, in words. */
  readonly what: string;
  /** Text of what was thrown, with its stack; absent when nothing was. */
  readonly error?: unknown;
  /** Faults of this member so far; from {@link MAX_FAULTS} on the default stays in charge. */
  readonly faults: number;
}

/** A policy took longer than {@link SLOW_MS}. */
export interface PolicySlow {
  readonly member: string;
  readonly policy: string;
  readonly tookMs: number;
}

/** Told of whatever the firewall stops. */
export interface Watch {
  onFault(fault: PolicyFault): void;
  onSlow(slow: PolicySlow): void;
  /** A monotonic clock in milliseconds. */
  nowMs(): number;
}

export const MAX_FAULTS = 5;
export const SLOW_MS = 10;

/** An answer and who gave it. */
export interface Answer<Decision> {
  readonly decision: Decision;
  /** Name of the policy that decided: the default's after a fault. */
  readonly policy: string;
}

/** Asks a policy once; the answer can be carried out, whoever gave it. */
export type Asker<Snapshot, Decision> = (snapshot: Snapshot) => Answer<Decision>;

/** Puts a policy behind the firewall. Once a troupe and policy: it counts faults. */
export function asker<Snapshot, Decision>(
  kind: PolicyKind<Snapshot, Decision>,
  policy: PolicyOf<string, Snapshot, Decision>,
  watch: Watch,
): Asker<Snapshot, Decision> {
  const byDefault = (snapshot: Snapshot): Answer<Decision> => ({ decision: kind.fallback.decide(snapshot), policy: kind.fallback.name });
  if (policy === kind.fallback) return byDefault;
  const name = textOf(policy.name);
  const guard = trust(kind.kind, name, watch);
  return (snapshot) =>
    guard(
      () => policy.decide(sealed(snapshot)),
      (answer) => {
        const read = kind.read(answer, snapshot);
        return 'wrong' in read ? read : { ok: { decision: read.ok, policy: name } };
      },
      () => byDefault(snapshot),
    );
}

/** Runs what is not ours; an unusable answer is reported and replaced. */
type Guarded = <T>(run: () => unknown, read: (answer: unknown) => Read<T>, otherwise: () => T) => T;

/** The one place where foreign code is called by a machine. */
export function trust(member: string, policy: string, watch: Watch): Guarded {
  let faults = 0;
  let isRunning = false; // a replaced guard that refers to itself, as in `shouldRetry: not('shouldRetry')`
  const fault = (what: string, error?: string): void => {
    faults++;
    quietly(() => watch.onFault({ member, policy, what, faults, ...(error === undefined ? undefined : { error }) }));
  };
  return (run, read, otherwise) => {
    if (faults >= MAX_FAULTS) return otherwise();
    if (isRunning) {
      fault('refers to itself');
      return otherwise();
    }
    isRunning = true;
    const startMs = watch.nowMs();
    try {
      const answer = run();
      const result = read(answer);
      quietly(() => letGo(answer));
      if ('ok' in result) return result.ok;
      fault(result.wrong);
    } catch (error) {
      fault('threw', textOf(error));
    } finally {
      isRunning = false;
      const tookMs = watch.nowMs() - startMs;
      if (tookMs > SLOW_MS) quietly(() => watch.onSlow({ member, policy, tookMs }));
    }
    return otherwise();
  };
}

/** For what may fail without any harm to the decision: a listener, a look at what was not asked for. */
function quietly(run: () => void): void {
  try {
    run();
  } catch {
    // nobody is left to tell
  }
}

/** What foreign code is shown cannot be written to: bounds are read from the very same data afterwards. Plain data only. */
export function sealed<T>(data: T): T {
  if (typeof data === 'object' && data !== null && !Object.isFrozen(data)) {
    Object.freeze(data);
    for (const value of Object.values(data)) sealed(value);
  }
  return data;
}

/** Fields of an answer, and of each part of it, that are looked through for promises; and how deep: no answer has more. */
const MOST_FIELDS = 100;
const MOST_LEVELS = 2;

/** A promise that an answer is, or carries along, must stop nobody when it rejects. Getters are left alone: they were read once. */
function letGo(answer: unknown, levels = MOST_LEVELS): void {
  if (typeof answer !== 'object' || answer === null) return;
  if (isThenable(answer)) Promise.resolve(answer).catch(() => {});
  if (levels === 0) return;
  const keys = Array.isArray(answer) ? Object.keys(answer.slice(0, MOST_FIELDS)) : Object.keys(answer).slice(0, MOST_FIELDS);
  for (const key of keys) letGo(Object.getOwnPropertyDescriptor(answer, key)?.value, levels - 1);
}

export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value && typeof value.then === 'function';

/** Says what a wrong value was. A promise among them is let go. */
export function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return `'${value.slice(0, 60)}'`;
  if (value === null || value === undefined) return String(value);
  if (isThenable(value)) {
    letGo(value);
    return 'a promise';
  }
  return Array.isArray(value) ? 'an array' : `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}

const MAX_TEXT = 2000;

/** What was thrown, or given for a name, as text: also when it cannot be made one. */
function textOf(value: unknown): string {
  try {
    const text = value instanceof Error ? (value.stack ?? value.message) : value;
    return String(text).slice(0, MAX_TEXT);
  } catch {
    return typeof value;
  }
}

/** An answer that must be an object, by its fields; or what is wrong with it. */
export function asRecord(answer: unknown): Readonly<Record<string, unknown>> | string {
  return typeof answer === 'object' && answer !== null && !isThenable(answer) && !Array.isArray(answer)
    ? (answer as Readonly<Record<string, unknown>>)
    : `answered ${describe(answer)}, not a decision`;
}
