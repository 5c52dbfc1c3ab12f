/** Failures that nobody has asked for. They raise nothing by themselves, so they are named once, at the end. */
export interface UnreadFailures {
  add(taskId: string, describe: () => string): void;
  /** Somebody has asked for the outcome of this task. */
  read(taskId: string): void;
  /** `undefined` when every failure was read. */
  summary(): string | undefined;
}

const NAMED = 5;

export function unreadFailures(): UnreadFailures {
  const ids = new Set<string>();
  const descriptions = new Map<string, string>(); // of the first few: their texts may be long
  return {
    add(taskId, describe) {
      ids.add(taskId);
      if (descriptions.size < NAMED) descriptions.set(taskId, describe());
    },
    read(taskId) {
      ids.delete(taskId);
      descriptions.delete(taskId);
    },
    summary() {
      if (ids.size === 0) return undefined;
      const rest = ids.size - descriptions.size;
      const lines = [...descriptions.values(), ...(rest > 0 ? [`${descriptions.size > 0 ? 'and ' : ''}${rest} more`] : [])];
      return `${ids.size} task${ids.size > 1 ? 's' : ''} failed and nobody read the result:\n  ${lines.join('\n  ')}`;
    },
  };
}
