/** Selection policies: which manager gets a try. Asked once a grant: a hot kind. */
import type { Resources } from '../../model/resources.ts';
import type { PolicyOf } from '../port.ts';

/** A manager that could take the try now. */
export interface SelectionCandidate {
  readonly managerId: string;
  readonly blockId: string;
  readonly host: string;
  readonly workers: number;
  /** Tries granted and not ended; how many more it takes. */
  readonly tries: number;
  readonly credit: number;
  /** How long its block lives; absent without a walltime. */
  readonly remainingMs?: number;
}

export interface SelectionSnapshot {
  readonly taskId: string;
  readonly name: string;
  readonly tryIndex: number;
  readonly resources: Resources;
  /** At least one; in the order in which they registered. */
  readonly candidates: readonly SelectionCandidate[];
  /** Uniform in [0, 1). */
  readonly random: number;
}

export interface SelectionDecision {
  /** One of the candidates. */
  readonly managerId: string;
  readonly why?: string;
}

export type SelectionPolicy = PolicyOf<'selection', SelectionSnapshot, SelectionDecision>;
