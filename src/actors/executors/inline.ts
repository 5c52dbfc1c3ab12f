/**
 * Runs tries in the driver's own event loop: for what waits rather than computes, for tests, and for debugging.
 *
 * A synchronous function holds the loop until it returns, and cannot be stopped. An asynchronous one that ignores its
 * signal is abandoned when its grace is over: its try has stopped and its slot is free, and what it still does is
 * noted and lost. Console output is reported like that of any other executor, and printed by whoever prints reports.
 */
import { AsyncResource } from 'node:async_hooks';
import { hostname, totalmem } from 'node:os';
import { performance } from 'node:perf_hooks';

import { openConsole } from '../console.ts';
import { taskFinder } from '../loader.ts';
import { runTask, type Outcome, type TaskHost } from '../run-task.ts';
import { tryControl } from '../try-control.ts';
import type { ExecutorPlugin, ExecutorPort, OpenExecutor, Place } from './port.ts';
import { slots, type Pace, type SlotRunner } from './slots.ts';

export interface InlineExecutorOptions {
  readonly label: string;
  /** Tries at once: asynchronous ones take turns. */
  readonly workers: number;
  /** False: task functions get the very arguments and give the very results. */
  readonly copy: boolean;
  /** What a try may print; `Infinity` for all of it. */
  readonly outputBytes: number;
}

/** How long tries may hold the event loop until timers and I/O have their turn. */
const SLICE_MS = 4;

/** From the end of a command's grace to the end of waiting for it. */
const SHELL_LAST_MS = 2000;

export function inlineExecutor(options: InlineExecutorOptions): ExecutorPlugin {
  const { label, copy } = options;
  return Object.freeze({ kind: 'inline', label, copies: copy, open: (port: ExecutorPort) => openInline(options, port) });
}

function openInline({ label, workers, copy, outputBytes }: InlineExecutorOptions, port: ExecutorPort): OpenExecutor {
  const releaseConsole = openConsole();
  const place: Place = Object.freeze({ host: hostname(), worker: `${process.pid}/inline` });
  const host: TaskHost = { serializer: port.serializer, copies: copy, find: taskFinder(), outputBytes };

  const copied = (value: unknown): unknown => (copy ? port.serializer.decode(port.serializer.encode(value, 'progress')) : value);
  const run: SlotRunner = (attempt, hooks) => {
    const control = tryControl();
    let isOver = false;
    /** A command is killed once its grace is over, which takes a moment; its body, or `parse`, may hang. */
    let last: { readonly id: unknown } | undefined;
    hooks.started(place);
    runTask(attempt, host, { control, progress: (value) => hooks.progress(copied(value)), output: hooks.output }).then(
      end,
      (error: unknown) => end({ type: 'failed', kind: 'internal', error: { value: error } }),
    );
    return {
      abort: control.abort,
      kill() {
        if (isOver) return;
        if (attempt.kind === 'shell' && last === undefined) last = { id: port.clock.setTimeout(abandon, SHELL_LAST_MS) };
        else abandon();
      },
    };

    function abandon(): void {
      port.note('try.abandoned', { taskId: attempt.taskId, tryIndex: attempt.tryIndex, name: attempt.name });
      end({ type: 'stopped' });
    }

    function end(outcome: Outcome): void {
      isOver = true;
      if (last !== undefined) port.clock.clearTimeout(last.id as never);
      hooks.ended(outcome);
    }
  };

  let pace: TimeSlices | undefined;
  const all = slots({
    label,
    port,
    workers,
    capacity: { cores: workers, memoryBytes: totalmem() },
    run,
    pace: (startDue) => (pace = timeSlices(startDue)),
  });
  all.offer(workers);
  return {
    ready: Promise.resolve(),
    misfit: all.misfit,
    load: all.load,
    submit: all.submit,
    stop: all.stop,
    why: all.why,
    async close() {
      await all.close();
      pace?.cancel();
      releaseConsole();
    },
  };
}

interface TimeSlices extends Pace {
  cancel(): void;
}

/** Starts tries from a turn of the event loop of their own, and goes on within it until the slice is over. */
function timeSlices(startDue: () => void): TimeSlices {
  // not in the context of whoever submitted the first try: a join body, another task, a request
  const context = new AsyncResource('troupe.inline');
  let turn: NodeJS.Immediate | undefined;
  let isDue = false;
  let sliceMs = Number.NEGATIVE_INFINITY;

  const isOver = (): boolean => performance.now() - sliceMs >= SLICE_MS;
  const go = (): void => context.runInAsyncScope(startDue);
  function nextTurn(): void {
    turn ??= setImmediate(() => {
      turn = undefined;
      sliceMs = performance.now();
      go();
    });
  }

  return {
    wake() {
      if (turn !== undefined || isDue) return;
      if (isOver()) {
        nextTurn();
        return;
      }
      isDue = true; // never within `submit` or a report: the task function is the user's code
      queueMicrotask(() => {
        isDue = false;
        go();
      });
    },
    mayGoOn() {
      if (!isOver()) return true;
      nextTurn();
      return false;
    },
    cancel() {
      if (turn !== undefined) clearImmediate(turn);
      turn = undefined;
    },
  };
}
