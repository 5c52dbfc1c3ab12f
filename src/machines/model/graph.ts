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
  readonly waitsFor: Set<string>;
  readonly dependents: Set<string>;
}

export function graph(): Graph {
  const nodes = new Map<string, Node>();
  return {
    add(id, sources) {
      const waitsFor = new Set(sources);
      nodes.set(id, { waitsFor, dependents: new Set() });
      for (const source of waitsFor) nodes.get(source)?.dependents.add(id);
      return waitsFor.size;
    },
    has: (id) => nodes.has(id),
    settle(id) {
      const node = nodes.get(id);
      if (node === undefined) return [];
      nodes.delete(id);
      const freed: { id: string; missing: number }[] = [];
      for (const dependent of node.dependents) {
        const { waitsFor } = nodes.get(dependent) ?? {};
        if (waitsFor === undefined) continue;
        waitsFor.delete(id);
        freed.push({ id: dependent, missing: waitsFor.size });
      }
      return freed;
    },
    detach(id) {
      const node = nodes.get(id);
      if (node === undefined) return;
      for (const source of node.waitsFor) nodes.get(source)?.dependents.delete(id);
      node.waitsFor.clear();
    },
    isAwaited: (id) => (nodes.get(id)?.dependents.size ?? 0) > 0,
    waitingFor: (id) => [...(nodes.get(id)?.waitsFor ?? [])],
    get size() {
      return nodes.size;
    },
  };
}
