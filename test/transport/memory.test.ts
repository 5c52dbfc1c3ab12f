import { describe, expect, it } from 'vitest';

import { SimulatedClock } from '../../src/api/testing.ts';
import { LinkError } from '../../src/transport/port.ts';
import type { Fault } from '../../src/transport/memory-link.ts';
import { memory, type MemoryOptions, type MemoryTransport } from '../../src/transport/memory.ts';
import { conformsToTransport } from '../conformance/transport.ts';
import { linkedPair, progress, recordedEnd, type LinkedPair } from '../support/links.ts';

/** Two links of one network, on a clock that the test moves. */
async function network(options: Omit<MemoryOptions, 'schedule'> = {}): Promise<{
  readonly transport: MemoryTransport;
  readonly one: LinkedPair;
  readonly other: LinkedPair;
  advance(byMs: number): void;
}> {
  const clock = new SimulatedClock();
  const transport = memory({ schedule: (run, delayMs) => clock.setTimeout(run, delayMs), ...options });
  const opened = async (): Promise<LinkedPair> => {
    const pair = linkedPair(transport);
    // Listening takes a microtask, connecting a turn of the clock.
    await Promise.resolve();
    await Promise.resolve();
    clock.increment(0);
    return await pair;
  };
  const one = await opened();
  const other = await opened();
  const advance = (byMs: number): void => {
    clock.increment(byMs);
    // What is due at once is due in the next turn.
    for (let turn = 0; turn < 10; turn++) clock.increment(0);
  };
  return { transport, one, other, advance };
}

const leases = (end: ReturnType<typeof recordedEnd>): readonly number[] =>
  end.received.map((message) => (message.t === 'progress' ? message.lease : -1));

describe('memory', () => {
  conformsToTransport(memory);

  it('is a network of its own', async () => {
    const listener = await memory().listen({
      host: 'driver',
      port: 7,
      secretOf: () => 'x',
      certificate: undefined,
      limits: { frameBytes: 1000, batch: 64 },
      onLink: recordedEnd,
      onRefused: () => undefined,
    });
    expect(listener.port).toBe(7);
    const asked = {
      peerId: 'p',
      secret: 'x',
      fingerprint: undefined,
      timeoutMs: 1,
      limits: { frameBytes: 1000, batch: 64 },
      handlers: recordedEnd(),
    };
    await expect(memory().connect({ ...asked, address: 'driver:7' })).rejects.toThrow(LinkError);
    await listener.close();
  });

  it('loses what is under way when a link is cut', async () => {
    const { transport, one, other, advance } = await network();
    one.up.send(progress(1));
    other.up.send(progress(2));
    one.up.send(progress(3));
    expect(transport.links).toHaveLength(2);
    transport.links[0]?.cut('no route to host');
    advance(0);
    expect(leases(one.driver)).toEqual([]);
    expect(leases(other.driver)).toEqual([2]);
    expect([one.driver.closes, one.manager.closes]).toEqual([['no route to host'], ['no route to host']]);
    expect(transport.links).toHaveLength(1);
  });

  it.each([
    ['cut', [], 1],
    ['cutAfter', [1], 1],
    ['duplicate', [1, 1, 2], 0],
    ['deliver', [1, 2], 0],
  ] satisfies [Fault, number[], number][])('does with a frame what it is told: %s', async (fault, arrived, closes) => {
    let isFirst = true;
    const { one, advance } = await network({
      faults() {
        if (!isFirst) return 'deliver';
        isFirst = false;
        return fault;
      },
    });
    one.up.send(progress(1));
    advance(0);
    one.up.send(progress(2));
    advance(0);
    expect(leases(one.driver)).toEqual(arrived);
    expect(one.driver.closes).toHaveLength(closes);
    expect(one.manager.closes).toHaveLength(closes);
  });

  it('delays frames of a link, and those behind them, and no others', async () => {
    const { one, other, advance } = await network({
      faults: ({ link, from }) => (link.address.endsWith('40001') && from === 'peer' ? { delayMs: 100 } : 'deliver'),
    });
    one.up.send(progress(1));
    other.up.send(progress(2));
    advance(0);
    one.up.send(progress(3));
    one.down.send({ t: 'drain' });
    advance(99);
    expect([leases(one.driver), leases(other.driver), one.manager.received.length]).toEqual([[], [2], 1]);
    advance(1);
    expect(leases(one.driver)).toEqual([1]);
    advance(100);
    expect(leases(one.driver)).toEqual([1, 3]);
  });

  it('delivers nothing while a link is frozen, and all of it when it thaws', async () => {
    const { transport, one, other, advance } = await network();
    const [link] = transport.links;
    link?.freeze();
    one.up.send(progress(1));
    one.down.send({ t: 'drain' });
    other.up.send(progress(2));
    advance(60_000);
    expect([leases(one.driver), one.manager.received, leases(other.driver)]).toEqual([[], [], [2]]);
    expect(one.up.queuedBytes).toBeGreaterThan(0);
    expect(link?.isOpen).toBe(true);
    link?.thaw();
    advance(0);
    expect([leases(one.driver), one.manager.received]).toEqual([[1], [{ t: 'drain' }]]);
  });

  it('closes an end whose other end is frozen, and tells the other when it thaws', async () => {
    const { transport, one, advance } = await network();
    const [link] = transport.links;
    link?.freeze();
    one.down.close('lost');
    advance(1999);
    expect(one.driver.closes).toEqual([]);
    advance(1);
    expect(one.driver.closes).toHaveLength(1);
    expect(one.manager.closes).toEqual([]);
    link?.thaw();
    advance(0);
    expect(one.manager.closes).toHaveLength(1);
  });

  it('can be cut while it is frozen', async () => {
    const { transport, one, advance } = await network();
    transport.links[0]?.freeze();
    one.up.send(progress(1));
    transport.links[0]?.cut();
    advance(0);
    expect(one.driver.closes).toEqual(['the connection was lost']);
    expect(one.manager.closes).toEqual(['the connection was lost']);
    expect(one.driver.received).toEqual([]);
  });

  it('may not reach everybody', async () => {
    let isUp = true;
    const transport = memory({ reaches: () => isUp });
    const pair = await linkedPair(transport);
    isUp = false;
    const asked = {
      address: pair.address,
      peerId: 'block 1',
      secret: 'secret of block 1',
      fingerprint: undefined,
      timeoutMs: 1,
      limits: { frameBytes: 1000, batch: 64 },
      handlers: recordedEnd(),
    };
    await expect(transport.connect(asked)).rejects.toMatchObject({ isRefused: false });
    await pair.close();
  });
});
