/** What an executor will offer, worked out from its configuration alone: what `explain` shows. Plain data. */

/** One line: what, how much, and how that comes about. */
export interface ExplainedFact {
  readonly what: string;
  /** `null`: nobody can know before it runs. */
  readonly value: string | number | boolean | null;
  readonly how?: string;
}

export interface ExecutorExplanation {
  readonly label: string;
  readonly kind: string;
  /** Tasks at once, of one core each: at the start and at most. `null`: not known before it runs. */
  readonly slots: { readonly init: number; readonly max: number } | null;
  readonly facts: readonly ExplainedFact[];
}
