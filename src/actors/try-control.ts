/** How a try that runs is told to stop: by its abort signal, which is made only when somebody asks for it. */
export interface TryControl {
  signal(): AbortSignal;
  isAborted(): boolean;
  /** How long the try has from its abort until it is killed. */
  graceMs(): number;
  abort(reason: unknown, graceMs: number): void;
}

/** Until somebody says how long: commands get this before SIGKILL. */
const GRACE_MS = 5000;

export function tryControl(): TryControl {
  let controller: AbortController | undefined;
  let aborted: { readonly reason: unknown; readonly graceMs: number } | undefined;
  return {
    signal() {
      if (controller === undefined) {
        controller = new AbortController();
        if (aborted !== undefined) controller.abort(aborted.reason);
      }
      return controller.signal;
    },
    isAborted: () => aborted !== undefined,
    graceMs: () => aborted?.graceMs ?? GRACE_MS,
    abort(reason, graceMs) {
      aborted = { reason, graceMs };
      controller?.abort(reason);
    },
  };
}
