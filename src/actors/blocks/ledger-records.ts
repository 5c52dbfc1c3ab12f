/** What a ledger of jobs says: its records, and a reader that no torn or foreign line can stop. */
import { z } from 'zod';

import { blockEnds, type BlockEnd } from '../../machines/model/blocks.ts';

const text = z.string().max(10_000);
const driver = z.object({
  pid: z.number().int().positive(),
  /** Of the process, as the system has it: pids come again. Absent where the system does not say. */
  startTime: text.optional(),
  host: text,
});
const of = { runId: text, label: text, blockId: text.min(1), jobName: text.min(1), tMs: z.number() };

const schema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('opened'), runId: text, label: text, driver, tMs: z.number() }),
  z.object({ type: z.literal('requested'), ...of, provider: z.object({ kind: text, options: z.record(z.string(), z.unknown()) }) }),
  z.object({ type: z.literal('submitted'), ...of, jobId: text.min(1) }),
  z.object({ type: z.literal('ended'), ...of, end: z.enum(blockEnds), jobId: text.optional() }),
]);

/** The process that the jobs belong to. */
export interface DriverId {
  readonly pid: number;
  readonly startTime?: string | undefined;
  readonly host: string;
}

interface OfBlock {
  readonly runId: string;
  readonly label: string;
  readonly blockId: string;
  readonly jobName: string;
  readonly tMs: number;
}

export type LedgerRecord =
  | { readonly type: 'opened'; readonly runId: string; readonly label: string; readonly driver: DriverId; readonly tMs: number }
  /** Before its job is submitted. */
  | (OfBlock & {
      readonly type: 'requested';
      readonly provider: { readonly kind: string; readonly options: Readonly<Record<string, unknown>> };
    })
  | (OfBlock & { readonly type: 'submitted'; readonly jobId: string })
  | (OfBlock & { readonly type: 'ended'; readonly end: BlockEnd; readonly jobId?: string | undefined });

export interface ReadLedger {
  readonly records: readonly LedgerRecord[];
  /** Lines that are no records, in words. */
  readonly problems: readonly string[];
}

export function parseLedger(content: string): ReadLedger {
  const records: LedgerRecord[] = [];
  const problems: string[] = [];
  const lines = content.split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const read = readLine(line);
    if (typeof read !== 'string') records.push(read);
    else
      problems.push(
        index === lines.length - 1 ? `line ${index + 1} is torn: the driver died while it wrote it` : `line ${index + 1}: ${read}`,
      );
  }
  return { records, problems };
}

function readLine(line: string): LedgerRecord | string {
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch {
    return 'it is not JSON';
  }
  const { success, data: record, error } = schema.safeParse(data);
  if (success) return record;
  const [issue] = error.issues;
  return `it is no record: ${issue?.path.map(String).join('.') ?? ''} ${issue?.message ?? ''}`.slice(0, 300);
}

/** A block that a ledger knows, by its last word on it. */
export interface LedgerBlock {
  readonly runId: string;
  readonly label: string;
  readonly blockId: string;
  readonly jobName: string;
  readonly provider: { readonly kind: string; readonly options: Readonly<Record<string, unknown>> };
  readonly jobId: string | undefined;
  readonly end: BlockEnd | undefined;
}

/** Blocks by job name, in the order of their requests. One that has ended never changes again. */
export function blocksOf(records: readonly LedgerRecord[]): ReadonlyMap<string, LedgerBlock> {
  const blocks = new Map<string, LedgerBlock>();
  for (const record of records) {
    if (record.type === 'opened') continue;
    const known = blocks.get(record.jobName);
    if (record.type === 'requested') {
      const { runId, label, blockId, jobName, provider } = record;
      if (known === undefined) blocks.set(jobName, { runId, label, blockId, jobName, provider, jobId: undefined, end: undefined });
    } else if (known !== undefined && known.end === undefined) {
      if (record.type === 'submitted') blocks.set(record.jobName, { ...known, jobId: record.jobId });
      else blocks.set(record.jobName, { ...known, end: record.end });
    }
  }
  return blocks;
}

/** Whose jobs these are: every driver that has opened the ledger. */
export const driversOf = (records: readonly LedgerRecord[]): readonly DriverId[] =>
  records.flatMap((record) => (record.type === 'opened' ? [record.driver] : []));
