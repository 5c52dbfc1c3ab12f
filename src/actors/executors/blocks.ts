/**
 * Runs tries on blocks: managers and workers that a provider brings and takes away, as many as a policy wants. What
 * there is to it is in `actors/blocks/pool.ts`; here tries become work, and what comes of work becomes reports.
 */
import { InternalError, TaskNotFoundError, UnroutableError } from '../../machines/model/errors.ts';
import { messageOf, type FailureKind } from '../../machines/model/failures.ts';
import type { Place } from '../../machines/model/story.ts';
import type { Serializer } from '../../transport/serializers/port.ts';
import type { BlockControl } from '../blocks/control.ts';
import { blockPool, type Pool } from '../blocks/pool.ts';
import type { PoolOptions } from '../blocks/pool-options.ts';
import type { Work, WorkSink } from '../blocks/work.ts';
import { loadPlan, type LoaderOption, type LoadPlan } from '../load-plan.ts';
import { decodeOutcome, encodeReason, encodeTry } from '../work.ts';
import type { ExecutorPort, Lease, OpenExecutor, Try } from './port.ts';

export interface BlocksExecutorOptions extends PoolOptions {
  readonly loader: LoaderOption;
}

/** A running blocks executor: it can be asked for more and fewer blocks. */
export interface OpenBlocks extends OpenExecutor {
  readonly pool: Pool;
  readonly control: BlockControl;
}

/** A try on its way through a pool. */
interface TryWork extends Work {
  readonly attempt: Try;
}

export function openBlocks(options: BlocksExecutorOptions, port: ExecutorPort): OpenBlocks {
  const { serializer, report } = port;
  let made: LoadPlan | undefined;
  const plan = (): LoadPlan => (made ??= loadPlan(options.loader));
  /** Tries whose module is being bundled: not in the pool yet, and to be stopped all the same. */
  const unprepared = new Set<string>();

  const sink: WorkSink = {
    sent: () => {}, // a result may come without a word in between, and most do
    started: ({ taskId, tryIndex }, place) => report({ type: 'try.started', taskId, tryIndex, place }),
    ended(work, bytes, place) {
      const { taskId, tryIndex } = work;
      try {
        const outcome = decodeOutcome(bytes, serializer);
        if (outcome.type === 'done') report({ type: 'try.done', taskId, tryIndex, result: outcome.result, place });
        else if (outcome.type === 'stopped') report({ type: 'try.stopped', taskId, tryIndex });
        else report({ ...outcome, type: 'try.failed', taskId, tryIndex, place });
      } catch (cause) {
        const message = `what the worker said of ${work.name} (${taskId}) is no outcome: ${messageOf(cause)}`;
        fail(work, 'internal', new InternalError(message, { actor: taskId, cause }), place);
      }
    },
    failed: fail,
    stopped: ({ taskId, tryIndex }) => report({ type: 'try.stopped', taskId, tryIndex }),
    progress({ taskId, tryIndex }, value) {
      try {
        report({ type: 'try.progress', taskId, tryIndex, progress: serializer.decode(value) });
      } catch (cause) {
        port.note('worker.garbled', { taskId, tryIndex, message: messageOf(cause) });
      }
    },
    output: ({ taskId, tryIndex }, stream, text) => report({ type: 'try.output', taskId, tryIndex, stream, text }),
  };

  function fail({ taskId, tryIndex }: Lease, kind: FailureKind, error: Error, place?: Place): void {
    report({ type: 'try.failed', taskId, tryIndex, kind, error: { value: error }, ...(place === undefined ? undefined : { place }) });
  }

  const pool = blockPool(options, { ...host(port), sink }, plan);

  function submit(attempt: Try): void {
    const { taskId, name, resources, timeRequestMs } = attempt;
    const why = pool.misfit(resources, timeRequestMs);
    if (why !== undefined) {
      const error = new UnroutableError(`${name} (${taskId}) could never run on executor ${options.label}: ${why}`, {
        taskId,
        tryIndex: attempt.tryIndex,
        candidates: { [options.label]: why },
      });
      fail(attempt, 'unroutable', error);
      return;
    }
    const key = keyOf(attempt);
    const url = plan().importUrlOf(attempt.moduleUrl);
    if (typeof url === 'string') {
      pool.submit(workOf(key, attempt, url, serializer));
      return;
    }
    unprepared.add(key);
    url.then(
      (importUrl) => {
        if (unprepared.delete(key)) pool.submit(workOf(key, attempt, importUrl, serializer));
      },
      (cause: unknown) => {
        if (unprepared.delete(key)) fail(attempt, 'unroutable', notPrepared(attempt, cause));
      },
    );
  }

  return {
    ready: pool.ready,
    misfit: (resources) => pool.misfit(resources),
    load: () => ({ queued: pool.queued + unprepared.size, running: pool.running, slots: pool.slots }),
    submit,
    stop(lease, reason, graceMs) {
      const key = keyOf(lease);
      if (unprepared.delete(key)) report({ type: 'try.stopped', taskId: lease.taskId, tryIndex: lease.tryIndex });
      else pool.stop(key, encodeReason(reason, serializer), graceMs);
    },
    why: (lease) => (unprepared.has(keyOf(lease)) ? 'its module is being bundled' : pool.why(keyOf(lease))),
    close: () => pool.close(),
    pool,
    control: pool.control,
  };
}

/** As much of the port as a pool uses. The rest is this file's. */
const host = (port: ExecutorPort): Omit<Parameters<typeof blockPool>[1], 'sink'> => ({
  clock: port.clock,
  note: port.note,
  degraded: port.degraded,
  restored: port.restored,
  broken: port.broken,
  actors: port.actors,
  runId: port.runId,
  runDir: port.runDir,
  random: port.random,
});

const keyOf = ({ taskId, tryIndex }: Lease): string => `${taskId}/${tryIndex}`;

function workOf(key: string, attempt: Try, importUrl: string, serializer: Serializer): TryWork {
  const { taskId, tryIndex, name, priority, resources, timeRequestMs, args, moduleUrl } = attempt;
  return {
    key,
    taskId,
    tryIndex,
    name,
    priority,
    resources,
    timeRequestMs,
    attempt,
    encode: () =>
      encodeTry(
        attempt,
        'bytes' in args ? args.bytes : serializer.encode(args.values, 'args'),
        importUrl === moduleUrl ? undefined : importUrl,
      ),
  };
}

function notPrepared({ taskId, tryIndex, name, identity, moduleUrl }: Try, cause: unknown): TaskNotFoundError {
  const message = `${name} (${taskId}) was not found: ${moduleUrl} could not be prepared for workers: ${messageOf(cause)}`;
  return new TaskNotFoundError(message, { taskId, tryIndex, identity, moduleUrl, known: [], cause });
}
