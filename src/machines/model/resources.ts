/** What a task asks for and what a place offers, as vectors that are compared, added and subtracted by key. */
export interface Resources {
  /** Processor cores. @defaultValue 1 */
  readonly cores?: number;
  readonly memoryBytes?: number;
  readonly gpus?: number;
  /** Nodes of an MPI task. */
  readonly nodes?: number;
  readonly ranksPerNode?: number;
}

/** Units that one place (a process, a node, a block) has at once; a key that is absent is not offered. */
export type Capacity = Readonly<Partial<Record<'cores' | 'memoryBytes' | 'gpus', number>>>;

const units = ['cores', 'memoryBytes', 'gpus'] as const;

/** What a task takes from a place: one core unless it says otherwise. */
export function demandOf(resources: Resources): Capacity {
  const { memoryBytes, gpus } = resources;
  return { cores: resources.cores ?? 1, ...(memoryBytes ? { memoryBytes } : undefined), ...(gpus ? { gpus } : undefined) };
}

/** The first unit of `demand` that `offer` does not have enough of; `undefined` when all of it fits. */
export function lacking(demand: Capacity, offer: Capacity): keyof Capacity | undefined {
  return units.find((unit) => (demand[unit] ?? 0) > (offer[unit] ?? 0));
}

/** Why a place of this capacity could never run a task; `undefined` when it could. */
export function misfit(resources: Resources, offer: Capacity): string | undefined {
  if ((resources.nodes ?? 1) > 1 || (resources.ranksPerNode ?? 1) > 1) return 'it runs on one node, with one rank';
  const demand = demandOf(resources);
  const unit = lacking(demand, offer);
  return unit && `${unit}: asks for ${demand[unit]}, has ${offer[unit] ?? 0}`;
}

export const plus = (a: Capacity, b: Capacity): Capacity => combine(a, b, 1);
export const minus = (a: Capacity, b: Capacity): Capacity => combine(a, b, -1);

function combine(a: Capacity, b: Capacity, sign: 1 | -1): Capacity {
  return Object.fromEntries(units.flatMap((unit) => (unit in a || unit in b ? [[unit, (a[unit] ?? 0) + sign * (b[unit] ?? 0)]] : [])));
}
