/** What must reach the driver: gathered, numbered, kept, sent again. */
import { describe, expect, it } from 'vitest';

import { openReports } from '../../../src/actors/node/reports.ts';
import type { Message } from '../../../src/transport/protocol.ts';

function bench() {
  const sent: Message[] = [];
  let deferred: (() => void)[] = [];
  let isOpen = true;
  const reports = openReports({ defer: (run) => deferred.push(run), isOpen: () => isOpen, send: (message) => sent.push(message) });
  return {
    reports,
    take: () => sent.splice(0),
    turn() {
      for (const run of deferred.splice(0)) run();
    },
    open: (value: boolean) => void (isOpen = value),
  };
}
const bytes = (length: number) => new Uint8Array(length);

describe('reports', () => {
  it('of one turn go in one message', () => {
    const { reports, take, turn } = bench();
    reports.ended(1, bytes(1), '7');
    reports.ended(2, bytes(2), '8');
    reports.returned([3]);
    reports.returned([4, 5]);
    expect(take()).toEqual([]);
    turn();
    expect(take()).toEqual([
      { t: 'ended', seq: 1, leases: [1, 2], outcomes: [bytes(1), bytes(2)], workers: ['7', '8'] },
      { t: 'returned', seq: 2, leases: [3, 4, 5] },
    ]);
    turn();
    expect(take()).toEqual([]);
  });

  it('keep their order', () => {
    const { reports, take } = bench();
    reports.ended(1, bytes(1), '7');
    reports.lost({ lease: 2, kind: 'workerLost', message: 'gone', worker: '7' });
    expect(take().map(({ t }) => t)).toEqual(['ended', 'lost']);
  });

  it('that are large do not go together', () => {
    const { reports, take, turn } = bench();
    for (let lease = 1; lease <= 3; lease++) reports.ended(lease, bytes(700_000), '7');
    turn();
    expect(take()).toHaveLength(3);
  });

  it('are kept until they have arrived, and sent again in order, new ones last', () => {
    const { reports, take, turn, open } = bench();
    for (let lease = 1; lease <= 3; lease++) {
      reports.ended(lease, bytes(1), '7');
      turn();
    }
    expect(reports.sentSeq).toBe(3);
    reports.acknowledge(1);
    open(false);
    reports.returned([4]);
    expect(reports.leases()).toEqual([2, 3, 4]);
    take();
    open(true);
    reports.sendAgain();
    expect(take().map((message) => 'seq' in message && message.seq)).toEqual([2, 3, 4]);
    turn();
    expect(take()).toEqual([]);
    reports.acknowledge(4);
    expect(reports.isEmpty).toBe(true);
    expect(reports.sentSeq).toBe(4);
  });
});
