/** Which blocks of a set have failed, and whether that makes the executor bad: the policy is asked whenever one has ended. */
import { failedEnds, type BlockLimits } from '../../machines/model/blocks.ts';
import type { BlockErrorsDecision, BlockErrorsSnapshot, EndedBlock } from '../../machines/policies/block-errors/port.ts';
import type { Asker } from '../../machines/policies/firewall.ts';

export interface BlockHealthHost {
  readonly label: string;
  readonly limits: BlockLimits;
  readonly ask: Asker<BlockErrorsSnapshot, BlockErrorsDecision>;
  readonly nowMs: () => number;
  /** Ids of the blocks that have not ended, oldest first. */
  live(): readonly string[];
  onBad(message: string): void;
  note(type: string, data: Readonly<Record<string, unknown>>): void;
}

export interface BlockHealth {
  onReady(): void;
  /** @param words - Of what it has ended: for the message. */
  onEnded(block: EndedBlock, words?: string): void;
  /** Forgets it all. */
  recover(): void;
  /** See `ScalingSnapshot`. */
  readonly failedInRow: number;
  readonly failedMs: number | undefined;
}

/** As many as a policy is shown. */
const MAX_ENDED = 1000;
/** One that we gave back before a manager had registered says nothing about the blocks to come. */
const isFailure = ({ end, hadManager }: EndedBlock): boolean => failedEnds.has(end) || (!hadManager && end !== 'scaledIn');

export function blockHealth(host: BlockHealthHost): BlockHealth {
  let ended: EndedBlock[] = [];
  let total = 0;
  let isBad = false;
  let failedInRow = 0;
  let failedMs: number | undefined;

  function ask(last: EndedBlock, words: string): void {
    if (isBad) return;
    const live = host.live();
    const { decision, policy } = host.ask({
      executor: host.label,
      nowMs: host.nowMs(),
      limits: host.limits,
      ended: [...ended],
      live: live.length,
      total: total + live.length,
      youngestLive: live.at(-1),
    });
    if (!decision.bad && !failedEnds.has(last.end)) return;
    const because = decision.why ?? `the policy ${policy} says so, after block ${last.blockId} has ended: ${last.end}`;
    const why = words === '' ? because : `${because}: ${words}`;
    host.note('blockErrors.decided', {
      bad: decision.bad,
      policy,
      ...(decision.bad ? { why } : undefined),
      blockId: last.blockId,
      end: last.end,
      ended: total,
      live: live.length,
      failedInRow,
    });
    if (!decision.bad) return;
    isBad = true;
    host.onBad(why);
  }

  return {
    onReady() {
      failedInRow = 0;
    },
    onEnded(block, words = '') {
      total++;
      ended.push(block);
      ended = ended.toSorted((a, b) => Number(a.blockId) - Number(b.blockId)).slice(-MAX_ENDED);
      if (block.hadManager) failedInRow = 0;
      else if (isFailure(block)) failedInRow++;
      if (isFailure(block)) failedMs = block.endedMs;
      ask(block, words);
    },
    recover() {
      ended = [];
      total = 0;
      isBad = false;
      failedInRow = 0;
      failedMs = undefined;
    },
    get failedInRow() {
      return failedInRow;
    },
    get failedMs() {
      return failedMs;
    },
  };
}
