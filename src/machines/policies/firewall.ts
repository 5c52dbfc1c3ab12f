/**
 * Nothing a policy does escapes: a throw, a NaN, a promise, a wrong type or an answer out of bounds becomes a
 * {@link PolicyFault} and the built-in default decides; after repeated faults the default stays in charge.
 * An endless loop cannot be stopped within one thread.
 */
import type { PolicyKind, PolicyOf } from './port.ts';

/** A policy, or a replaced member of a machine, has misbehaved. */
export interface PolicyFault {
  /** Kind of policy, or `machine.guards.name` of a replaced member. */
  readonly member: string;
  readonly policy: string;
  /** What it did, in words. */
  readonly what: string;
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

/** Told of whatever the firewall stops. Must not throw. */
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
export function asker<Snapshot, Decision>(kind: PolicyKind<Snapshot, Decision>, policy: PolicyOf<string, Snapshot, Decision>, watch: Watch): Asker<Snapshot, Decision> {
  const guard = trust(kind.kind, policy.name, watch);
  const byDefault = (snapshot: Snapshot): Answer<Decision> => ({ decision: kind.fallback.decide(snapshot), policy: kind.fallback.name });
  if (policy === kind.fallback) return byDefault;
  return (snapshot) =>
    guard(
      () => policy.decide(snapshot),
      (answer) => kind.check(answer, snapshot),
      (answer) => ({ decision: answer as Decision, policy: policy.name }),
      () => byDefault(snapshot),
    );
}

/** Runs what is not ours; an unusable answer is reported and replaced. */
type Guarded = <T>(run: () => unknown, check: (answer: unknown) => string | undefined, use: (answer: unknown) => T, otherwise: () => T) => T;

/** The one place where foreign code is called by a machine. */
export function trust(member: string, policy: string, watch: Watch): Guarded {
  let faults = 0;
  let isRunning = false; // a replaced guard that refers to itself, as in `shouldRetry: not('shouldRetry')`
  const fault = (what: string, error?: unknown): void => watch.onFault({ member, policy, what, faults: ++faults, ...(error === undefined ? undefined : { error }) });
  return (run, check, use, otherwise) => {
    if (faults >= MAX_FAULTS) return otherwise();
    if (isRunning) {
      fault('refers to itself');
      return otherwise();
    }
    isRunning = true;
    const startMs = watch.nowMs();
    try {
      const answer = run();
      const wrong = check(answer);
      if (wrong === undefined) return use(answer);
      letGo(answer);
      fault(wrong);
    } catch (error) {
      fault('threw', error);
    } finally {
      isRunning = false;
      const tookMs = watch.nowMs() - startMs;
      if (tookMs > SLOW_MS) watch.onSlow({ member, policy, tookMs });
    }
    return otherwise();
  };
}

/** A refused promise must stop nobody when it rejects. */
function letGo(value: unknown): void {
  if (isThenable(value)) Promise.resolve(value).catch(() => {});
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/** Says what a wrong answer was. */
export function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return `'${value.slice(0, 60)}'`;
  if (isThenable(value)) return 'a promise';
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

/** The fields of an answer that must be an object, or what is wrong with it. */
export function asRecord(answer: unknown): Readonly<Record<string, unknown>> | string {
  return typeof answer === 'object' && answer !== null && !isThenable(answer) && !Array.isArray(answer)
    ? (answer as Readonly<Record<string, unknown>>)
    : `answered ${describe(answer)}, not a decision`;
}
