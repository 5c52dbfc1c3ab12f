/**
 * Ctrl-C and SIGTERM: the first closes every open troupe, and the process ends by that signal when all are closed; a
 * second one leaves at once. Installed while a troupe is open. And abort signals, each of which may cancel many tasks.
 */
const signals = ['SIGINT', 'SIGTERM'] as const;

/** Closes one troupe each. One handler for all: the first that is done must not end the process for the others. */
const closers = new Set<() => Promise<unknown>>();
let isClosing = false;

/**
 * @param close - Cancels what is pending and closes.
 * @returns Takes the handlers away.
 */
export function handleSignals(close: () => Promise<unknown>): () => void {
  if (closers.size === 0 && !isClosing) for (const signal of signals) process.on(signal, onSignal);
  closers.add(close);
  return () => {
    closers.delete(close);
    if (closers.size === 0 && !isClosing) remove(); // closing by signal: a second one must still find the handler
  };
}

function onSignal(signal: NodeJS.Signals): void {
  if (isClosing) {
    leave(signal);
    return;
  }
  isClosing = true;
  process.stderr.write(`\n${signal}: cancelling tasks; once more to leave at once\n`);
  void Promise.allSettled([...closers].map((close) => close())).then(() => {
    if (isClosing) leave(signal);
  });
}

function remove(): void {
  for (const signal of signals) process.off(signal, onSignal);
}

function leave(signal: NodeJS.Signals): void {
  isClosing = false;
  closers.clear();
  remove();
  process.kill(process.pid, signal); // with the default action, or the host's own handlers
}

/** The tasks of each abort signal. One listener a signal: Node warns of more than ten, and takes one away in O(n). */
export interface AbortSignals {
  add(signal: AbortSignal, taskId: string): void;
  delete(signal: AbortSignal, taskId: string): void;
}

export function abortSignals(cancel: (taskId: string, reason: unknown) => void): AbortSignals {
  const watched = new Map<AbortSignal, { readonly ids: Set<string>; readonly listener: () => void }>();
  return {
    add(signal, taskId) {
      let entry = watched.get(signal);
      if (entry === undefined) {
        const ids = new Set<string>();
        const listener = (): void => {
          for (const id of ids) cancel(id, signal.reason);
        };
        entry = { ids, listener };
        watched.set(signal, entry);
        signal.addEventListener('abort', listener);
      }
      entry.ids.add(taskId);
    },
    delete(signal, taskId) {
      const entry = watched.get(signal);
      entry?.ids.delete(taskId);
      if (entry === undefined || entry.ids.size > 0) return;
      watched.delete(signal);
      signal.removeEventListener('abort', entry.listener);
    },
  };
}
