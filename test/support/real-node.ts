/** A real manager process with real workers, and the test for its driver, over a WebSocket. From `dist/`. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { onTestFinished } from 'vitest';

import type { ManagerConfigInput } from '../../src/actors/node/config.ts';
import { identityOf } from '../../src/actors/definitions.ts';
import type { Try } from '../../src/actors/executors/port.ts';
import { decodeOutcome, encodeCall, encodeTry } from '../../src/actors/work.ts';
import { fileExtension } from '../../src/api/file.ts';
import { defaultLimits, type Link } from '../../src/transport/port.ts';
import type { Message, MessageOf } from '../../src/transport/protocol.ts';
import { cbor } from '../../src/transport/serializers/cbor.ts';
import { websocket } from '../../src/transport/websocket.ts';

const dist = join(import.meta.dirname, '../../dist');
export const workerUrl = pathToFileURL(join(dist, 'api/bin/worker.js')).href;
export const fixtureUrl = new URL('../fixtures/tasks.mjs', import.meta.url).href;
export const entryUrl = new URL('../fixtures/host-entry.mjs', import.meta.url).href;
const secret = 'a secret of sixteen or more letters';
export const serializer = cbor({ extensions: [fileExtension] });

export interface RealNode {
  readonly child: ChildProcess;
  readonly dir: string;
  /** What the manager has written on its stderr. */
  readonly stderr: () => string;
  /** All that was heard, oldest first. */
  readonly heard: readonly Message[];
  /** The first message of the type that holds, past or to come. */
  until<T extends Message['t']>(type: T, holds?: (message: MessageOf<T>) => boolean): Promise<MessageOf<T>>;
  send(...messages: Message[]): void;
  /** Grants a call of the fixture; its lease. */
  call(entry: string, payload?: string): number;
  /** Grants a try of a task of the executors' fixture; its lease. */
  task(name: string, args?: readonly unknown[], more?: Partial<Try>): number;
  grant(work: Uint8Array): number;
  /** How a lease ended, decoded, and which worker ran it. */
  end(lease: number): Promise<{ readonly type: string; readonly text?: string; readonly error?: unknown; readonly worker: string }>;
  /** The value that a task returned. @throws when it has another end */
  result(lease: number): Promise<unknown>;
  /** Process ids of the manager's live workers. */
  workers(): readonly number[];
  /** Process ids of what a worker has started; waits for the first. */
  commands(worker: number): Promise<readonly number[]>;
  exited: Promise<number | null>;
}

type Config = Partial<ManagerConfigInput>;

