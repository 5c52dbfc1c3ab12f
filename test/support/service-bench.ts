/**
 * A service of blocks for tests: real driver, memory transport, a provider that starts nothing, and managers that the
 * test plays itself. Nothing runs in a worker: the test says what each piece of work comes to.
 */
import { readFileSync } from 'node:fs';

import { afterEach } from 'vitest';
import { SimulatedClock } from 'xstate';

import { openService, type OpenService, type ServiceEvent } from '../../src/actors/blocks/service.ts';
import type { WorkRequest } from '../../src/actors/blocks/live-work.ts';
import { systemClock, type Clock } from '../../src/actors/timers.ts';
import { encodeOutcome, decodeOrder, type EntryCall } from '../../src/actors/work.ts';
import { blocksOptions, type BlocksOptions } from '../../src/api/blocks.ts';
import type { WorkError } from '../../src/machines/model/errors.ts';
import type { FailureKind } from '../../src/machines/model/failures.ts';
import type { BlockWork } from '../../src/machines/model/work-events.ts';
import { memory, type MemoryTransport } from '../../src/transport/memory.ts';
import { defaultLimits, type Link } from '../../src/transport/port.ts';
import type { Message, MessageOf } from '../../src/transport/protocol.ts';
import { cbor } from '../../src/transport/serializers/cbor.ts';
import { fakeProvider, type FakeProvider } from './fake-provider.ts';
import { recordedEnd, type RecordedEnd } from './links.ts';

export const serializer = cbor();

/** A manager that the test plays. */
export interface PlayedManager {
  readonly link: Link;
  readonly heard: RecordedEnd;
  /** Waits for so many pieces of work in all. */
  granted(count: number): Promise<readonly { readonly lease: number; readonly call: EntryCall }[]>;
  until<T extends Message['t']>(type: T): Promise<MessageOf<T>>;
  start(lease: number, worker?: string): void;
  done(lease: number, bytes?: Uint8Array): void;
  fails(lease: number, error: Error, kind?: FailureKind): void;
  stopped(lease: number): void;
  /** Its worker is gone. */
  loses(lease: number): void;
}

export interface ServiceBench {
  readonly service: OpenService;
  readonly provider: FakeProvider;
  readonly network: MemoryTransport;
  readonly events: readonly ServiceEvent[];
  readonly notes: () => readonly string[];
  /** Waits until it holds; looked at whenever something is told. */
  until(holds: () => boolean): Promise<void>;
  /** Waits for a job that nobody plays yet, and registers for it. */
  manager(options?: { readonly workers?: number }): Promise<PlayedManager>;
  close(): Promise<void>;
}

export const request = (more: Partial<WorkRequest> = {}): WorkRequest => ({
  payload: Uint8Array.of(1),
  module: 'file:///host/entry.js',
  entry: 'run',
  resources: {},
  priority: 0,
  timeRequestMs: undefined,
  correlationId: undefined,
  ...more,
});

export const simulated = (): SimulatedClock => new SimulatedClock();

export function serviceBench(options: BlocksOptions = {}, clock: Clock = systemClock): ServiceBench {
  const provider = fakeProvider({ phase: 'running' });
  const network = memory();
  const events: ServiceEvent[] = [];
  const waiting = new Set<() => void>();
  const complete = blocksOptions({ provider, transport: network, node: { cores: 4, memoryBytes: 8e9 }, ...options });
  const service = openService(
    // no program is started, so none is bundled
    { ...complete, programs: { manager: 'file:///none/manager.js', worker: 'file:///none/worker.js' } },
    {
      runId: 'service-bench',
      runDir: undefined,
      clock,
      random: () => 0.5,
      serializer,
      onEvent(event) {
        events.push(event);
        queueMicrotask(() => waiting.forEach((check) => check()));
      },
    },
  );
  const played = new Set<string>();

  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!holds()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });

  async function manager({ workers = 2 }: { readonly workers?: number } = {}): Promise<PlayedManager> {
    const next = () => provider.live.find(({ jobId }) => !played.has(jobId));
    await until(() => next() !== undefined);
    const { jobId, spec } = next() as NonNullable<ReturnType<typeof next>>;
    played.add(jobId);
    const config = JSON.parse(readFileSync(spec.argv.at(-1) ?? '', 'utf8')) as {
      readonly blockId: string;
      readonly secret: string;
      readonly addresses: readonly string[];
    };
    const { blockId, secret, addresses } = config;
    const heard = recordedEnd();
    const link = await network.connect({
      address: addresses[0] ?? '',
      peerId: blockId,
      secret,
      fingerprint: undefined,
      timeoutMs: 1000,
      limits: defaultLimits,
      handlers: heard,
    });
    const managerId = `m-${blockId}`;
    link.send({
      t: 'register',
      managerId,
      blockId,
      build: complete.build,
      host: `host-${blockId}`,
      pid: 100,
      workers,
      capacity: { cores: 4, memoryBytes: 8e9 },
      credit: workers,
      holds: [],
      sent: 0,
    });
    await heard.until(() => heard.received.some(({ t }) => t === 'welcome'));
    let seq = 0;
    const grants = () =>
      heard.received
        .filter((message): message is MessageOf<'grant'> => message.t === 'grant')
        .flatMap(({ leases, works }) =>
          leases.map((lease, i) => {
            const order = decodeOrder(works[i] ?? new Uint8Array());
            if (order.type !== 'call') throw new Error('a service sends calls');
            return { lease, call: order.call };
          }),
        );
    const ended = (lease: number, outcome: Uint8Array): void =>
      link.send({ t: 'ended', seq: ++seq, leases: [lease], outcomes: [outcome], workers: ['7'] });
    return {
      link,
      heard,
      async granted(count) {
        await heard.until(() => grants().length >= count);
        return grants();
      },
      async until(type) {
        const found = () => heard.received.find(({ t }) => t === type);
        await heard.until(() => found() !== undefined);
        return found() as never;
      },
      start: (lease, worker = '7') => link.send({ t: 'started', leases: [lease], workers: [worker] }),
      done: (lease, bytes = new Uint8Array()) => ended(lease, encodeOutcome({ type: 'done', result: { bytes } }, serializer)),
      fails: (lease, error, kind = 'app') =>
        ended(lease, encodeOutcome({ type: 'failed', kind, error: { bytes: serializer.encode(error, 'error') } }, serializer)),
      stopped: (lease) => ended(lease, encodeOutcome({ type: 'stopped' }, serializer)),
      loses: (lease) =>
        link.send({ t: 'lost', seq: ++seq, lease, kind: 'workerLost', message: 'killed by SIGKILL', worker: '7', signal: 'SIGKILL' }),
    };
  }

  return {
    service,
    provider,
    network,
    events,
    notes: () => events.flatMap((event) => (event.type === 'note' ? [event.note] : [])),
    until,
    manager,
    async close() {
      await service.shutdown('kill');
      provider.expectNothingElse();
    },
  };
}

/** What work rejects with. */
export const failureOf = (work: BlockWork): Promise<WorkError> =>
  work.promise.then(
    () => {
      throw new Error('it has a result');
    },
    (error: unknown) => error as WorkError,
  );

/** Lets what is under way between driver and manager arrive. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Makes benches that are closed after each test. */
export function benches(): (...args: Parameters<typeof serviceBench>) => ServiceBench {
  const open: ServiceBench[] = [];
  afterEach(async () => {
    for (const bench of open.splice(0)) await bench.close();
  });
  return (...args) => {
    const made = serviceBench(...args);
    open.push(made);
    return made;
  };
}
