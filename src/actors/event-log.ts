/**
 * The complete record of a run, as a file in a folder of its own. It listens to the recorder and writes behind: no
 * task ever waits for it, and it is not what a restart would trust. Read by `read-log.ts` and `replay.ts`.
 */
import { join } from 'node:path';

import type { TaskDigest } from '../machines/model/story.ts';
import { digestLines, quote, type Printed } from './digest-line.ts';
import type { ClosedRecord, FactRecord, LogLevel, OpenedRecord } from './log-records.ts';
import { logFile, logWriter, type LogCounts, type LogFile, type LogWriter } from './log-writer.ts';
import { plain } from './plain.ts';
import type { Fact, Listener } from './recorder.ts';
import { EVENTS_FILE, runFolder, type RunOptions } from './run-folder.ts';
import type { Clock } from './timers.ts';

export interface EventLogOptions extends RunOptions {
  readonly clock: Clock;
  /** For how long to wait for the disk at the end. @defaultValue the system's */
  readonly disk?: Clock;
  /** Told when something is missing in the log, once, and when `latest` could not be set. @defaultValue a warning of the process */
  readonly warn?: (message: string) => void;
  /** Opens the file. @defaultValue a file on disk */
  readonly open?: (path: string) => Promise<LogFile>;
}

export interface EventLog {
  /** The folder of this run. */
  readonly dir: string;
  readonly listener: Listener;
  /** Writes what waits and a last record. Never rejects; a second call does nothing. */
  close(): Promise<LogCounts>;
}

/** Longest line that is written as it is. */
const MAX_LINE = 16 * 1024;
const FACT_CHARS = 2000;

/** @throws ConfigError when the folder or the file cannot be made. */
export async function openEventLog(options: EventLogOptions): Promise<EventLog> {
  const { clock, level, open = logFile, warn = emitWarning } = options;
  const { dir, run, notLinked } = await runFolder(options);
  if (notLinked !== undefined) warn(`latest does not point to ${dir}: ${notLinked}`);
  const file = await open(join(dir, EVENTS_FILE));
  const writer = logWriter(file, {
    clock,
    warn: (why) => warn(`the event log in ${dir} is incomplete: ${why}`),
    ...(options.disk === undefined ? undefined : { disk: options.disk }),
  });
  writer.write(JSON.stringify({ type: 'log.opened', t: clock.now(), run } satisfies OpenedRecord), true);
  const { listener, end } = listening(writer, level);
  let closing: Promise<LogCounts> | undefined;
  return {
    dir,
    listener,
    close() {
      const { lastSeq, actors } = end();
      closing ??= writer.close((counts) =>
        JSON.stringify({ type: 'log.closed', t: clock.now(), ...counts, lastSeq, actors } satisfies ClosedRecord),
      );
      return closing;
    },
  };
}

interface Listening {
  readonly listener: Listener;
  /** How far it has come. */
  end(): Pick<ClosedRecord, 'lastSeq' | 'actors'>;
}

/** Turns what it is told into lines. Built by hand where it is hot: names of fields need no escaping. */
function listening(writer: LogWriter, level: LogLevel): Listening {
  let lastSeq = 0;
  let actors = 0;
  /** Bytes that live tasks have printed. */
  const printed = new Map<string, { -readonly [K in keyof Printed]: number }>();
  const digestLine = digestLines();

  function print({ data }: Fact): void {
    const { taskId, stream, text } = data as { readonly taskId: string; readonly stream: 'stdout' | 'stderr'; readonly text: string };
    const bytes = printed.get(taskId) ?? { stdout: 0, stderr: 0 };
    bytes[stream] += Buffer.byteLength(text);
    printed.set(taskId, bytes);
  }

  const facts: Listener = {
    fact(fact) {
      if (fact.type === 'task.output') print(fact);
      else writer.write(factLine(fact), false);
    },
    settled(task) {
      const output = printed.get(task.taskId);
      if (output !== undefined) printed.delete(task.taskId);
      const line = digestLine(task, output);
      writer.write(line.length <= MAX_LINE ? line : digestLine(plain(task, MAX_LINE / 2).data as TaskDigest, output), false);
    },
  };
  const steps: Pick<Listener, 'step' | 'spawned' | 'stopped' | 'deadLetter'> = {
    step({ seq, causeId, actorId, event, from, to, failed }, t) {
      lastSeq = seq;
      const end = failed === true ? ',"failed":true}' : '}';
      writer.write(
        `{"type":"step","seq":${seq},"t":${t},"actor":${quote(actorId)},"event":${json(event)},"from":"${from}","to":"${to}","causeId":${causeId}${end}`,
        true,
      );
    },
    deadLetter({ seq, causeId, actorId, event }, t) {
      lastSeq = seq;
      writer.write(
        `{"type":"actor.deadLetter","seq":${seq},"t":${t},"actor":${quote(actorId)},"event":${json(event)},"causeId":${causeId}}`,
        true,
      );
    },
    stopped({ actorId, causeId }, t) {
      writer.write(`{"type":"actor.stopped","t":${t},"actor":${quote(actorId)},"causeId":${causeId}}`, true);
    },
    spawned({ actorId, machine, input, causeId }, t) {
      actors++;
      const given = input === undefined ? '' : `,"input":${exact(input)}`;
      writer.write(
        `{"type":"actor.spawned","t":${t},"actor":${quote(actorId)},"machine":${quote(machine)}${given},"causeId":${causeId}}`,
        true,
      );
    },
  };
  return {
    listener: level === 'full' ? { ...facts, ...steps } : facts,
    end: () => ({ lastSeq, actors }),
  };
}

function factLine({ type, atMs, data }: Fact): string {
  const { data: copy, isCut } = plain(data, FACT_CHARS);
  return JSON.stringify({
    type: 'fact',
    t: atMs,
    fact: type,
    data: copy as FactRecord['data'],
    ...(isCut ? { cut: true } : undefined),
  } satisfies FactRecord);
}

/** Of our own events and digests, in which names, messages and policy answers may yet be anything. */
function json(value: object): string {
  try {
    const text = JSON.stringify(value);
    if (text.length <= MAX_LINE) return text;
  } catch {
    // not JSON: below
  }
  return JSON.stringify(plain(value, MAX_LINE / 2).data);
}

const INFINITE = '\u0000infinite';
/** As `json`, but a budget without an end stays one: JSON has no Infinity, yet any reader takes 1e999 for it. */
const exact = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) => (field === Infinity ? INFINITE : field)).replaceAll(JSON.stringify(INFINITE), '1e999');

const emitWarning = (message: string): void => process.emitWarning(message, { code: 'TROUPE_LOG' });
