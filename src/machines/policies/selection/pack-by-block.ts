/**
 * Fills the busiest block before it gives anything to another one, so that others fall idle and can be given back.
 * Source of the idea: Parsl, `high_throughput/manager_selector.py`, `BlockIdManagerSelector`, which goes by the id
 * alone and compares ids as text: there, block 10 comes before block 9.
 */
import { byBlockId } from '../block-order.ts';
import { freest } from './least-loaded.ts';
import type { SelectionPolicy } from './port.ts';

/** One for all: it has no state. */
const policy: SelectionPolicy = Object.freeze({
  kind: 'selection',
  name: 'packByBlock',
  decide({ candidates }) {
    const tries = new Map<string, number>();
    for (const { blockId, tries: own } of candidates) tries.set(blockId, (tries.get(blockId) ?? 0) + own);
    let block: string | undefined;
    let most = -1;
    for (const [blockId, count] of tries) {
      if (count > most || (count === most && block !== undefined && byBlockId(blockId, block) < 0)) {
        block = blockId;
        most = count;
      }
    }
    return { managerId: freest(candidates.filter(({ blockId }) => blockId === block))?.managerId ?? '' };
  },
} satisfies SelectionPolicy);

export const packByBlock = (): SelectionPolicy => policy;
