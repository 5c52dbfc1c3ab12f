/** Snapshots for tests of single policies, with what matters laid over. */
import type { DependencySnapshot } from '../../src/machines/policies/dependency/port.ts';
import type { PolicyFault, PolicySlow, Watch } from '../../src/machines/policies/firewall.ts';
import type { RetrySnapshot } from '../../src/machines/policies/retry/port.ts';
import type { RoutingCandidate, RoutingSnapshot } from '../../src/machines/policies/routing/port.ts';
import { failure } from './machines.ts';

export function failed(more: Partial<RetrySnapshot> = {}): RetrySnapshot {
  const { failures = [more.failure ?? failure()] } = more;
  return {
    taskId: 't1',
    name: 'simulate',
    failure: failures.at(-1) ?? failure(),
    failures,
    tryIndex: failures.length - 1,
    executor: 'here',
    executors: ['here', 'there'],
    resources: {},
    cost: 0,
    retries: 3,
    random: 0.5,
    ...more,
  };
}

export const candidate = (label: string, more: Partial<RoutingCandidate> = {}): RoutingCandidate => ({
  label,
  kind: 'threads',
  queued: 0,
  running: 0,
  slots: 1,
  ...more,
});

export const routed = (candidates: readonly RoutingCandidate[], more: Partial<RoutingSnapshot> = {}): RoutingSnapshot => ({
  taskId: 't1',
  name: 'simulate',
  tryIndex: 0,
  priority: 0,
  resources: {},
  failures: [],
  candidates,
  random: 0.5,
  ...more,
});

export const missing: DependencySnapshot = {
  taskId: 't2',
  name: 'mean',
  inputs: 2,
  failed: [{ source: 't1', name: 'simulate', message: 'boom' }],
};

/** A watch that writes down what it is told. Its clock is moved by the test. */
export interface NotedWatch extends Watch {
  readonly faults: PolicyFault[];
  readonly slow: PolicySlow[];
  /** A policy took this long. */
  tick(ms: number): void;
}

export function notedWatch(): NotedWatch {
  const faults: PolicyFault[] = [];
  const slow: PolicySlow[] = [];
  let nowMs = 0;
  return {
    faults,
    slow,
    onFault: (fault) => void faults.push(fault),
    onSlow: (each) => void slow.push(each),
    nowMs: () => nowMs,
    tick: (ms) => void (nowMs += ms),
  };
}
