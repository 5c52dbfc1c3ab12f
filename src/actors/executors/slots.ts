/**
 * What executors in this process share: the queue, the slots, the capacity, and the end of each try. `inline.ts` and
 * `threads.ts` give the runner that a slot calls.
 *
 * Tries start strictly in order (larger priority first, then first in first out): one that does not fit yet is not
 * overtaken by a smaller one behind it, so that it is never starved. A try takes a slot whatever it asks for, and
 * its `cores`, `memoryBytes` and `gpus` of the capacity.
 */
import { lacking, misfit, demandOf, type Capacity } from '../../machines/model/resources.ts';
import { UnroutableError, type ExecutorError } from '../../machines/model/errors.ts';
import { readyQueue } from '../../machines/model/ready-queue.ts';
import type { Outcome } from '../run-task.ts';
import type { ExecutorLoad, ExecutorPort, Lease, OpenExecutor, Place, Try, TryReport } from './port.ts';

/** What a runner says about the try that it was given; what it says after `ended` is dropped. */
export interface SlotHooks {
  started(place: Place): void;
  progress(value: unknown): void;
  output(stream: 'stdout' | 'stderr', text: string): void;
  /** Gives the slot back. */
  ended(outcome: Outcome): void;
}

/** A try in a slot. */
export interface SlotRun {
  /** Aborts its signal. */
  abort(reason: unknown, graceMs: number): void;
  /** Ends it by force, as far as that is possible; `ended` must follow soon, whatever the task function does. */
  kill(): void;
}

/** Starts a try. Never throws. */
export type SlotRunner = (attempt: Try, hooks: SlotHooks) => SlotRun;

/** Decides when a queue may be worked on; without one, at once. */
export interface Pace {
  /** There is something to start. */
  wake(): void;
  /** False: no more for now; the pace calls again by itself. */
  mayGoOn(): boolean;
}

export interface SlotOptions {
  readonly label: string;
  readonly port: ExecutorPort;
  readonly workers: number;
  readonly capacity: Capacity;
  readonly run: SlotRunner;
  readonly pace?: (startDue: () => void) => Pace;
}

export interface Slots extends Pick<OpenExecutor, 'submit' | 'stop' | 'load' | 'why' | 'misfit'> {
  /** How many slots are up, from 0 to `workers`; 0 at first. */
  offer(slots: number): void;
  /** Fails what is queued and what is submitted from now on: no slot will ever be up again. */
  giveUp(error: ExecutorError): void;
  /** Stops all tries at once, and takes no more. Resolves when each has ended. */
  close(): Promise<void>;
}

/** A try that has not ended: queued, then running. */
interface Entry {
  readonly key: string;
  readonly attempt: Try;
  readonly demand: Capacity;
  run: SlotRun | undefined;
  /** Set by a stop; it may come while the runner is being called. */
  aborted: { readonly reason: unknown; readonly graceMs: number } | undefined;
  place: Place | undefined;
  /** Runs out when its grace has. */
  timer: { readonly id: unknown } | undefined;
}

/** A command is killed by whoever runs it, when its grace is over: wait for that a little longer. */
const SHELL_MARGIN_MS = 500;

