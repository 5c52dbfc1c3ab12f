/**
 * A node of a simulation: the real manager, in a process that can be frozen or killed, with workers that are none: each
 * takes simulated time for a try and may end at any step of it. Every try that a worker begins is written down.
 */
import { managerConfig, type ManagerConfigInput } from '../../src/actors/node/config.ts';
import type { SpawnWorker, SpawnWorkerOptions } from '../../src/actors/node/handle.ts';
import { openManager, type Manager } from '../../src/actors/node/manager.ts';
import type { FromWorker, ToWorker } from '../../src/actors/node/pipe-protocol.ts';
import { decodeOrder } from '../../src/actors/work.ts';
import type { MemoryLink } from '../../src/transport/memory-link.ts';
import type { MemoryTransport } from '../../src/transport/memory.ts';
import { LinkError, type ConnectOptions, type Link, type LinkHandlers, type Transport } from '../../src/transport/port.ts';
import { outcomeTags } from '../../src/transport/protocol.ts';
import { thisBuild } from './played-manager.ts';
import { simProcess, type Random, type SimClock, type SimProcess } from './sim-clock.ts';

/** What a try does in its worker. */
export interface Doing {
  readonly ms: number;
  /** `kills`: its worker; `hangs`: until it is stopped, and `ignores` that too. */
  readonly how: 'ends' | 'throws' | 'kills' | 'hangs' | 'ignores';
}

/** A try that a worker has begun. */
export interface Execution {
  readonly key: string;
  readonly taskId: string;
  readonly managerId: string;
  readonly blockId: string;
  readonly pid: number;
  readonly lease: number;
  readonly beganMs: number;
  endedMs?: number;
}

export interface NodeHost {
  readonly clock: SimClock;
  readonly random: Random;
  readonly network: MemoryTransport;
  readonly driver: SimProcess;
  readonly executions: Execution[];
  /** Tries that were first in the pipe of a worker, whether or not it had begun them when it ended: nobody can know. */
  readonly firsts: Set<string>;
  /** What the executor under test makes of a result, and of a failure of the task's own. */
  readonly outcomes: { readonly done: Uint8Array; readonly failed: Uint8Array };
  nextPid(): number;
  /** What to do with a try. */
  doing(taskId: string, tryIndex: number): Doing;
  /** May a worker fall over while it comes up? */
  failsToStart(): boolean;
}

export interface SimNode {
  readonly managerId: string;
  readonly blockId: string;
  readonly process: SimProcess;
  readonly workers: readonly SimWorker[];
  /** The manager is killed, and its workers end with it. `silently`: the node is; the driver hears nothing of it. */
  kill(silently?: boolean): void;
  /** Asks it to end, as a signal does. */
  end(): void;
  cut(): void;
  readonly logs: readonly string[];
}

export interface SimWorker {
  readonly pid: number;
  readonly isAlive: boolean;
  kill(): void;
}

/** Between a manager and its workers, each way. */
const PIPE_MS = 1;

/** @param onExit - The manager is gone, with this exit code or none. */
export function startNode(host: NodeHost, input: ManagerConfigInput, onExit: (code: number | undefined) => void): SimNode {
  const { clock, random, network, driver } = host;
  const proc = simProcess(clock);
  const workers = new Set<SimWorker>();
  const links = new Map<Link, MemoryLink | undefined>();
  const logs: string[] = [];
  const pid = host.nextPid();
  const { blockId } = input;
  let isOver = false;

  function over(code: number | undefined): void {
    if (isOver) return;
    isOver = true;
    proc.kill();
    for (const worker of workers) clock.setTimeout(() => worker.kill(), 2 * PIPE_MS); // its pipe has closed
    onExit(code);
  }

  const transport: Transport = {
    ...network,
    connect(options: ConnectOptions) {
      const { handlers } = options;
      const own: LinkHandlers = {
        messages: (messages) => proc.run(() => handlers.messages(messages)),
        closed: (reason) => {
          links.delete(link as Link);
          proc.run(() => handlers.closed(reason));
        },
        faulted: (what) => proc.run(() => handlers.faulted(what)),
        drained: () => proc.run(() => handlers.drained()),
      };
      let link: Link | undefined;
      return new Promise<Link>((resolve, reject) => {
        let isLate = false;
        const timeout = proc.clock.setTimeout(() => {
          isLate = true;
          reject(new LinkError('it does not answer'));
        }, options.timeoutMs);
        const settled = (fn: () => void): void =>
          proc.run(() => {
            proc.clock.clearTimeout(timeout as never);
            fn();
          });
        // a driver that is held up does not answer the upgrade
        driver.run(
          () =>
            void network.connect({ ...options, handlers: own }).then(
              (made) => {
                link = made;
                if (isLate || !proc.isAlive) return made.terminate();
                links.set(made, network.links.at(-1));
                settled(() => resolve(made));
              },
              (error: unknown) => settled(() => reject(error instanceof Error ? error : new Error(String(error)))),
            ),
        );
      });
    },
  };

  const spawnWorker: SpawnWorker = (asked) => {
    const worker = startWorker(host, proc, asked, { managerId: manager.managerId, blockId });
    workers.add(worker);
    return { ...worker, kill: () => worker.kill() };
  };

  const manager: Manager = openManager({
    config: managerConfig(input),
    transport,
    clock: proc.clock,
    random,
    build: thisBuild,
    node: { host: `n${pid}`, pid, cores: 8, memoryBytes: 8e9 },
    spawnWorker,
    defer: (run) => proc.later(run, 0),
    log: (text) => logs.push(text),
    onEnded: (code) => over(code),
  });

  return {
    managerId: manager.managerId,
    blockId,
    process: proc,
    get workers() {
      return [...workers].filter(({ isAlive }) => isAlive);
    },
    kill(silently = false) {
      if (isOver) return;
      over(undefined);
      if (!silently) for (const link of links.keys()) link.terminate();
    },
    end: () => proc.run(() => manager.end('it got SIGTERM')),
    cut() {
      for (const link of links.values()) link?.cut();
    },
    logs,
  };
}

