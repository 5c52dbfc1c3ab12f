/**
 * What a manager must not lose on its way to the driver: how tries ended, which were lost, which are given back. What
 * comes at once is gathered in columns; each message has a number and is kept until the driver says that it has it.
 * What was under way when a link closed is sent again on the next, in order.
 */
import type { MessageOf } from '../../transport/protocol.ts';

type Reliable = MessageOf<'ended'> | MessageOf<'lost'> | MessageOf<'returned'>;
type WithoutSeq<M> = M extends unknown ? Omit<M, 'seq'> : never;

export interface ReportsOptions {
  /** Runs something when what has come at once has been taken in. */
  readonly defer: (run: () => void) => void;
  /** Whether the driver listens: what is not sent now is sent when it does. */
  isOpen(): boolean;
  send(message: Reliable): void;
}

export interface Reports {
  ended(lease: number, outcome: Uint8Array, worker: string): void;
  returned(leases: readonly number[]): void;
  lost(loss: Omit<MessageOf<'lost'>, 't' | 'seq'>): void;
  /** What was gathered becomes messages. */
  flush(): void;
  /** Those up to `seq` have arrived. */
  acknowledge(seq: number): void;
  /** Sends all that have not arrived, in order. */
  sendAgain(): void;
  /** Leases of which the driver may not know how they ended. */
  leases(): readonly number[];
  readonly isEmpty: boolean;
  /** Number of the last message that was sent on any link. */
  readonly sentSeq: number;
}

/** Outcomes of one message, together: what is larger goes alone. */
const COLUMN_BYTES = 1024 ** 2;

export function openReports({ defer, isOpen, send }: ReportsOptions): Reports {
  let kept: Reliable[] = [];
  let seq = 0;
  let sentSeq = 0;
  let ends = columns();
  let back: number[] = [];
  let isDeferred = false;

  function gather(): void {
    if (isDeferred) return;
    isDeferred = true;
    defer(() => {
      isDeferred = false;
      flush();
    });
  }

  function flush(): void {
    if (ends.leases.length > 0) {
      const { leases, outcomes, workers } = ends;
      ends = columns();
      add({ t: 'ended', leases, outcomes, workers });
    }
    if (back.length === 0) return;
    const leases = back;
    back = [];
    add({ t: 'returned', leases });
  }

  function add(message: WithoutSeq<Reliable>): void {
    const numbered: Reliable = { ...message, seq: ++seq };
    kept.push(numbered);
    if (isOpen()) pass(numbered);
  }

  function pass(message: Reliable): void {
    sentSeq = Math.max(sentSeq, message.seq);
    send(message);
  }

  return {
    ended(lease, outcome, worker) {
      if (ends.bytes > 0 && ends.bytes + outcome.length > COLUMN_BYTES) flush();
      ends.leases.push(lease);
      ends.outcomes.push(outcome);
      ends.workers.push(worker);
      ends.bytes += outcome.length;
      gather();
    },
    returned(leases) {
      back.push(...leases);
      gather();
    },
    lost(loss) {
      flush();
      add({ t: 'lost', ...loss });
    },
    flush,
    acknowledge(upTo) {
      const first = kept.findIndex((message) => message.seq > upTo);
      kept = first < 0 ? [] : kept.slice(first);
    },
    sendAgain() {
      for (const message of kept) pass(message);
      flush();
    },
    leases: () => [...kept.flatMap((message) => (message.t === 'lost' ? [message.lease] : [...message.leases])), ...ends.leases, ...back],
    get isEmpty() {
      return kept.length === 0 && ends.leases.length === 0 && back.length === 0;
    },
    get sentSeq() {
      return sentSeq;
    },
  };
}

interface Columns {
  readonly leases: number[];
  readonly outcomes: Uint8Array[];
  readonly workers: string[];
  bytes: number;
}
const columns = (): Columns => ({ leases: [], outcomes: [], workers: [], bytes: 0 });
