/**
 * `troupe/testing`: a clock that the test moves, and an executor that runs nothing, for tests of policies and of
 * programs. Neither needs a test runner.
 */
import { SimulatedClock } from 'xstate';

import type { ExecutorPlugin, ExecutorPort, Lease, Try } from '../actors/executors/port.ts';
import type { FailureKind } from '../machines/model/failures.ts';

export { SimulatedClock };
export type { ExecutorLoad, ExecutorPlugin, ExecutorPort, Lease, OpenExecutor, Place, Try, TryReport } from '../actors/executors/port.ts';
export type { Clock } from '../actors/timers.ts';

/** The test takes the tries it was given and says how each ends; it ends with `expectNothingElse()`. */
export interface ManualExecutor extends ExecutorPlugin {
  /** Tries that were submitted and not ended, oldest first. */
  readonly held: readonly Try[];
  /** Every try that was ever submitted, oldest first. */
  readonly seen: readonly Try[];
  /** Leases that were told to stop, oldest first. */
  readonly stopping: readonly Lease[];
  launched(attempt: Lease): void;
  started(attempt: Lease): void;
  done(attempt: Lease, value?: unknown): void;
  failed(attempt: Lease, error?: unknown, kind?: FailureKind, worker?: string): void;
  stopped(attempt: Lease): void;
  /** The one try that is held. @throws Error when there is none, or more. */
  take(): Try;
  /** @throws Error when a try is held. */
  expectNothingElse(): void;
}

/** @param autoStop - Confirms a stop at once, as executors do for queued tries. */
export function manualExecutor({
  label = 'manual',
  slots = 4,
  autoStop = false,
  copies = false,
}: { label?: string; slots?: number; autoStop?: boolean; copies?: boolean } = {}): ManualExecutor {
  const held = new Map<string, Try>();
  const seen: Try[] = [];
  const stopping: Lease[] = [];
  let port: ExecutorPort | undefined;
  const key = ({ taskId, tryIndex }: Lease): string => `${taskId}/${tryIndex}`;
  const end = (attempt: Lease): Lease => {
    held.delete(key(attempt));
    return { taskId: attempt.taskId, tryIndex: attempt.tryIndex };
  };
  const place = { host: 'here', worker: '1' };

  const self: ManualExecutor = {
    kind: 'manual',
    label,
    copies,
    open(opened) {
      port = opened;
      return {
        ready: Promise.resolve(),
        misfit: ({ gpus = 0 }) => (gpus > 0 ? `gpus: asks for ${gpus}, has 0` : undefined),
        load: () => ({ queued: 0, running: held.size, slots }),
        submit(attempt) {
          seen.push(attempt);
          held.set(key(attempt), attempt);
        },
        stop(lease) {
          stopping.push(lease);
          if (autoStop && held.has(key(lease))) self.stopped(lease);
        },
        why: () => 'held by the test',
        async close() {
          held.clear();
        },
      };
    },
    get held() {
      return [...held.values()];
    },
    seen,
    stopping,
    launched: ({ taskId, tryIndex }) => port?.report({ taskId, tryIndex, type: 'try.launched' }),
    started: (attempt) => port?.report({ taskId: attempt.taskId, tryIndex: attempt.tryIndex, type: 'try.started', place }),
    done: (attempt, value) => port?.report({ ...end(attempt), type: 'try.done', result: { value } }),
    failed: (attempt, error = new Error('boom'), kind = 'app', worker = '1') =>
      port?.report({ ...end(attempt), type: 'try.failed', kind, error: { value: error }, place: { host: 'here', worker } }),
    stopped: (attempt) => port?.report({ ...end(attempt), type: 'try.stopped' }),
    take() {
      const [first, ...rest] = held.values();
      if (first === undefined || rest.length > 0)
        throw new Error(`one try was expected, ${held.size} are held: ${[...held.keys()].join(', ')}`);
      return first;
    },
    expectNothingElse() {
      if (held.size > 0) throw new Error(`no try was expected, ${held.size} are held: ${[...held.keys()].join(', ')}`);
    },
  };
  return self;
}
