/**
 * An executor that runs nothing: the test takes the tries it was given and says how each ends. Ends a test with
 * `expectNothingElse()`.
 */
import { expect } from 'vitest';

import type { ExecutorPlugin, ExecutorPort, Lease, Try } from '../../src/actors/executors/port.ts';
import type { FailureKind } from '../../src/machines/model/failures.ts';

export interface ManualExecutor extends ExecutorPlugin {
  /** Tries that were submitted and not ended, oldest first. */
  readonly held: readonly Try[];
  /** Every try that was ever submitted, oldest first. */
  readonly seen: readonly Try[];
  /** Leases that were told to stop, oldest first; taken by `expectStopped`. */
  readonly stopping: readonly Lease[];
  launched(attempt: Lease): void;
  started(attempt: Lease): void;
  done(attempt: Lease, value?: unknown): void;
  failed(attempt: Lease, error?: unknown, kind?: FailureKind, worker?: string): void;
  stopped(attempt: Lease): void;
  /** The one try that is held. */
  take(): Try;
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
      expect(rest).toEqual([]);
      expect(first).toBeDefined();
      return first as Try;
    },
    expectNothingElse() {
      expect([...held.keys()]).toEqual([]);
    },
  };
  return self;
}
