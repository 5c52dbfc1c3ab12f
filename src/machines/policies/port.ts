/**
 * What every policy is: a name and a pure function from a snapshot to an answer, asked once a decision behind the
 * firewall, its answer recorded. A policy with a past returns `memory` and is given it the next time.
 */
export interface PolicyOf<Kind extends string, Snapshot, Decision> {
  readonly kind: Kind;
  /** Shown wherever a decision is. */
  readonly name: string;
  /** @param snapshot - Deeply frozen: a policy that writes to it throws, and the built-in decides. */
  decide(snapshot: Snapshot): Decision;
}

/** What was read of an answer: what can be carried out, or what is wrong with it in words. */
export type Read<T> = { readonly ok: T } | { readonly wrong: string };

/** How the firewall knows a usable answer, and what decides when there is none. */
export interface PolicyKind<Snapshot, Decision> {
  readonly kind: string;
  /** Reads each field of an answer once, into plain data of our own. May throw when the answer does. */
  read(answer: unknown, snapshot: Snapshot): Read<Decision>;
  /** The built-in default. */
  readonly fallback: PolicyOf<string, Snapshot, Decision>;
}
