/**
 * A troupe on real blocks, from `dist/`, and what is left of it on this machine: processes by the name of their job,
 * sockets that listen, temporary folders.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished } from 'vitest';

import type { BlocksOptions } from '../../src/api/executors.ts';
import type { Task, Troupe, TroupeConfig, TroupeEvents } from '../../src/index.ts';
import type { LocalOptions } from '../../src/api/providers.ts';
import type { Provider } from '../../src/providers/port.ts';
import { gone, isAlive } from './real-node.ts';

/** What `test/fixtures/blocks-driver.mjs` has. */
export interface Driver {
  readonly Troupe: { start(config: TroupeConfig): Promise<Troupe> };
  readonly blocks: (options: BlocksOptions) => NonNullable<TroupeConfig['executors']>[number];
  readonly local: (options?: LocalOptions) => Provider;
  readonly mark: Task<[file: string, id: string, ms: number], string>;
  readonly exit: Task<[file: string, code: number], never>;
  readonly forever: Task<[], never>;
}

export const driverFile = join(import.meta.dirname, '../fixtures/blocks-driver.mjs');
/** Natively, and so with the one `troupe` that its tasks are defined with. */
export const driver: Driver = (await import(driverFile)) as Driver;

type EventOf<T extends keyof TroupeEvents> = TroupeEvents[T];

export interface OnBlocks {
  readonly troupe: Troupe;
  /** Every event of these types so far. */
  all<T extends keyof TroupeEvents>(type: T): readonly EventOf<T>[];
  /** The first event that holds, past or to come. */
  until<T extends keyof TroupeEvents>(type: T, holds?: (event: EventOf<T>) => boolean): Promise<EventOf<T>>;
  /** Calls `mark` so often, for so long each: all futures, and their ids. */
  marks(count: number, ms: number): readonly PromiseLike<string>[];
  /** Process ids of the workers that began each id, oldest first, by what the tasks have written. */
  runs(): Promise<ReadonlyMap<string, readonly number[]>>;
  readonly file: string;
  /** Closes it, and looks for what is left. */
  close(pending?: 'wait' | 'cancel'): Promise<void>;
}

const kept = [
  'block.requested',
  'block.ready',
  'block.ended',
  'manager.registered',
  'manager.state',
  'worker.lost',
  'try.started',
  'try.failed',
  'try.late',
  'task.settled',
  'executor.state',
  'actor.failed',
  'actor.deadLetter',
] as const satisfies readonly (keyof TroupeEvents)[];

export async function onBlocks(options: BlocksOptions = {}, config: TroupeConfig = {}): Promise<OnBlocks> {
  const dir = await mkdtemp(join(tmpdir(), 'on-blocks-'));
  const file = join(dir, 'runs');
  const listening = portsOf();
  const troupe = await driver.Troupe.start({
    executors: [driver.blocks(options)],
    ambient: false,
    signals: false,
    output: 'silent',
    ...config,
  });
  const events: { readonly type: string }[] = [];
  const waiting = new Set<() => void>();
  for (const type of kept) {
    troupe.on(type, (event) => {
      events.push(event);
      for (const check of waiting) check();
    });
  }
  let ids = 0;
  let closing: Promise<void> | undefined;

  async function close(pending: 'wait' | 'cancel'): Promise<void> {
    await troupe.close({ pending });
    const names = self.all('block.requested').map(({ jobName }) => jobName);
    expect(processesOf(names).map(commandOf), 'processes').toEqual([]);
    expect(portsOf(), 'ports').toEqual(listening);
    expect(foldersOf(names), 'folders').toEqual([]);
    expect([...self.all('actor.failed'), ...self.all('actor.deadLetter')], 'defects').toEqual([]);
  }
  onTestFinished(async () => {
    try {
      await self.close('cancel');
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  const self: OnBlocks = {
    troupe,
    all: (type) => events.filter((event) => event.type === type) as never,
    until: (type, holds = () => true) =>
      new Promise((resolve) => {
        const check = (): void => {
          const found = events.find((event) => event.type === type && holds(event as never));
          if (found === undefined) return;
          waiting.delete(check);
          resolve(found as never);
        };
        waiting.add(check);
        check();
      }),
    marks: (count, ms) => Array.from({ length: count }, () => troupe.run(driver.mark, file, `t${++ids}`, ms)),
    async runs() {
      const text = await readFile(file, 'utf8').catch(() => '');
      const runs = new Map<string, number[]>();
      for (const [id = '', , pid] of text.split('\n').map((line) => line.split(' ')))
        if (id !== '') runs.set(id, [...(runs.get(id) ?? []), Number(pid)]);
      return runs;
    },
    file,
    close: (pending = 'wait') => (closing ??= close(pending)),
  };
  return self;
}

function environOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    return []; // of somebody else, or gone
  }
}
function commandOf(pid: number): string {
  try {
    return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')}`;
  } catch {
    return String(pid);
  }
}

/** Live processes that were started for these jobs, at any depth. */
export function processesOf(jobNames: readonly string[]): readonly number[] {
  const wanted = new Set(jobNames.map((name) => `TROUPE_JOB_NAME=${name}`));
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isAlive(pid) && environOf(pid).some((entry) => wanted.has(entry)));
}
/** The worker processes of these jobs. */
export const workersOf = (jobNames: readonly string[]): readonly number[] =>
  processesOf(jobNames).filter((pid) => commandOf(pid).includes('worker.js'));

export async function allGone(jobNames: readonly string[]): Promise<void> {
  await Promise.all(processesOf(jobNames).map(gone));
}

/** Local addresses of the TCP sockets on which this process listens. */
function portsOf(): readonly string[] {
  const own = new Set(
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  return ['tcp', 'tcp6']
    .flatMap((kind) => readFileSync(`/proc/self/net/${kind}`, 'latin1').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && own.has(inode ?? ''))
    .map(([, address = '']) => address)
    .toSorted();
}
/** Temporary folders of the run that has these jobs: `troupe-<run id>-…`, as the jobs are named. */
const foldersOf = (jobNames: readonly string[]): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => jobNames.some((job) => job.startsWith(name.replace(/\w{6}$/, '')) && /-\w{6}$/.test(name)));

export interface Proxy {
  readonly port: number;
  /** Connections that there are now. */
  readonly open: number;
  /** Ends every connection at once, and takes no new ones until `restore`. */
  cut(): void;
  restore(): void;
}

/** Between a driver and its managers: passes bytes both ways until it is cut. */
export async function tcpProxy(to: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return near.destroy();
    const far = connect(to, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
    return undefined;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return sockets.size / 2;
    },
    cut() {
      isCut = true;
      for (const socket of sockets) socket.resetAndDestroy();
    },
    restore() {
      isCut = false;
    },
  };
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export { gone };
