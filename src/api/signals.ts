/**
 * Ctrl-C and SIGTERM: the first closes, and the process ends by that signal; a second one leaves at once. Installed
 * while a troupe is open.
 */
const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * @param close - Cancels what is pending and closes.
 * @returns Takes the handlers away.
 */
export function handleSignals(close: () => Promise<unknown>): () => void {
  let isClosing = false;
  const remove = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  const leave = (signal: NodeJS.Signals): void => {
    remove();
    process.kill(process.pid, signal); // with the default action, or the host's own handlers
  };
  function onSignal(signal: NodeJS.Signals): void {
    if (isClosing) {
      leave(signal);
      return;
    }
    isClosing = true;
    process.stderr.write(`\n${signal}: cancelling tasks; once more to leave at once\n`);
    close().then(
      () => leave(signal),
      () => leave(signal),
    );
  }
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    if (!isClosing) remove(); // closing by signal: a second one must still find the handler
  };
}
