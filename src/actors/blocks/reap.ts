/**
 * Cleans up after a driver that died: every block that a ledger below a folder knows, and that has not ended, is
 * looked for by the name of its job, cancelled, and seen to be gone. What was done is written into the ledger.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createMachine } from 'xstate';

import { messageOf } from '../../machines/model/failures.ts';
import type { ReapedBlock, ReapReport } from '../../machines/model/reaping.ts';
import type { Provider } from '../../providers/port.ts';
import { actorSystem, spaceOf } from '../spawn.ts';
import { systemClock, timers as timersOf, type Clock } from '../timers.ts';
import { whyAlive } from './driver-id.ts';
import { LEDGER_FILE, openLedger } from './ledger.ts';
import { blocksOf, driversOf, parseLedger, type LedgerBlock, type LedgerRecord } from './ledger-records.ts';
import { providerActor } from './provider.ts';
import { reapedAs, reapJob } from './reap-job.ts';

export interface ReapOptions {
  /** Also when the driver may still live. @defaultValue false */
  readonly force?: boolean;
  /** How long the jobs of one provider may take. @defaultValue 60_000 */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  /** Uniform in [0, 1). @defaultValue Math.random */
  readonly random?: () => number;
  /** What a provider says that nobody expects; for a log. */
  readonly note?: (type: string, data: Readonly<Record<string, unknown>>) => void;
}

/** Makes a provider again from what a ledger has of it. May throw. */
export type BuildProvider = (kind: string, options: Readonly<Record<string, unknown>>) => Provider;

interface FoundLedger {
  readonly path: string;
  readonly records: readonly LedgerRecord[];
}

/** @param dir - The folder of a run, or any above it. */
export async function reapDir(dir: string, buildProvider: BuildProvider, options: ReapOptions = {}): Promise<ReapReport> {
  const problems: string[] = [];
  const found = await readLedgers(dir, problems);
  const ledgers = found.map(({ path }) => path);
  const refused = options.force === true ? undefined : found.flatMap(whyWanted)[0];
  if (refused !== undefined) return { dir, refused, ledgers, blocks: [], problems };
  const blocks: ReapedBlock[] = [];
  for (const ledger of found) blocks.push(...(await reapLedger(ledger, buildProvider, options, problems)));
  return { dir, ledgers, blocks, problems };
}

const pendingOf = ({ records }: FoundLedger): readonly LedgerBlock[] =>
  [...blocksOf(records).values()].filter(({ end }) => end === undefined);

/** Why the jobs of a ledger must be left alone. */
const whyWanted = (ledger: FoundLedger): readonly string[] =>
  pendingOf(ledger).length === 0 ? [] : driversOf(ledger.records).flatMap((driver) => whyAlive(driver) ?? []);

async function readLedgers(dir: string, problems: string[]): Promise<readonly FoundLedger[]> {
  const ledgers: FoundLedger[] = [];
  const attempt = async (path: string, run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      problems.push(`${path}: ${messageOf(error)}`);
    }
  };
  await attempt(dir, async () => {
    const files = await readdir(dir, { recursive: true });
    for (const file of files.filter((each) => basename(each) === LEDGER_FILE).toSorted()) {
      const path = join(dir, file);
      await attempt(path, async () => {
        const { records, problems: lines } = parseLedger(await readFile(path, 'utf8'));
        ledgers.push({ path, records });
        problems.push(...lines.map((line) => `${path}: ${line}`));
      });
    }
  });
  return ledgers;
}

async function reapLedger(
  found: FoundLedger,
  buildProvider: BuildProvider,
  options: ReapOptions,
  problems: string[],
): Promise<readonly ReapedBlock[]> {
  const { clock = systemClock } = options;
  const groups = new Map<string, LedgerBlock[]>();
  for (const block of pendingOf(found)) {
    const key = JSON.stringify(block.provider);
    groups.set(key, [...(groups.get(key) ?? []), block]);
  }
  const reaped: ReapedBlock[] = [];
  for (const blocks of groups.values()) {
    const [{ runId, label, provider }] = blocks as [LedgerBlock, ...LedgerBlock[]];
    const some = await reapBlocks(
      blocks,
      { runId, label, dir: dirname(found.path), build: () => buildProvider(provider.kind, provider.options) },
      options,
    );
    reaped.push(...some);
    const ledger = openLedger({ dir: dirname(found.path), runId, label, driver: undefined, nowMs: () => clock.now() });
    for (const { blockId, jobName, jobId, outcome } of some.filter((each) => each.outcome !== 'failed')) {
      const end = outcome === 'cancelled' ? 'scaledIn' : 'unknown';
      await ledger
        .append({ type: 'ended', runId, label, blockId, jobName, tMs: clock.now(), end, jobId })
        .catch((error: unknown) => void problems.push(`${found.path}: ${messageOf(error)}`));
    }
    await ledger.close();
  }
  return reaped;
}

/** The jobs of one provider, together. */
async function reapBlocks(
  blocks: readonly LedgerBlock[],
  of: { readonly runId: string; readonly label: string; readonly dir: string; build(): Provider },
  { clock = systemClock, random = Math.random, timeoutMs = 60_000, note = () => {} }: ReapOptions,
): Promise<readonly ReapedBlock[]> {
  let plugin: Provider;
  try {
    plugin = of.build();
  } catch (error) {
    return blocks.map((block) => reapedAs(block, 'failed', { message: messageOf(error) }));
  }
  const system = actorSystem({
    onStep: () => {},
    onDeadLetter: () => {},
    onError: (actorId, error) => note('actor.failed', { actorId, message: messageOf(error) }),
  });
  const root = system.spawn(createMachine({ id: 'reap' }), { id: 'reap', input: undefined });
  const provider = providerActor(plugin, { ...of, space: spaceOf(system, root), clock, random, note });
  const timers = timersOf(clock);
  try {
    const host = { provider, timers, clock, random, deadlineMs: clock.now() + timeoutMs };
    return await Promise.all(blocks.map((block) => reapJob(block, host)));
  } finally {
    await provider.close();
    timers.close();
    system.stop(root);
  }
}
