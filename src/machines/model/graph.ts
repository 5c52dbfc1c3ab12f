/**
 * Who waits for whom: the task graph as a mutable store, owned by the dataflow actor and changed only by its
 * actions. A node is a live task, or an input that is not a task of ours (a foreign promise). What is settled
 * leaves the graph, so its size is that of the work in flight.
 */
export interface Graph {
  /** Adds a node that waits for `sources`, each a node of the graph; returns how many it waits for. */
  add(id: string, sources: readonly string[]): number;
  has(id: string): boolean;
  /** Takes out a node. Returns its dependents, in the order they were added, each with what it still waits for. */
  settle(id: string): readonly { readonly id: string; readonly missing: number }[];
  /** Forgets that `id` waits for anything: it has settled on its own. */
  detach(id: string): void;
  /** Whether any node waits for it. */
  isAwaited(id: string): boolean;
  /** What a node still waits for, in no particular order. */
  waitingFor(id: string): readonly string[];
  readonly size: number;
}

interface Node {
  readonly id: string;
  /** Those it was added with, settled or not; none once it is detached. */
  sources: readonly string[];
  /** How many of them have not settled. */
  missing: number;
  /** In the order they were added. A dependent that is detached stays listed: taking it out of a long list costs its length. */
  dependents: Node[] | undefined;
  /** How many of the dependents are detached. */
  stale: number;
}

const NONE: readonly never[] = [];
/** From here on a list is cleaned when half of it is stale. */
const MANY = 32;

export function graph(): Graph {
  const nodes = new Map<string, Node>();
  /** Listed as a dependent, it waits: its sources are those it was added with until it is detached. */
  const isWaiting = (node: Node): boolean => node.sources.length > 0 && nodes.get(node.id) === node;

  return {
    add(id, sources) {
      const each = sources.length > 1 && new Set(sources).size < sources.length ? [...new Set(sources)] : sources;
      const node: Node = { id, sources: each, missing: each.length, dependents: undefined, stale: 0 };
      nodes.set(id, node);
      for (const source of each) {
        const found = nodes.get(source);
        if (found === undefined) continue;
        if (found.dependents === undefined) found.dependents = [node];
        else found.dependents.push(node);
      }
      return node.missing;
    },
    has: (id) => nodes.has(id),
    settle(id) {
      const node = nodes.get(id);
      if (node === undefined) return NONE;
      nodes.delete(id);
      if (node.dependents === undefined) return NONE;
      const freed: { id: string; missing: number }[] = [];
      for (const dependent of node.dependents) {
        if (!isWaiting(dependent)) continue;
        dependent.missing--;
        freed.push({ id: dependent.id, missing: dependent.missing });
      }
      return freed;
    },
    detach(id) {
      const node = nodes.get(id);
      if (node === undefined) return;
      const { sources } = node;
      node.sources = NONE;
      node.missing = 0;
      for (const source of sources) {
        const found = nodes.get(source);
        if (found?.dependents === undefined) continue;
        found.stale++;
        if (found.stale < MANY || found.stale < found.dependents.length / 2) continue;
        found.dependents = found.dependents.filter(isWaiting);
        found.stale = 0;
      }
    },
    isAwaited: (id) => nodes.get(id)?.dependents?.some(isWaiting) === true,
    waitingFor: (id) => (nodes.get(id)?.sources ?? NONE).filter((source) => nodes.has(source)),
    get size() {
      return nodes.size;
    },
  };
}
