/**
 * What every policy is: a name and a pure function from a snapshot to an answer, asked once a decision behind the
 * firewall, its answer recorded. A policy with a past returns `memory` and is given it the next time.
 */
export interface PolicyOf<Kind extends string, Snapshot, Decision> {
  readonly kind: Kind;
  /** Shown wherever a decision is. */
  readonly name: string;
  decide(snapshot: Snapshot): Decision;
}

/** How the firewall knows a usable answer, and what decides when there is none. */
export interface PolicyKind<Snapshot, Decision> {
  readonly kind: string;
  /** What is wrong with an answer, in words; `undefined` when it can be carried out. */
  check(answer: unknown, snapshot: Snapshot): string | undefined;
  /** The built-in default. */
  readonly fallback: PolicyOf<string, Snapshot, Decision>;
}
