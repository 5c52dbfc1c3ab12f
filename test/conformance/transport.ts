/** What every transport does, whatever it carries frames on. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ConfigError } from '../../src/machines/model/errors.ts';
import { defaultLimits, LinkError, type ConnectOptions, type ListenOptions, type Transport } from '../../src/transport/port.ts';
import { makeCertificate } from '../../src/transport/tls.ts';
import { linkedPair, progress, recordedEnd, type LinkedPair, type PairOptions } from '../support/links.ts';

/** Sockets, servers and timers that keep this process alive. */
const handles = (): readonly string[] => process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|Timeout/.test(kind));

export function conformsToTransport(make: () => Transport): void {
  let transport: Transport;
  let pairs: LinkedPair[] = [];
  const open = async (options?: PairOptions): Promise<LinkedPair> => {
    const pair = await linkedPair(transport, options);
    pairs.push(pair);
    return pair;
  };
  const listening = (more: Partial<ListenOptions> = {}): ListenOptions => ({
    host: '127.0.0.1',
    port: 0,
    secretOf: (peerId) => (peerId === 'block 1' ? 'right' : undefined),
    certificate: undefined,
    limits: defaultLimits,
    onLink: recordedEnd,
    onRefused: () => undefined,
    ...more,
  });
  const connecting = (port: number, more: Partial<ConnectOptions> = {}): ConnectOptions => ({
    address: `127.0.0.1:${port}`,
    peerId: 'block 1',
    secret: 'right',
    fingerprint: undefined,
    timeoutMs: 10_000,
    limits: defaultLimits,
    handlers: recordedEnd(),
    ...more,
  });

  beforeEach(() => {
    transport = make();
    pairs = [];
  });
  afterEach(async () => {
    for (const pair of pairs) {
      await pair.close();
      expect(pair.manager.closes).toHaveLength(1);
      expect(pair.driver.closes).toHaveLength(1);
    }
  });

  describe('messages', () => {
    it('arrive in order, both ways', async () => {
      const { up, down, manager, driver } = await open();
      for (let n = 0; n < 500; n++) {
        up.send({ t: 'started', leases: [n + 1], workers: ['host/1'] });
        down.send({ t: 'ack', seq: n });
      }
      await driver.until(() => driver.received.length === 500);
      await manager.until(() => manager.received.length === 500);
      expect(driver.received).toEqual(Array.from({ length: 500 }, (_, n) => ({ t: 'started', leases: [n + 1], workers: ['host/1'] })));
      expect(manager.received).toEqual(Array.from({ length: 500 }, (_, n) => ({ t: 'ack', seq: n })));
    });

    it('of one turn share a frame, up to the limit', async () => {
      const { up, driver } = await open({ limits: { batch: 8 } });
      for (let n = 1; n <= 20; n++) up.send(progress(n));
      await driver.until(() => driver.received.length === 20);
      expect(driver.frames.map((frame) => frame.length)).toEqual([8, 8, 4]);
    });

    it('share a frame up to 256 kB', async () => {
      const { up, driver } = await open();
      for (let n = 1; n <= 6; n++) up.send(progress(n, new Uint8Array(100_000)));
      await driver.until(() => driver.received.length === 6);
      expect(driver.frames.map((frame) => frame.length)).toEqual([2, 2, 2]);
    });

    it('keep their bytes, however many', async () => {
      const { down, manager } = await open();
      const work = Uint8Array.from({ length: 5_000_000 }, (_, n) => n % 251);
      down.send({ t: 'grant', leases: [1, 2], works: [work, new Uint8Array([1, 2, 3])] });
      work.fill(0, 0, 0);
      await manager.until(() => manager.received.length === 1);
      const [grant] = manager.received;
      expect(grant).toEqual({ t: 'grant', leases: [1, 2], works: [expect.any(Uint8Array), new Uint8Array([1, 2, 3])] });
      expect(grant?.t === 'grant' && Buffer.compare(grant.works[0] ?? new Uint8Array(0), work)).toBe(0);
    });

    it('that a listener sends at once come after the link is there', async () => {
      const handlers = recordedEnd();
      const listener = await transport.listen(
        listening({
          onLink(link) {
            link.send({ t: 'drain' });
            return recordedEnd();
          },
        }),
      );
      const link = await transport.connect(connecting(listener.port, { handlers }));
      expect(handlers.received).toEqual([]);
      await handlers.until(() => handlers.received.length === 1);
      link.terminate();
      await listener.close();
    });
  });

  describe('a link', () => {
    it('delivers what was sent before it was closed, and says why at both ends', async () => {
      const { up, manager, driver } = await open();
      for (let n = 1; n <= 100; n++) up.send(progress(n));
      up.close('walltime of block 1');
      up.send(progress(101));
      await driver.until(() => driver.closes.length === 1);
      await manager.until(() => manager.closes.length === 1);
      expect(driver.received).toHaveLength(100);
      expect(driver.closes).toEqual(['walltime of block 1']);
      expect(manager.closes).toEqual(['walltime of block 1']);
    });

    it('delivers what comes the other way until it is closed', async () => {
      const { up, down, manager } = await open();
      down.send({ t: 'drain' });
      up.close();
      await manager.until(() => manager.closes.length === 1);
      expect(manager.received.length).toBeLessThanOrEqual(1);
      expect(manager.faults).toEqual([]);
    });

    it('shows 120 bytes of a reason', async () => {
      const { up, driver } = await open();
      up.close('é'.repeat(300));
      await driver.until(() => driver.closes.length === 1);
      expect(driver.closes).toEqual(['é'.repeat(60)]);
    });

    it('ends at once when it is terminated', async () => {
      const { up, manager, driver } = await open();
      up.terminate();
      up.terminate();
      up.close('never');
      up.send(progress(1));
      expect(manager.closes).toEqual([]);
      await manager.until(() => manager.closes.length === 1);
      await driver.until(() => driver.closes.length === 1);
      expect(driver.received).toEqual([]);
      expect(up.queuedBytes).toBe(0);
    });

    it('says when what was queued is gone', async () => {
      const { up, driver, manager } = await open();
      for (let n = 1; n <= 12; n++) up.send(progress(n, new Uint8Array(1_000_000)));
      expect(up.queuedBytes).toBeGreaterThan(8_000_000);
      await manager.until(() => manager.drains > 0);
      expect(up.queuedBytes).toBeLessThan(2 * 1024 ** 2);
      await driver.until(() => driver.received.length === 12);
      expect(manager.drains).toBe(1);
    });

    it('does not say so for little', async () => {
      const { up, driver, manager } = await open();
      for (let n = 1; n <= 100; n++) up.send(progress(n, new Uint8Array(1000)));
      await driver.until(() => driver.received.length === 100);
      expect(manager.drains).toBe(0);
    });

    it('names its other end', async () => {
      const { up, down, address } = await open();
      expect(up.peer).toContain(address);
      expect(down.peer).toContain('block 1');
    });
  });

  describe('a frame that is none', () => {
    it('is a fault of whoever would take it, and ends the link', async () => {
      const { up, manager, driver } = await open();
      up.send({ t: 'nonsense' } as never);
      await driver.until(() => driver.closes.length === 1);
      await manager.until(() => manager.closes.length === 1);
      expect(driver.faults).toHaveLength(1);
      expect(driver.received).toEqual([]);
      expect(manager.faults).toEqual([]);
      expect(manager.closes[0]).toBe(driver.faults[0]?.slice(0, 120));
    });

    it('is one that is larger than the other end takes', async () => {
      const { up, manager, driver } = await open({ limits: { frameBytes: 1000 }, managerLimits: { frameBytes: 10_000 } });
      up.send(progress(1));
      up.send(progress(2, new Uint8Array(5000)));
      await driver.until(() => driver.closes.length === 1);
      await manager.until(() => manager.closes.length === 1);
      expect(driver.faults).toHaveLength(1);
    });

    it('is not sent when it is larger than it may be', async () => {
      const { up, manager, driver } = await open({ limits: { frameBytes: 1000 } });
      up.send(progress(1, new Uint8Array(5000)));
      expect(manager.faults).toEqual([]);
      await manager.until(() => manager.closes.length === 1);
      await driver.until(() => driver.closes.length === 1);
      expect(manager.faults).toEqual([expect.stringMatching(/bytes, of 1000 at most/)]);
      expect(driver.faults).toEqual([]);
    });

    it('is one that cannot be encoded', async () => {
      const { up, manager } = await open();
      up.send({ t: 'note', type: 'x', data: { f: () => 1 } });
      await manager.until(() => manager.closes.length === 1);
      expect(manager.faults).toEqual([expect.stringContaining('cannot be encoded')]);
    });
  });

  describe('a listener', () => {
    it.each([
      ['a wrong secret', { secret: 'wrong' }],
      ['no secret', { secret: '' }],
      ['an unknown peer', { peerId: 'block 2' }],
      ['an unknown peer without a secret', { peerId: 'block 2', secret: '' }],
    ])('refuses %s', async (_, more) => {
      const refused: string[] = [];
      let links = 0;
      const listener = await transport.listen(
        listening({
          onRefused: (why) => refused.push(why),
          onLink() {
            links++;
            return recordedEnd();
          },
        }),
      );
      const failure = await transport.connect(connecting(listener.port, more)).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(LinkError);
      expect(failure).toMatchObject({ isRefused: true });
      expect(refused).toHaveLength(1);
      expect(refused.join()).not.toContain('wrong"');
      expect(links).toBe(0);
      await listener.close();
    });

    it('takes peers whose names and secrets have any characters', async () => {
      const peers: string[] = [];
      const listener = await transport.listen(
        listening({
          secretOf: (peerId) => `${peerId} geheim.ß "%`,
          onLink(_link, peerId) {
            peers.push(peerId);
            return recordedEnd();
          },
        }),
      );
      const link = await transport.connect(connecting(listener.port, { peerId: 'bl.öck 1%', secret: 'bl.öck 1% geheim.ß "%' }));
      expect(peers).toEqual(['bl.öck 1%']);
      link.terminate();
      await listener.close();
    });

    it('is not there for an address that nobody listens at', async () => {
      const listener = await transport.listen(listening());
      await listener.close();
      const failure = await transport.connect(connecting(listener.port)).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(LinkError);
      expect(failure).toMatchObject({ isRefused: false });
    });

    it('cannot have a port that is taken, and frees its own', async () => {
      const first = await transport.listen(listening());
      await expect(transport.listen(listening({ port: first.port }))).rejects.toThrow(/EADDRINUSE/);
      const link = await transport.connect(connecting(first.port));
      await first.close();
      await first.close();
      const second = await transport.listen(listening({ port: first.port }));
      expect(second.port).toBe(first.port);
      await second.close();
      link.terminate();
    });

    it('closes its links when it closes', async () => {
      const pair = await open();
      pair.down.send({ t: 'drain' });
      await pair.listener.close();
      await pair.manager.until(() => pair.manager.closes.length === 1);
      expect(pair.manager.received).toEqual([{ t: 'drain' }]);
      expect(pair.manager.closes).toEqual(['the listener was closed']);
      expect(pair.driver.closes).toHaveLength(1);
    });

    it('needs a function for secrets', async () => {
      await expect(transport.listen(listening({ secretOf: undefined as never }))).rejects.toThrow(ConfigError);
      await expect(transport.listen(listening({ host: '0.0.0.0', secretOf: undefined as never }))).rejects.toMatchObject({
        field: 'address',
      });
    });

    it('with a certificate takes those who know it, and nobody else', async () => {
      const certificate = await makeCertificate();
      const { up, driver, listener } = await open({ certificate });
      up.send(progress(1));
      await driver.until(() => driver.received.length === 1);
      const wrong = { peerId: 'block 1', secret: 'secret of block 1' };
      for (const fingerprint of ['00:11', undefined]) {
        const failure = await transport.connect(connecting(listener.port, { ...wrong, fingerprint })).catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(LinkError);
        expect(failure).toMatchObject({ isRefused: false });
      }
    });

    it('leaves nothing behind', async () => {
      const before = handles();
      const pair = await linkedPair(transport);
      pair.up.send(progress(1));
      await pair.driver.until(() => pair.driver.received.length === 1);
      await expect(transport.connect(connecting(pair.listener.port, { secret: 'wrong' }))).rejects.toThrow(LinkError);
      await pair.close();
      await new Promise((resolve) => setImmediate(resolve));
      const known = [...before];
      const isNew = (handle: string): boolean => known.splice(known.indexOf(handle), known.includes(handle) ? 1 : 0).length === 0;
      expect(handles().filter(isNew)).toEqual([]);
    });
  });
}
