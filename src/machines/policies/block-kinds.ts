/** The kinds of policy of an executor of blocks: for each, what is read of an answer and which built-in decides when there is none. */
import { defined, isWithin, listed, readPlain, withWhy } from './answers.ts';
import type { BlockErrorsDecision, BlockErrorsSnapshot } from './block-errors/port.ts';
import { neverReady } from './block-errors/never-ready.ts';
import { asRecord, describe } from './firewall.ts';
import { compatible } from './handshake/compatible.ts';
import type { HandshakeDecision, HandshakeSnapshot } from './handshake/port.ts';
import type { OrderingDecision, OrderingSnapshot } from './ordering/port.ts';
import { priority } from './ordering/priority.ts';
import type { PolicyKind, Read } from './port.ts';
import { autoScale } from './scaling/auto-scale.ts';
import { MAX_AGAIN_MS, type ScalingDecision, type ScalingSnapshot } from './scaling/port.ts';
import { leastLoaded } from './selection/least-loaded.ts';
import type { SelectionDecision, SelectionSnapshot } from './selection/port.ts';

/** No answer asks for more blocks; the limits of the executor are far below. */
const MAX_OUT = 1_000_000;
/** Of a policy's memory as JSON, in characters. */
const MAX_MEMORY = 10_000;

export const scalingKind: PolicyKind<ScalingSnapshot, ScalingDecision> = {
  kind: 'scaling',
  fallback: autoScale(),
  read(answer, { blocks }) {
    const fields = asRecord(answer);
    if (typeof fields === 'string') return { wrong: fields };
    const { out, in: back, againMs, memory, why } = fields;
    if (!isWithin(out, 0, MAX_OUT) || !Number.isInteger(out))
      return { wrong: `out is ${describe(out)}, not a whole number from 0 to ${MAX_OUT}` };
    const ids = readIds(
      back,
      blocks.map(({ blockId }) => blockId),
    );
    if ('wrong' in ids) return ids;
    if (againMs !== undefined && !isWithin(againMs, 0, MAX_AGAIN_MS))
      return { wrong: `againMs is ${describe(againMs)}, not 0…${MAX_AGAIN_MS}` };
    const kept = readPlain('memory', memory, MAX_MEMORY);
    if ('wrong' in kept) return kept;
    return withWhy(why, { out, in: ids.ok, ...defined({ againMs, memory: kept.ok }) });
  },
};

/** Ids of blocks that there are, none of them twice. */
function readIds(back: unknown, known: readonly string[]): Read<readonly string[]> {
  if (!Array.isArray(back)) return { wrong: `in is ${describe(back)}, not an array of block ids` };
  const { length } = back;
  if (length > known.length) return { wrong: `in has ${length} ids, and there are ${known.length} blocks` };
  const left = new Set<unknown>(known);
  const ids = Array.from({ length }, (_, i): unknown => back[i]);
  const wrong = ids.findIndex((id) => !left.delete(id));
  if (wrong === -1) return { ok: Object.freeze(ids as string[]) };
  const isTwice = known.some((id) => id === ids[wrong]);
  return { wrong: `in[${wrong}] is ${describe(ids[wrong])}, ${isTwice ? 'a second time' : `not one of ${listed(known) || 'no blocks'}`}` };
}

export const selectionKind: PolicyKind<SelectionSnapshot, SelectionDecision> = {
  kind: 'selection',
  fallback: leastLoaded(),
  read(answer, { candidates }) {
    const fields = asRecord(answer);
    if (typeof fields === 'string') return { wrong: fields };
    const { managerId, why } = fields;
    const chosen = candidates.find((candidate) => candidate.managerId === managerId);
    if (chosen === undefined)
      return { wrong: `managerId is ${describe(managerId)}, not one of ${listed(candidates.map((candidate) => candidate.managerId))}` };
    return withWhy(why, { managerId: chosen.managerId });
  },
};

export const orderingKind: PolicyKind<OrderingSnapshot, OrderingDecision> = {
  kind: 'ordering',
  fallback: priority(),
  read(answer) {
    const fields = asRecord(answer);
    if (typeof fields === 'string') return { wrong: fields };
    const { rank, why } = fields;
    if (typeof rank !== 'number' || !Number.isFinite(rank)) return { wrong: `rank is ${describe(rank)}, not a finite number` };
    return withWhy(why, { rank });
  },
};

export const blockErrorsKind: PolicyKind<BlockErrorsSnapshot, BlockErrorsDecision> = {
  kind: 'blockErrors',
  fallback: neverReady(),
  read(answer) {
    const fields = asRecord(answer);
    if (typeof fields === 'string') return { wrong: fields };
    const { bad, why } = fields;
    return typeof bad === 'boolean' ? withWhy(why, { bad }) : { wrong: `bad is ${describe(bad)}, not a boolean` };
  },
};

export const handshakeKind: PolicyKind<HandshakeSnapshot, HandshakeDecision> = {
  kind: 'handshake',
  fallback: compatible(),
  read(answer) {
    const fields = asRecord(answer);
    if (typeof fields === 'string') return { wrong: fields };
    const { admit, why } = fields;
    return typeof admit === 'boolean' ? withWhy(why, { admit }) : { wrong: `admit is ${describe(admit)}, not a boolean` };
  },
};