export function slots({ label, port, workers, capacity, run, pace: makePace }: SlotOptions): Slots {
  const { clock } = port;
  const queue = readyQueue<Entry>();
  const running = new Map<string, Entry>();
  let free = capacity;
  let up = 0;
  let isStarting = false;
  let broken: ExecutorError | undefined;
  let closing: { readonly done: Promise<void>; resolve(): void } | undefined;
  const pace = makePace?.(startDue) ?? { wake: startDue, mayGoOn: () => true };

  function startDue(): void {
    if (isStarting) return;
    isStarting = true;
    try {
      for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
        if (hindrance(next) !== undefined || !pace.mayGoOn()) return;
        queue.pop();
        start(next);
      }
    } finally {
      isStarting = false;
    }
  }

  /** Why the first in the queue cannot start now. */
  function hindrance({ demand }: Entry): string | undefined {
    if (up === 0) return 'no worker is up yet';
    if (running.size >= up) return `all ${up} workers are busy`;
    const unit = lacking(demand, free);
    return unit && `${unit}: asks for ${demand[unit]}, ${free[unit] ?? 0} of ${capacity[unit] ?? 0} free`;
  }

  function start(entry: Entry): void {
    const { key, attempt, demand } = entry;
    const { taskId, tryIndex } = attempt;
    running.set(key, entry);
    free = combined(free, demand, -1);
    const isLive = (): boolean => running.get(key) === entry;
    entry.run = run(attempt, {
      started(place) {
        if (!isLive()) return;
        entry.place = place;
        port.report({ type: 'try.started', taskId, tryIndex, place });
      },
      progress: (progress) => {
        if (isLive()) port.report({ type: 'try.progress', taskId, tryIndex, progress });
      },
      output: (stream, text) => {
        if (isLive()) port.report({ type: 'try.output', taskId, tryIndex, stream, text });
      },
      ended: (outcome) => {
        if (isLive()) end(entry, outcome);
      },
    });
    if (entry.aborted !== undefined) entry.run.abort(entry.aborted.reason, entry.aborted.graceMs);
  }

  function end(entry: Entry, outcome: Outcome): void {
    running.delete(entry.key);
    if (entry.timer !== undefined) clock.clearTimeout(entry.timer.id as never);
    free = running.size === 0 ? capacity : combined(free, entry.demand, 1); // exactly, when nothing runs
    port.report(endOf(entry, outcome));
    if (closing !== undefined && running.size === 0) closing.resolve();
    if (queue.size > 0) pace.wake();
  }

  const fail = ({ taskId, tryIndex }: Lease, kind: 'submit' | 'unroutable', error: Error): void =>
    port.report({ type: 'try.failed', taskId, tryIndex, kind, error: { value: error } });
  const stopQueued = ({ taskId, tryIndex }: Lease): void => port.report({ type: 'try.stopped', taskId, tryIndex });

  return {
    offer(slotsUp) {
      up = Math.min(workers, slotsUp);
      if (queue.size > 0) pace.wake();
    },
    giveUp(error) {
      broken = error;
      for (let queued = queue.pop(); queued !== undefined; queued = queue.pop()) fail(queued.attempt, 'submit', error);
    },
    submit(attempt) {
      if (closing !== undefined) {
        stopQueued(attempt);
        return;
      }
      const why = misfit(attempt.resources, capacity);
      if (broken !== undefined) fail(attempt, 'submit', broken);
      else if (why !== undefined) fail(attempt, 'unroutable', unfit(attempt, label, why));
      if (broken !== undefined || why !== undefined) return;
      const key = keyOf(attempt);
      queue.push(key, attempt.priority, {
        key,
        attempt,
        demand: demandOf(attempt.resources),
        run: undefined,
        aborted: undefined,
        place: undefined,
        timer: undefined,
      });
      pace.wake();
    },
    stop(lease, reason, graceMs) {
      const key = keyOf(lease);
      const queued = queue.remove(key);
      if (queued !== undefined) {
        stopQueued(lease);
        if (queue.size > 0) pace.wake(); // it may have been in the way
        return;
      }
      const entry = running.get(key);
      if (entry === undefined) return; // its end has been reported
      if (entry.timer !== undefined) clock.clearTimeout(entry.timer.id as never);
      const waitMs = entry.attempt.kind === 'shell' ? graceMs + SHELL_MARGIN_MS : graceMs;
      entry.timer = { id: clock.setTimeout(() => entry.run?.kill(), waitMs) };
      entry.aborted = { reason, graceMs };
      entry.run?.abort(reason, graceMs);
    },
    load: () => ({ queued: queue.size, running: running.size, slots: workers }) satisfies ExecutorLoad,
    why(lease) {
      const key = keyOf(lease);
      const ahead = queue.ahead(key);
      const first = queue.peek();
      if (ahead === undefined || first === undefined) return undefined;
      const because = hindrance(first) ?? 'it starts at once';
      return ahead === 0
        ? because
        : `${ahead} ${ahead === 1 ? 'try is' : 'tries are'} ahead of it; of the first, ${first.attempt.name} (${first.attempt.taskId}): ${because}`;
    },
    misfit: (resources) => misfit(resources, capacity),
    async close() {
      if (closing === undefined) {
        let resolve = (): void => {};
        const done = new Promise<void>((settle) => (resolve = settle));
        closing = { done, resolve };
        for (let queued = queue.pop(); queued !== undefined; queued = queue.pop()) stopQueued(queued.attempt);
        for (const { run: one } of Array.from(running.values())) {
          one?.abort(new Error('the executor is closing'), 0);
          one?.kill();
        }
        if (running.size === 0) resolve();
      }
      await closing.done;
    },
  };
}

const keyOf = ({ taskId, tryIndex }: Lease): string => `${taskId}/${tryIndex}`;

function endOf({ attempt: { taskId, tryIndex }, place }: Entry, outcome: Outcome): TryReport {
  if (outcome.type === 'stopped') return { type: 'try.stopped', taskId, tryIndex };
  const at = place && { place };
  if (outcome.type === 'done') return { type: 'try.done', taskId, tryIndex, result: outcome.result, ...at };
  const { kind, error, output } = outcome;
  return { type: 'try.failed', taskId, tryIndex, kind, error, ...(output === undefined ? undefined : { output }), ...at };
}

/** Nothing would ever start behind it. */
function unfit({ taskId, tryIndex, name }: Try, label: string, why: string): UnroutableError {
  return new UnroutableError(`${name} (${taskId}) could never run on executor ${label}: ${why}`, {
    taskId,
    tryIndex,
    candidates: { [label]: why },
  });
}

function combined(a: Capacity, b: Capacity, sign: 1 | -1): Capacity {
  return {
    cores: (a.cores ?? 0) + sign * (b.cores ?? 0),
    memoryBytes: (a.memoryBytes ?? 0) + sign * (b.memoryBytes ?? 0),
    gpus: (a.gpus ?? 0) + sign * (b.gpus ?? 0),
  };
}
