/** Ids: one sequence per troupe and kind, so that logs of equal runs are equal. */
export interface Ids {
  /** `t1`, `t2`, … */
  nextTask(): string;
}

export function ids(): Ids {
  let tasks = 0;
  return { nextTask: () => `t${++tasks}` };
}