interface Job {
  readonly lease: number;
  readonly work: Uint8Array;
}

type Handlers = { readonly [T in ToWorker['t']]: (message: Extract<ToWorker, { t: T }>) => void };

/** As `actors/node/worker.ts`, in simulated time. */
function startWorker(
  { clock, random, executions, doing, failsToStart, outcomes, firsts, nextPid }: NodeHost,
  manager: SimProcess,
  asked: SpawnWorkerOptions,
  at: Pick<Execution, 'managerId' | 'blockId'>,
): SimWorker & { readonly pid: number; send(message: ToWorker): void } {
  const pid = nextPid();
  let isAlive = true;
  let isEnding = false;
  let queue: Job[] = [];
  let running: { readonly lease: number; readonly how: Doing['how']; readonly execution: Execution; timer: unknown } | undefined;

  /** Leases that it has, as its manager sees it. */
  let pipe: number[] = [];

  const tell = (message: FromWorker): void =>
    manager.later(() => {
      if (message.t === 'ended' || message.t === 'revoked') pipe = pipe.filter((lease) => !message.leases.includes(lease));
      asked.onMessages([message]);
    }, PIPE_MS);

  function exit(code: number | undefined, signal: string | undefined): void {
    if (!isAlive) return;
    isAlive = false;
    if (running !== undefined) {
      clock.clearTimeout(running.timer as never);
      running.execution.endedMs = clock.now();
    }
    // after all that it has said
    manager.later(() => asked.onClosed({ code, signal, stderr: '', isOutOfMemory: false }), PIPE_MS);
  }

  function next(): void {
    const job = queue.shift();
    if (job === undefined) {
      if (isEnding) exit(0, undefined);
      return;
    }
    const { taskId, tryIndex } = tryOf(job.work);
    const { ms, how } = doing(taskId, tryIndex);
    const execution: Execution = { ...at, key: `${taskId}/${tryIndex}`, taskId, pid, lease: job.lease, beganMs: clock.now() };
    executions.push(execution);
    const isEndless = how === 'hangs' || how === 'ignores';
    running = { lease: job.lease, how, execution, timer: isEndless ? undefined : clock.setTimeout(finish, ms) };
  }

  function finish(): void {
    if (running === undefined) return;
    if (running.how === 'kills') return exit(undefined, 'SIGSEGV');
    end(running.how === 'throws' ? outcomes.failed : outcomes.done);
  }

  function end(outcome: Uint8Array): void {
    if (running === undefined) return;
    const { lease, execution } = running;
    running = undefined;
    execution.endedMs = clock.now();
    const tookMs = clock.now() - execution.beganMs;
    tell({ t: 'ended', leases: [lease], outcomes: [outcome], totalMs: tookMs, longestMs: tookMs });
    next();
  }

  function revoke(leases: readonly number[]): void {
    const back = queue.filter(({ lease }) => leases.includes(lease)).map(({ lease }) => lease);
    queue = queue.filter(({ lease }) => !back.includes(lease));
    tell({ t: 'revoked', leases: back, kept: leases.filter((lease) => !back.includes(lease)) });
  }

  const handlers: Handlers = {
    setup: () => {},
    run({ leases, works }) {
      queue.push(...leases.map((lease, i) => ({ lease, work: works[i] as Uint8Array })));
      if (running === undefined) next();
    },
    revoke: ({ leases }) => revoke(leases),
    stop({ lease }) {
      if (running?.lease !== lease) return revoke([lease]);
      if (running.how === 'ignores') return;
      clock.clearTimeout(running.timer as never);
      clock.setTimeout(() => isAlive && running?.lease === lease && end(Uint8Array.of(outcomeTags.stopped)), 2);
    },
    end() {
      isEnding = true;
      revoke(queue.map(({ lease }) => lease));
      if (running === undefined) exit(0, undefined);
      else handlers.stop({ t: 'stop', lease: running.lease, reason: new Uint8Array(), graceMs: 0 });
    },
  };

  clock.setTimeout(
    () => {
      if (isAlive && failsToStart()) exit(1, undefined);
      else if (isAlive) tell({ t: 'ready' });
    },
    20 + random() * 100,
  );

  return {
    pid,
    get isAlive() {
      return isAlive;
    },
    send(message) {
      if (message.t === 'run') {
        if (pipe.length === 0) firsts.add(keyOf(message.works[0] as Uint8Array));
        pipe.push(...message.leases);
      }
      clock.setTimeout(() => isAlive && (handlers[message.t] as (said: ToWorker) => void)(message), PIPE_MS);
    },
    kill: () => void clock.setTimeout(() => exit(undefined, 'SIGKILL'), random() * 3),
  };
}

function tryOf(work: Uint8Array): { readonly taskId: string; readonly tryIndex: number } {
  const order = decodeOrder(work);
  if (order.type !== 'try') throw new TypeError('the simulation has tries only');
  return order.attempt;
}
const keyOf = (work: Uint8Array): string => `${tryOf(work).taskId}/${tryOf(work).tryIndex}`;
