/**
 * A whole executor of blocks in simulated time: the real driver side, the real managers, the memory transport as the
 * network between them; workers, jobs and everything that may go wrong are simulated, from one seed. Tries whose node or
 * worker was lost are submitted again, as a troupe would.
 */
import { expect } from 'vitest';
import { createMachine } from 'xstate';

import type { TryReport } from '../../src/actors/executors/port.ts';
import { openBlocks, type OpenBlocks } from '../../src/actors/executors/blocks.ts';
import { actorSystem, spaceOf } from '../../src/actors/spawn.ts';
import { encodeOutcome } from '../../src/actors/work.ts';
import type { FailureKind } from '../../src/machines/model/failures.ts';
import type { Resources } from '../../src/machines/model/resources.ts';
import { blockErrors, handshake, ordering, scaling, selection } from '../../src/api/policies.ts';
import type { Fault } from '../../src/transport/memory-link.ts';
import { memory, type MemoryTransport } from '../../src/transport/memory.ts';
import type { Transport } from '../../src/transport/port.ts';
import type { Message } from '../../src/transport/protocol.ts';
import { cbor } from '../../src/transport/serializers/cbor.ts';
import type { Note } from './interchange-bench.ts';
import { thisBuild } from './played-manager.ts';
import { randomOf, settle, simClock, simProcess, type Random, type SimClock, type SimProcess } from './sim-clock.ts';
import type { Doing, Execution, NodeHost, SimNode } from './sim-node.ts';
import { simProvider, type SimJob, type SimProvider } from './sim-provider.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly nodes?: number;
  readonly workers?: number;
  readonly maxBlocks?: number;
  readonly walltimeMs?: number;
  readonly drainMs?: number;
  readonly pollMs?: number;
  readonly maxCredit?: number;
  /** Of each frame. @defaultValue 1 */
  readonly latencyMs?: number;
  readonly doing?: (taskId: string, tryIndex: number) => Doing;
}

export interface SimTask {
  readonly taskId: string;
  readonly resources: Resources;
  readonly priority: number;
  /** Of its last try. */
  tryIndex: number;
  wasStopped: boolean;
  end: TryReport['type'] | undefined;
  readonly reports: TryReport[];
}

export interface TimedNote extends Note {
  readonly ms: number;
}

/** Failures after which a try is made again, by whoever submits. */
const again: ReadonlySet<FailureKind> = new Set(['workerLost', 'nodeLost', 'walltime', 'preempted', 'oom', 'submit']);
const ends: readonly string[] = ['try.done', 'try.failed', 'try.stopped'];

export interface BlocksWorld {
  readonly clock: SimClock;
  readonly random: Random;
  readonly driver: SimProcess;
  readonly network: MemoryTransport;
  readonly provider: SimProvider;
  readonly executor: OpenBlocks;
  readonly tasks: ReadonlyMap<string, SimTask>;
  readonly executions: readonly Execution[];
  readonly firsts: ReadonlySet<string>;
  readonly notes: readonly TimedNote[];
  /** Leases whose end has reached the driver, by the frames on its links, with the time of the first. */
  readonly arrived: ReadonlyMap<number, number>;
  readonly nodes: readonly SimNode[];
  readonly liveJobs: readonly SimJob[];
  /** What befalls frames, and requests to the provider. */
  weather: { frames: (() => Fault) | undefined; requests: number; startFailures: number; isApart: boolean };
  submit(taskId: string, more?: { readonly resources?: Resources; readonly priority?: number }): void;
  stop(taskId: string): void;
  readonly open: number;
  /** Runs until a time, or until there is nothing more to wait for. */
  run(untilMs: number, isDone?: () => boolean): Promise<void>;
  close(): Promise<void>;
  /** Called after each step. */
  check: () => void;
}

