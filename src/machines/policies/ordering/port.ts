/** Ordering policies: which queued try goes first. Asked once a try, when it is queued: a hot kind. */
import type { Resources } from '../../model/resources.ts';
import type { PolicyOf } from '../port.ts';

export interface OrderingSnapshot {
  readonly taskId: string;
  readonly name: string;
  readonly tryIndex: number;
  /** The task's own: larger first, 0 unless it says otherwise. */
  readonly priority: number;
  readonly resources: Resources;
  readonly nowMs: number;
}

export interface OrderingDecision {
  /** Larger first; among equals, first in first out. A finite number. */
  readonly rank: number;
  readonly why?: string;
}

export type OrderingPolicy = PolicyOf<'ordering', OrderingSnapshot, OrderingDecision>;
