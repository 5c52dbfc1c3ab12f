/**
 * A manager under test: its driver is the test, over the memory transport; its workers are fakes that the test plays;
 * its time is a simulated clock. Turns of the event loop are real, and `settle` waits for those that are due.
 */
import { setImmediate as turn } from 'node:timers/promises';

import { expect, onTestFinished } from 'vitest';

import { managerConfig, type ManagerConfigInput } from '../../src/actors/node/config.ts';
import type { SpawnWorker, SpawnWorkerOptions, WorkerExit } from '../../src/actors/node/handle.ts';
import { openManager, type Manager } from '../../src/actors/node/manager.ts';
import type { FromWorker, ToWorker } from '../../src/actors/node/pipe-protocol.ts';
import { SimulatedClock } from '../../src/api/testing.ts';
import { memory, type MemoryTransport } from '../../src/transport/memory.ts';
import { defaultLimits, type Link, type Listener } from '../../src/transport/port.ts';
import { outcomeTags, type Message, type MessageOf } from '../../src/transport/protocol.ts';

export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
export const done = (value = 7): Uint8Array => bytes(outcomeTags.done, value);
export const stopped = bytes(outcomeTags.stopped);

/** A worker without a process. */
export interface FakeWorker {
  readonly pid: number;
  readonly options: SpawnWorkerOptions;
  /** What it was sent, without `setup`; `take` empties it. */
  readonly got: ToWorker[];
  readonly wasKilled: boolean;
  readonly isClosed: boolean;
  take(): readonly ToWorker[];
  /** Leases that it was told to run, in order, and has not said the end of. */
  readonly pipe: number[];
  say(...messages: FromWorker[]): void;
  ready(): void;
  /** The first of its pipe ends. */
  end(outcome?: Uint8Array, tookMs?: number): number;
  exit(exit?: Partial<WorkerExit>): void;
}

export interface NodeBenchOptions {
  readonly config?: Partial<ManagerConfigInput>;
  readonly workers?: number;
  /** Workers say that they are ready as soon as they are started. @defaultValue true */
  readonly isReady?: boolean;
  /** SIGKILL ends a fake at once. @defaultValue true */
  readonly diesWhenKilled?: boolean;
  readonly addresses?: () => readonly string[] | undefined;
  /** The driver listens from the start. @defaultValue true */
  readonly isListening?: boolean;
  readonly spawnWorker?: SpawnWorker;
}

export interface NodeBench {
  readonly manager: Manager;
  readonly clock: SimulatedClock;
  readonly transport: MemoryTransport;
  /** All that were ever started, oldest first. */
  readonly workers: FakeWorker[];
  readonly codes: number[];
  readonly logs: string[];
  /** Takes out what the driver has heard; of some types, or all of it. */
  heard<T extends Message['t']>(...types: T[]): readonly MessageOf<T>[];
  /** The driver's answer to a `register` is `welcome`, with what is set here; `undefined` does not answer. */
  welcome: ((register: MessageOf<'register'>) => Message | undefined) | undefined;
  /** `seq` of the last reliable message that the driver has. */
  received: number;
  /** Whether the driver acknowledges. */
  acknowledges: boolean;
  send(...messages: Message[]): Promise<void>;
  grant(...leases: number[]): Promise<void>;
  listen(): Promise<Listener>;
  readonly links: readonly Link[];
  cut(): Promise<void>;
  /** Everything that is due in this moment has happened. */
  settle(): Promise<void>;
  /** In steps, so that what each timer causes happens in its time. */
  pass(ms: number, stepMs?: number): Promise<void>;
}

export const secret = 'a secret of sixteen or more letters';

