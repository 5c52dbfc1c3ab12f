/**
 * Reads an event log, one record at a time, checked: a file is foreign data, whoever wrote it. A last line that a
 * crash has cut off is no error; anything else that is not a record is, unless the reader is lenient.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';

import { EventLogError } from '../machines/model/errors.ts';
import type { StoryEvent } from '../machines/model/story.ts';
import type { GapRecord, LogRecord } from './log-records.ts';
import { recordSchema } from './log-schemas.ts';
import { digestStory } from './recorder.ts';
import { EVENTS_FILE, LATEST } from './run-folder.ts';

export interface ReadLogOptions {
  /** True skips lines that are no records, and does not mind when some are missing. @defaultValue false */
  readonly lenient?: boolean;
  /** Told of each line that is skipped. @param line - From 1. */
  readonly onSkipped?: (line: number, why: string) => void;
}

/** Records as they are read; a second loop reads the file again. */
export interface LogRecords extends AsyncIterable<LogRecord> {
  /** All of them at once. */
  toArray(): Promise<readonly LogRecord[]>;
}

/** A log in memory, or on its way. */
export type LogSource = Iterable<LogRecord> | AsyncIterable<LogRecord>;

/**
 * Reads the log of a run.
 *
 * @param path - The folder of a run, the folder of all runs (the latest is read), or the file itself.
 * @throws EventLogError from the loop or `toArray`, naming the line: when there is no log, a line is no record, or
 * records that the log says it has are missing.
 * @example
 * for await (const record of readLog('runs')) if (record.type === 'task.settled') console.log(record.task.name);
 */
export function readLog(path: string, options: ReadLogOptions = {}): LogRecords {
  const read = (): AsyncGenerator<LogRecord, void, undefined> => records(path, options);
  return {
    [Symbol.asyncIterator]: read,
    async toArray() {
      const all: LogRecord[] = [];
      for await (const record of read()) all.push(record);
      return all;
    },
  };
}

/**
 * What a log says of one task, oldest first: every step at level `full`, else what its digest has. A line of type
 * `log.gap` stands where records are missing.
 */
export async function storyOf(source: LogSource, taskId: string): Promise<readonly StoryEvent[]> {
  const story: StoryEvent[] = [];
  let digest: readonly StoryEvent[] = [];
  for await (const record of source) {
    if (record.type === 'step' && record.actor === taskId) {
      const { seq, t, from, to, causeId, event } = record;
      story.push({ seq, atMs: t, type: event.type, taskId, from, to, causeId, event });
    } else if (record.type === 'task.settled' && record.task.taskId === taskId) digest = digestStory(record.task);
    else if (record.type === 'log.gap') story.push(gapLine(record, taskId, story.at(-1)?.to ?? ''));
  }
  return story.some(({ type }) => type !== 'log.gap') ? story : digest;
}

const gapLine = ({ t, records: missing, why }: GapRecord, taskId: string, state: string): StoryEvent => {
  const event = { type: 'log.gap', records: missing, why };
  return { seq: 0, atMs: t, type: event.type, taskId, from: state, to: state, causeId: 0, event };
};

async function* records(
  path: string,
  { lenient = false, onSkipped = () => {} }: ReadLogOptions,
): AsyncGenerator<LogRecord, void, undefined> {
  const file = await eventsFile(path);
  let line = 0;
  let count = 0;
  for await (const { texts, isWhole } of lines(file)) {
    for (const text of texts) {
      line++;
      const record = parse(text);
      if (typeof record === 'string') {
        if (!isWhole) return; // cut off by a crash
        if (!lenient) throw new EventLogError(`line ${line} of ${file} is not a record: ${record}`, { path: file });
        onSkipped(line, record);
        continue;
      }
      if (record.type === 'log.closed' && record.records !== count && !lenient) {
        throw new EventLogError(`line ${line} of ${file} says that ${record.records} records stand before it, and there are ${count}`, {
          path: file,
        });
      }
      count++;
      yield record;
    }
  }
}

/** As many at once as there are: a promise a line would cost as much as parsing it. */
async function* lines(file: string): AsyncGenerator<{ readonly texts: readonly string[]; readonly isWhole: boolean }, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) {
      const parts = (rest + decoder.write(chunk as Buffer)).split('\n');
      rest = parts.pop() ?? '';
      yield { texts: parts, isWhole: true };
    }
  } catch (cause) {
    throw unreadable(file, cause);
  }
  rest += decoder.end();
  if (rest !== '') yield { texts: [rest], isWhole: false };
}

/** The record, or what is wrong with the line. */
function parse(text: string): LogRecord | string {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const checked = recordSchema.safeParse(data);
  if (checked.success) return checked.data as LogRecord;
  const [issue] = checked.error.issues;
  return `${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'is wrong'}`;
}

/** The file that a path means. */
async function eventsFile(path: string): Promise<string> {
  const isFolder = async (of: string): Promise<boolean> => (await stat(of)).isDirectory();
  try {
    if (!(await isFolder(path))) return path;
  } catch (cause) {
    throw unreadable(path, cause);
  }
  for (const file of [join(path, EVENTS_FILE), join(path, LATEST, EVENTS_FILE)]) {
    if (
      await isFolder(file).then(
        (is) => !is,
        () => false,
      )
    )
      return file;
  }
  throw new EventLogError(
    `${path} has no ${EVENTS_FILE}, and neither has ${join(path, LATEST)}; give the folder of a run, or the runDir that it is in`,
    { path },
  );
}

const unreadable = (path: string, cause: unknown): EventLogError =>
  new EventLogError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { path, cause });