/** @param more - What differs from a manager with one worker; may depend on a folder that is removed in the end. */
export async function realNode(more: Config | ((dir: string) => Config) = {}): Promise<RealNode> {
  const dir = await mkdtemp(join(tmpdir(), 'troupe-node-'));
  const config = typeof more === 'function' ? more(dir) : more;
  const heard: Message[] = [];
  const waiting = new Set<() => void>();
  let link: Link | undefined;
  let leases = 0;
  let received = 0;
  const listener = await websocket().listen({
    host: '127.0.0.1',
    port: 0,
    secretOf: () => secret,
    certificate: undefined,
    limits: defaultLimits,
    onRefused: () => {},
    onLink(opened) {
      link = opened;
      return {
        messages(messages) {
          for (const message of messages) {
            if (message.t === 'register') opened.send({ t: 'welcome', received, drop: [], heartbeatMs: 5000 });
            if ('seq' in message && message.t !== 'ack') opened.send({ t: 'ack', seq: (received = message.seq) });
            heard.push(message);
          }
          for (const check of waiting) check();
        },
        closed() {},
        faulted() {},
        drained() {},
      };
    },
  });
  const whole: ManagerConfigInput = {
    runId: 'run',
    label: 'blocks',
    blockId: '3',
    secret,
    addresses: [`127.0.0.1:${listener.port}`],
    slots: { workers: 1 },
    cores: 4,
    ...config,
    worker: { program: workerUrl, ...config.worker },
  };
  const file = join(dir, 'connect.json');
  await writeFile(file, JSON.stringify(whole), { mode: 0o600 });
  const child = spawn(process.execPath, [join(dist, 'api/bin/manager.js'), '--connect', file], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exited = once(child, 'exit').then(([code]) => code as number | null);

  onTestFinished(async () => {
    const pids = self.workers();
    child.kill('SIGKILL');
    await exited;
    await Promise.all(pids.map(gone));
    await listener.close();
    await rm(dir, { recursive: true, force: true });
  });

  const self: RealNode = {
    child,
    dir,
    stderr: () => stderr,
    heard,
    until: (type, holds = () => true) =>
      new Promise((resolve) => {
        const check = (): void => {
          const found = heard.find((message) => message.t === type && holds(message as never));
          if (found === undefined) return;
          waiting.delete(check);
          resolve(found as never);
        };
        waiting.add(check);
        check();
      }),
    send: (...messages) => messages.forEach((message) => link?.send(message)),
    grant(work) {
      const lease = ++leases;
      link?.send({ t: 'grant', leases: [lease], works: [work] });
      return lease;
    },
    call: (entry, payload = '') =>
      self.grant(
        encodeCall({ id: `call-${leases + 1}`, tryIndex: 0, module: entryUrl, entry, payload: new TextEncoder().encode(payload) }),
      ),
    task(name, args = [], more = {}) {
      const taskId = `task-${leases + 1}`;
      const attempt: Try = {
        kind: 'function',
        taskId,
        tryIndex: 0,
        name,
        identity: identityOf(fixtureUrl, name),
        moduleUrl: fixtureUrl,
        args: { values: args },
        priority: 0,
        resources: {},
        timeLimitMs: undefined,
        shell: undefined,
        outputs: [],
        ...more,
      };
      return self.grant(encodeTry(attempt, serializer.encode(args, 'args'), undefined));
    },
    async result(lease) {
      const { outcomes, leases: ended } = await self.until('ended', (message) => message.leases.includes(lease));
      const outcome = decodeOutcome(outcomes[ended.indexOf(lease)] as Uint8Array, serializer);
      if (outcome.type === 'done' && 'bytes' in outcome.result) return serializer.decode(outcome.result.bytes);
      throw new Error(`it ended with ${outcome.type}`);
    },
    async commands(worker) {
      for (;;) {
        const found = childrenOf(worker);
        if (found.length > 0) return found;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    async end(lease) {
      const { leases: ended, outcomes, workers } = await self.until('ended', (message) => message.leases.includes(lease));
      const at = ended.indexOf(lease);
      const outcome = decodeOutcome(outcomes[at] as Uint8Array, serializer);
      const worker = workers[at] ?? '';
      if (outcome.type === 'done' && 'bytes' in outcome.result)
        return { type: 'done', text: new TextDecoder().decode(outcome.result.bytes), worker };
      if (outcome.type === 'failed' && 'bytes' in outcome.error)
        return { type: outcome.kind, error: serializer.decode(outcome.error.bytes), worker };
      return { type: outcome.type, worker };
    },
    workers: () => childrenOf(child.pid ?? 0).filter((pid) => commandOf(pid).includes('worker.js')),
    exited,
  };
  return self;
}

const procs = (): readonly number[] => readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));

/** State and parent of a process; `undefined` when there is none. */
function statOf(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '', parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

const childrenOf = (parent: number): readonly number[] => procs().filter((pid) => statOf(pid)?.parent === parent);

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

export const isAlive = (pid: number): boolean => !['Z', 'X', undefined].includes(statOf(pid)?.state);

/** Resolves when a process is no more. A process that is not our child tells nobody of its end: it is asked. */
export async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
}

export const textOf = (path: string): Promise<string> => readFile(path, 'utf8');