export async function nodeBench(options: NodeBenchOptions = {}): Promise<NodeBench> {
  const clock = new SimulatedClock();
  const transport = memory();
  const workers: FakeWorker[] = [];
  const codes: number[] = [];
  const logs: string[] = [];
  const links: Link[] = [];
  let heard: Message[] = [];
  let listener: Listener | undefined;
  let pids = 100;

  const settle = async (): Promise<void> => {
    for (let i = 0; i < 12; i++) await turn();
  };

  const spawnWorker: SpawnWorker = (asked) => {
    const pid = ++pids;
    let isClosed = false;
    let wasKilled = false;
    const got: ToWorker[] = [];
    const pipe: number[] = [];
    const worker: FakeWorker = {
      pid,
      options: asked,
      got,
      pipe,
      get wasKilled() {
        return wasKilled;
      },
      get isClosed() {
        return isClosed;
      },
      take: () => got.splice(0),
      say: (...messages) => asked.onMessages(messages),
      ready: () => asked.onMessages([{ t: 'ready' }]),
      end(outcome = done(), tookMs = 100) {
        const lease = pipe.shift();
        if (lease === undefined) throw new Error('it runs nothing');
        asked.onMessages([{ t: 'ended', leases: [lease], outcomes: [outcome], totalMs: tookMs, longestMs: tookMs }]);
        return lease;
      },
      exit(exit) {
        if (isClosed) return;
        isClosed = true;
        asked.onClosed({ code: undefined, signal: undefined, stderr: '', isOutOfMemory: false, ...exit });
      },
    };
    workers.push(worker);
    if (options.isReady ?? true) queueMicrotask(() => worker.ready());
    return {
      pid,
      send(message) {
        if (isClosed || message.t === 'setup') return;
        got.push(message);
        if (message.t === 'run') pipe.push(...message.leases);
        if (message.t === 'end' && pipe.length === 0) queueMicrotask(() => worker.exit({ code: 0 }));
      },
      kill() {
        wasKilled = true;
        if (options.diesWhenKilled ?? true) queueMicrotask(() => worker.exit({ signal: 'SIGKILL' }));
      },
    };
  };

  const self: NodeBench = {
    manager: undefined as never,
    clock,
    transport,
    workers,
    codes,
    logs,
    links,
    received: 0,
    acknowledges: true,
    welcome: () => ({ t: 'welcome', received: self.received, drop: [], heartbeatMs: 5000 }),
    heard(...types) {
      const found = heard.filter(({ t }) => types.length === 0 || types.includes(t as never));
      heard = heard.filter((message) => !found.includes(message));
      return found as never;
    },
    async send(...messages) {
      for (const message of messages) links.at(-1)?.send(message);
      await settle();
    },
    grant: (...leases) => self.send({ t: 'grant', leases, works: leases.map((lease) => bytes(lease % 256)) }),
    async listen() {
      listener = await transport.listen({
        host: '127.0.0.1',
        port: 4711,
        secretOf: () => secret,
        certificate: undefined,
        limits: defaultLimits,
        onRefused: () => {},
        onLink(link) {
          links.push(link);
          return {
            messages(messages) {
              let ack = 0;
              for (const message of messages) {
                if (message.t === 'register') {
                  const answer = self.welcome?.(message);
                  if (answer !== undefined) link.send(answer);
                }
                if ('seq' in message && message.t !== 'ack') {
                  if (message.seq <= self.received) continue;
                  self.received = ack = message.seq;
                }
                heard.push(message);
              }
              if (ack > 0 && self.acknowledges) link.send({ t: 'ack', seq: ack });
            },
            closed() {
              links.splice(links.indexOf(link), 1);
            },
            faulted: (what) => expect.fail(what),
            drained() {},
          };
        },
      });
      return listener;
    },
    async cut() {
      for (const link of transport.links) link.cut();
      await settle();
    },
    settle,
    async pass(ms, stepMs = ms) {
      for (let left = ms; left > 0; left -= stepMs) {
        clock.increment(Math.min(stepMs, left));
        await settle();
      }
    },
  };
  if (options.isListening ?? true) await self.listen();

  const { workers: count = 2 } = options;
  const manager = openManager({
    config: managerConfig({
      runId: 'run',
      label: 'blocks',
      blockId: '3',
      secret,
      addresses: ['127.0.0.1:4711'],
      slots: { workers: count },
      worker: { program: 'file:///nowhere/worker.js' },
      ...options.config,
    }),
    transport,
    clock,
    random: () => 0.999_999, // delays are what they are at most
    build: { protocol: 1, version: '0.1.0', bundleHash: '', node: '20.19.0', platform: 'linux-x64' },
    node: { host: 'node1', pid: 4242, cores: 8, memoryBytes: 8 * 1024 ** 3 },
    spawnWorker: options.spawnWorker ?? spawnWorker,
    ...(options.addresses === undefined ? undefined : { addresses: options.addresses }),
    log: (text) => logs.push(text),
    onEnded: (code) => codes.push(code),
  });
  onTestFinished(async () => {
    manager.end('the test is over');
    await settle();
    await self.pass(60_000, 5000);
    await listener?.close();
  });
  Object.assign(self, { manager });
  await settle();
  return self;
}
