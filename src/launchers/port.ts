/** How one command reaches every node of a block, or every rank of an MPI task: a pure function over argv. */
export interface Launcher {
  /** `simple`, `srun`, … */
  readonly kind: string;
  /** Its options as plain data, from which a registry can build it again. */
  readonly options: Readonly<Record<string, unknown>>;
  /**
   * The command that starts `argv` once a rank, run once on the first node of the block.
   * @throws ConfigError when it cannot reach as many nodes or ranks.
   */
  launch(argv: readonly string[], at: LaunchTarget): readonly string[];
}

export interface LaunchTarget {
  readonly nodes: number;
  /** Copies on each node. */
  readonly ranksPerNode: number;
  /** Absolute. */
  readonly workDir: string;
}

/** Changes the command of a manager before the launcher sees it: wraps it in a container, sets a path. In order. */
export type LaunchTransform = (argv: readonly string[], at: LaunchTarget) => readonly string[];
