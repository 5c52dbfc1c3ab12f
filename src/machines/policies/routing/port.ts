/** Routing policies: which executor takes a task that is ready. Asked again for every try. */
import type { Failure } from '../../model/failures.ts';
import type { Resources } from '../../model/resources.ts';
import type { PolicyOf } from '../port.ts';

/** An executor that could run the task. */
export interface RoutingCandidate {
  readonly label: string;
  /** `inline`, `threads`, … */
  readonly kind: string;
  /** Tries waiting, tries running, tries that can run at once. */
  readonly queued: number;
  readonly running: number;
  readonly slots: number;
}

export interface RoutingSnapshot {
  readonly taskId: string;
  readonly name: string;
  readonly tryIndex: number;
  readonly priority: number;
  readonly resources: Resources;
  readonly failures: readonly Failure[];
  /** At least one; in the order of the task's `executors`, or of the configuration. */
  readonly candidates: readonly RoutingCandidate[];
  /** Uniform in [0, 1). */
  readonly random: number;
}

export interface RoutingDecision {
  /** Label of one of the candidates. */
  readonly executor: string;
  readonly why?: string;
}

export type RoutingPolicy = PolicyOf<'routing', RoutingSnapshot, RoutingDecision>;
