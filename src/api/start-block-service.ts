/** What `blocks({...}).start()` does: checks, opens, and closes. Loaded when it is called; imports of workers need none of it. */
import { nanoid } from 'nanoid';
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';

import { openService, type OpenService, type ServiceEvent, type ServiceOptions } from '../actors/blocks/service.ts';
import { openEventLog, type EventLog } from '../actors/event-log.ts';
import { systemClock, type Clock } from '../actors/timers.ts';
import { ClosedError, ConfigError } from '../machines/model/errors.ts';
import { messageOf } from '../machines/model/failures.ts';
import { lazy } from '../machines/model/lazy.ts';
import { cbor } from '../transport/serializers/cbor.ts';
import type { BlockService, BlockServiceEvents, BlockServiceSettings, WorkOptions } from './block-service.ts';
import { fileExtension } from './file.ts';
import { checked } from './options.ts';
import { abortSignals } from './signals.ts';

const schemas = lazy(() => {
  const fn = z.custom<() => number>((value) => typeof value === 'function', 'is not a function');
  const amount = z.number().min(0);
  return {
    settings: z
      .strictObject({
        name: z.string().min(1),
        runDir: z.string().min(1),
        clock: z.custom<Clock>((value) => typeof value === 'object' && value !== null && 'now' in value, 'is not a clock'),
        random: fn,
      })
      .partial(),
    work: z
      .strictObject({
        worker: z.strictObject({
          module: z.custom<URL | string>(
            (value) => moduleUrl(value) !== undefined,
            "is neither a URL nor an absolute path; use new URL('./entry.js', import.meta.url)",
          ),
          entry: z.string().min(1).optional(),
        }),
        resources: z.strictObject({ cores: amount, memoryBytes: amount, gpus: amount }).partial(),
        priority: z.number(),
        timeRequestMs: amount,
        signal: z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'is not an AbortSignal'),
        correlationId: z.string().min(1),
      })
      .partial()
      .required({ worker: true }),
  } as const;
});

function moduleUrl(module: unknown): string | undefined {
  if (module instanceof URL) return module.href;
  if (typeof module !== 'string') return undefined;
  if (isAbsolute(module)) return pathToFileURL(module).href;
  return URL.canParse(module) ? module : undefined;
}

/** @throws ConfigError; the error of the listener, when managers cannot connect. */
export async function startBlockService(options: ServiceOptions, settings: BlockServiceSettings): Promise<BlockService> {
  checked(schemas().settings as never, settings, 'start');
  const runId = nanoid(10);
  const { name = `blocks-${runId}`, clock = systemClock, random = Math.random } = settings;
  const log = await openLog(options, settings, { name, runId, clock });
  const listeners = listening(name, log);
  const open = openService(options, {
    runId,
    runDir: log?.dir,
    clock,
    random,
    serializer: cbor({ extensions: [fileExtension] }),
    onEvent: listeners.tell,
  });
  try {
    await open.ready;
  } catch (error) {
    await open.shutdown('kill');
    await log?.close();
    throw error;
  }
  return serviceOf(open, { name, log, on: listeners.on });
}

function serviceOf(
  open: OpenService,
  { name, log, on }: { readonly name: string; readonly log: EventLog | undefined; readonly on: BlockService['on'] },
): BlockService {
  const signals = abortSignals((id, reason) => open.cancel(id, reason));
  let closing: Promise<void> | undefined;

  function submit(payload: Uint8Array, options: WorkOptions): ReturnType<BlockService['submit']> {
    if (closing !== undefined) throw new ClosedError(`submit was called after ${name} was told to shut down`, { troupe: name });
    if (!(payload instanceof Uint8Array))
      throw new ConfigError('submit: the payload is not a Uint8Array; encode it first', { field: 'payload', value: payload });
    checked(schemas().work as never, options, 'submit');
    const { worker, resources = {}, priority = 0, timeRequestMs, signal, correlationId } = options;
    const work = open.submit({
      payload,
      module: moduleUrl(worker.module) ?? '',
      entry: worker.entry ?? 'run',
      resources,
      priority,
      timeRequestMs,
      correlationId,
      settled(id) {
        if (signal !== undefined) signals.delete(signal, id);
      },
    });
    if (signal?.aborted === true) open.cancel(work.id, signal.reason);
    else if (signal !== undefined && open.has(work.id)) signals.add(signal, work.id);
    return work;
  }

  async function end(mode: 'drain' | 'kill'): Promise<void> {
    await open.shutdown(mode);
    await log?.close(); // last: it records all the rest
  }

  function shutdown({ mode = 'drain' }: { readonly mode?: 'drain' | 'kill' } = {}): Promise<void> {
    if (closing !== undefined && mode === 'kill') void open.shutdown('kill'); // which the first call waits for
    closing ??= end(mode);
    return closing;
  }

  const { ready: _ready, cancel: _cancel, has: _has, state: _state, size: _size, ...rest } = open;
  return {
    ...rest,
    name,
    runDir: log?.dir,
    get size() {
      return open.size;
    },
    submit,
    on,
    shutdown,
    async [Symbol.asyncDispose]() {
      if (open.size > 0 && closing === undefined) {
        const what = open.size === 1 ? '1 piece of work, which was' : `${open.size} pieces of work, which were`;
        process.emitWarning(`${name} was left with ${what} cancelled; await service.shutdown() to wait`, { code: 'TROUPE_LEFT' });
      }
      await shutdown({ mode: 'kill' });
    },
  };
}

async function openLog(
  { label, policies }: ServiceOptions,
  { runDir }: BlockServiceSettings,
  { name, runId, clock }: { readonly name: string; readonly runId: string; readonly clock: Clock },
): Promise<EventLog | undefined> {
  if (runDir === undefined) return undefined;
  const names = Object.fromEntries(Object.entries(policies).map(([kind, policy]) => [kind, policy.name]));
  return openEventLog({
    runDir,
    name,
    runId,
    level: 'summary',
    clock,
    config: { executors: [{ label, kind: 'blocks' }], policies: names, replaced: [] },
  });
}

interface Listening {
  tell(event: ServiceEvent): void;
  readonly on: BlockService['on'];
}

/** Listeners are called in a turn of their own: what they do must not come in between what the service is doing. */
function listening(name: string, log: EventLog | undefined): Listening {
  const listeners = new Map<keyof BlockServiceEvents, Set<(event: never) => void>>();
  let due: ServiceEvent[] = [];
  let isChangeDue = false;

  function tellAll(): void {
    const events = due;
    due = [];
    isChangeDue = false;
    for (const event of events) {
      const { type, ...told } = event;
      for (const listener of listeners.get(type) ?? []) {
        try {
          (listener as (event: unknown) => void)(told);
        } catch (error) {
          process.emitWarning(
            `a listener of ${type} of ${name} threw: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`,
          );
        }
      }
    }
  }

  return {
    tell(event) {
      if (event.type === 'note') log?.listener.fact({ type: event.note, atMs: event.atMs, data: event.data });
      if ((listeners.get(event.type)?.size ?? 0) === 0) return;
      if (event.type === 'change') {
        if (isChangeDue) return;
        isChangeDue = true;
      }
      if (due.length === 0) setImmediate(tellAll);
      due.push(event);
    },
    on(type, listener) {
      const all = listeners.get(type) ?? new Set();
      listeners.set(type, all);
      all.add(listener);
      return () => void all.delete(listener);
    },
  };
}