export async function blocksWorld(options: WorldOptions): Promise<BlocksWorld> {
  const { seed, nodes = 1, workers = 2, maxBlocks = 3, pollMs = 0, maxCredit = 4, latencyMs = 1 } = options;
  const clock = simClock();
  const random = randomOf(seed);
  const driver = simProcess(clock);
  const serializer = cbor();
  const executions: Execution[] = [];
  const firsts = new Set<string>();
  const notes: TimedNote[] = [];
  const errors: string[] = [];
  const tasks = new Map<string, SimTask>();
  const arrived = new Map<number, number>();
  const weather: BlocksWorld['weather'] = { frames: undefined, requests: 0, startFailures: 0, isApart: false };
  const network = memory({
    schedule: (run, ms) => void clock.setTimeout(run, ms),
    faults: () => weather.frames?.() ?? { delayMs: latencyMs },
    reaches: () => !weather.isApart,
  });
  let pids = 1000;

  /** As the driver has it: what comes while it is held up waits. */
  const transport: Transport = {
    ...network,
    listen: (asked) =>
      network.listen({
        ...asked,
        onLink(link, peerId) {
          const own = asked.onLink(link, peerId);
          return {
            messages: (messages) =>
              driver.run(() => {
                noteArrivals(messages);
                own.messages(messages);
              }),
            closed: (reason) => driver.run(() => own.closed(reason)),
            faulted: (what) => driver.run(() => own.faulted(what)),
            drained: () => driver.run(() => own.drained()),
          };
        },
      }),
  };
  function noteArrivals(messages: readonly Message[]): void {
    for (const message of messages)
      if (message.t === 'ended') for (const lease of message.leases) if (!arrived.has(lease)) arrived.set(lease, clock.now());
  }

  const nodeHost: NodeHost = {
    clock,
    random,
    network,
    driver,
    executions,
    firsts,
    outcomes: {
      done: encodeOutcome({ type: 'done', result: { bytes: serializer.encode(42, 'result') } }, serializer),
      failed: encodeOutcome({ type: 'failed', kind: 'app', error: { bytes: serializer.encode(new Error('boom'), 'error') } }, serializer),
    },
    nextPid: () => ++pids,
    doing: options.doing ?? (() => ({ ms: 50, how: 'ends' })),
    failsToStart: () => random() < weather.startFailures,
  };
  const provider = simProvider({ clock, driver, random, node: nodeHost, pollMs, faultRate: () => weather.requests });

  const system = actorSystem(
    {
      onStep: () => {},
      onDeadLetter: ({ actorId, event }) => notes.push({ ms: clock.now(), type: 'dead', data: { actorId, event: event.type } }),
      onError: (actorId, error) => errors.push(`${actorId}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
    },
    { clock: driver.clock },
  );
  const root = system.spawn(createMachine({ id: 'world' }), { id: 'world', input: undefined });

  function report(one: TryReport): void {
    const task = tasks.get(one.taskId);
    if (task === undefined) throw new Error(`a report about ${one.taskId}, which nobody has submitted`);
    task.reports.push(one);
    if (!ends.includes(one.type) || one.tryIndex !== task.tryIndex) return;
    if (one.type !== 'try.failed' || !again.has(one.kind) || task.wasStopped) {
      task.end = one.type;
      return;
    }
    driver.later(() => {
      if (task.wasStopped) task.end = 'try.stopped';
      else {
        task.tryIndex++;
        give(task);
      }
    }, 100);
  }

  function give({ taskId, tryIndex, resources, priority }: SimTask): void {
    executor.submit({
      kind: 'function',
      taskId,
      tryIndex,
      name: 'simulate',
      identity: 'world#simulate',
      moduleUrl: 'file:///nowhere/tasks.mjs',
      args: { bytes: serializer.encode([], 'args') },
      priority,
      resources,
      timeLimitMs: undefined,
      shell: undefined,
      outputs: [],
    });
  }

  const executor: OpenBlocks = openBlocks(
    {
      label: 'hpc',
      provider,
      transport,
      limits: { init: 1, min: 0, max: maxBlocks },
      nodes,
      walltimeMs: options.walltimeMs,
      drainMs: options.drainMs,
      parallelism: 1,
      slots: { workers, coresPerWorker: 1, accelerators: [] },
      node: { cores: 8, memoryBytes: 8e9 },
      affinity: 'none',
      listen: { host: '127.0.0.1', port: 0, addresses: ['127.0.0.1'], usesTls: false },
      times: {
        heartbeatMs: 1000,
        silentAfterMs: 4000,
        lostAfterMs: 6000,
        endAfterMs: 10_000,
        driverSilenceMs: 60_000,
        desertedMs: 20_000,
        stopGraceMs: 500,
      },
      maxCredit,
      fastMs: 5,
      wire: { frameBytes: 2 ** 20, batch: 8 },
      policies: {
        scaling: scaling.autoScale({ idleMs: 20_000 }),
        selection: selection.leastLoaded(),
        ordering: ordering.priority(),
        blockErrors: blockErrors.ignore(),
        handshake: handshake.compatible(),
      },
      launch: (argv) => argv,
      programs: { manager: 'file:///nowhere/manager.js', worker: 'file:///nowhere/worker.js' },
      preload: [],
      outputBytes: 1000,
      env: {},
      build: thisBuild,
      makeCertificate: () => Promise.reject(new Error('no TLS here')),
      loader: 'inherit',
    },
    {
      clock: driver.clock,
      serializer,
      report,
      broken: (message) => notes.push({ ms: clock.now(), type: 'broken', data: { message } }),
      note: (type, data) => notes.push({ ms: clock.now(), type, data }),
      degraded: (message) => notes.push({ ms: clock.now(), type: 'degraded', data: { message } }),
      restored: () => {},
      actors: spaceOf(system, root),
      runId: `r${seed}`,
      runDir: undefined,
      random,
    },
  );

  const world: BlocksWorld = {
    clock,
    random,
    driver,
    network,
    provider,
    executor,
    tasks,
    executions,
    firsts,
    notes,
    arrived,
    get nodes() {
      return provider.live.flatMap((job) => job.nodes).filter(({ process }) => process.isAlive);
    },
    get liveJobs() {
      return provider.live;
    },
    weather,
    submit(taskId, { resources = {}, priority = 0 } = {}) {
      const task: SimTask = { taskId, resources, priority, tryIndex: 0, wasStopped: false, end: undefined, reports: [] };
      tasks.set(taskId, task);
      driver.run(() => give(task));
    },
    stop(taskId) {
      driver.run(() => {
        const task = tasks.get(taskId);
        if (task === undefined || task.end !== undefined) return;
        task.wasStopped = true;
        executor.stop({ taskId, tryIndex: task.tryIndex }, new Error('cancelled'), 300);
      });
    },
    get open() {
      return [...tasks.values()].filter(({ end }) => end === undefined).length;
    },
    async run(untilMs, isDone = () => false) {
      await settle();
      while (!isDone()) {
        const hasMoved = clock.step(untilMs);
        await settle();
        world.check();
        if (errors.length > 0) throw new Error(errors.join('\n'));
        if (!hasMoved) return;
      }
    },
    async close() {
      let isClosed = false;
      const closing = executor.close().then(() => {
        isClosed = true;
      });
      await world.run(clock.now() + 200_000, () => isClosed);
      expect(isClosed, 'the executor has closed').toBe(true);
      await closing;
      await world.run(clock.now() + 100_000); // what is still under way between processes
      expect(clock.size, 'timers').toBe(0);
      expect(network.links, 'links').toEqual([]);
      expect([...system.live], 'actors').toEqual(['world']);
      expect(provider.live, 'jobs').toEqual([]);
    },
    check: () => {},
  };
  await world.run(0);
  return world;
}
