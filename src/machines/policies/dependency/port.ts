/** Dependency policies: what inputs without a value do to the task that waits for them. */
import type { PolicyOf } from '../port.ts';

export interface DependencySnapshot {
  readonly taskId: string;
  readonly name: string;
  /** Inputs without a value, at least one, in the order of the arguments. */
  readonly failed: readonly { readonly source: string; readonly name: string | undefined; readonly message: string }[];
  /** All inputs that are futures or promises. */
  readonly inputs: number;
}

export type DependencyDecision =
  | { readonly run: false; readonly why?: string }
  | {
      readonly run: true;
      /** Stands for every input that has none. @defaultValue undefined */
      readonly value?: unknown;
      readonly why?: string;
    };

/** Not asked about a cancelled input: that always cancels its dependents. */
export type DependencyPolicy = PolicyOf<'dependency', DependencySnapshot, DependencyDecision>;
