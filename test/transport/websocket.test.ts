import { once } from 'node:events';
import { createServer, connect as connectTcp, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { ConfigError } from '../../src/machines/model/errors.ts';
import { formatCredentials } from '../../src/transport/admission.ts';
import { defaultLimits, LinkError, type ConnectOptions, type ListenOptions, type Listener } from '../../src/transport/port.ts';
import { makeCertificate } from '../../src/transport/tls.ts';
import { websocket, type WebsocketOptions } from '../../src/transport/websocket.ts';
import { conformsToTransport } from '../conformance/transport.ts';
import { recordedEnd } from '../support/links.ts';

describe('websocket', () => {
  conformsToTransport(websocket);

  let listeners: Listener[] = [];
  let servers: Server[] = [];
  afterEach(async () => {
    await Promise.all(listeners.map(async (listener) => await listener.close()));
    for (const server of servers) server.close();
    listeners = [];
    servers = [];
  });
  const listen = async (more: Partial<ListenOptions> = {}, options: WebsocketOptions = {}): Promise<Listener> => {
    const listener = await websocket(options).listen({
      host: '127.0.0.1',
      port: 0,
      secretOf: () => 'right',
      certificate: undefined,
      limits: defaultLimits,
      onLink: recordedEnd,
      onRefused: () => undefined,
      ...more,
    });
    listeners.push(listener);
    return listener;
  };
  const failToConnect = async (port: number, more: Partial<ConnectOptions> = {}): Promise<unknown> =>
    await websocket()
      .connect({
        address: `127.0.0.1:${port}`,
        peerId: 'block 1',
        secret: 'top-secret',
        fingerprint: undefined,
        timeoutMs: 10_000,
        limits: defaultLimits,
        handlers: recordedEnd(),
        ...more,
      })
      .then(
        () => expect.fail('it connected'),
        (error: unknown) => error,
      );
  /** Something else that listens. */
  const stranger = async (server: Server): Promise<number> => {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };

  describe('where others can reach it', () => {
    it.each(['0.0.0.0', '::', '10.0.0.7', 'node17'])('does not listen at %s without a certificate', async (host) => {
      const failure = await listen({ host }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ConfigError);
      expect(failure).toMatchObject({ field: 'address', value: host });
    });

    it('listens with a certificate, or when that is what was asked for', async () => {
      expect((await listen({ host: '0.0.0.0', certificate: await makeCertificate() })).port).toBeGreaterThan(0);
      expect((await listen({ host: '0.0.0.0' }, { allowPlaintext: true })).port).toBeGreaterThan(0);
    });

    it.each(['127.0.0.1', '127.0.0.9', 'localhost'])('is not at %s, which is loopback', async (host) => {
      expect((await listen({ host })).port).toBeGreaterThan(0);
    });
  });

  describe('to a server that is not ours', () => {
    it('shows no secret when the certificate is another', async () => {
      const { cert, key } = await makeCertificate();
      const { fingerprint } = await makeCertificate();
      const seen: Buffer[] = [];
      const server = createTlsServer({ cert, key }, (socket) => {
        socket.on('data', (chunk) => seen.push(chunk));
        socket.on('error', () => undefined);
      });
      const ended = once(server, 'connection').then(async ([socket]) => await once(socket as Socket, 'close'));
      const failure = await failToConnect(await stranger(server), { fingerprint });
      expect(failure).toBeInstanceOf(LinkError);
      expect(failure).toMatchObject({ isRefused: false, message: expect.stringContaining('certificate') });
      await ended;
      expect(Buffer.concat(seen)).toEqual(Buffer.alloc(0));
    });

    it('shows no secret when there is no TLS', async () => {
      const { fingerprint } = await makeCertificate();
      const seen: Buffer[] = [];
      const server = createServer((socket) => {
        socket.on('data', (chunk) => {
          seen.push(chunk);
          socket.end('HTTP/1.1 200 OK\r\n\r\n');
        });
        socket.on('error', () => undefined);
      });
      const failure = await failToConnect(await stranger(server), { fingerprint });
      expect(failure).toBeInstanceOf(LinkError);
      expect(Buffer.concat(seen).toString('latin1')).not.toContain('top-secret');
    });

    it.each([
      ['HTTP/1.1 403 Forbidden', true],
      ['HTTP/1.1 426 Upgrade Required', true],
      ['HTTP/1.1 404 Not Found', false],
      ['HTTP/1.1 503 Service Unavailable', false],
      ['HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/', false],
      ['HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket', false],
      ['SSH-2.0-OpenSSH_9.6', false],
    ])('that answers %s has no link', async (status, isRefused) => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', () => socket.end(`${status}\r\n\r\n`));
      });
      const failure = await failToConnect(await stranger(server));
      expect(failure).toBeInstanceOf(LinkError);
      expect(failure).toMatchObject({ isRefused });
    });

    it('that never answers gives up in time', async () => {
      const open = new Set<Socket>();
      const server = createServer((socket) => open.add(socket));
      const port = await stranger(server);
      const { fingerprint } = await makeCertificate();
      for (const pinned of [undefined, fingerprint])
        expect(await failToConnect(port, { timeoutMs: 30, fingerprint: pinned })).toMatchObject({
          message: expect.stringContaining('no answer within 30 ms'),
        });
      for (const socket of open) socket.destroy();
    });

    it.each(['nonsense', '127.0.0.1', '::1:80', 'http://127.0.0.1:80', 'a:99999', ''])('has no link to %j', async (address) => {
      expect(await failToConnect(0, { address })).toBeInstanceOf(LinkError);
    });
  });

  it('ends sockets that do not show a secret in time', async () => {
    const refused: string[] = [];
    const { port } = await listen({ onRefused: (why) => refused.push(why) }, { handshakeMs: 50 });
    const socket = connectTcp({ port, host: '127.0.0.1' });
    await once(socket.resume(), 'close');
    expect(refused).toEqual(['a socket that showed no secret in time']);
  });

  it('does not end links in that time', async () => {
    const driver = recordedEnd();
    const { port } = await listen({ onLink: () => driver }, { handshakeMs: 300 });
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, {
      headers: { authorization: formatCredentials({ peerId: 'x', secret: 'right' }) },
    });
    await once(socket, 'open');
    const idle = connectTcp({ port, host: '127.0.0.1' });
    await once(idle.resume(), 'close');
    expect(driver.closes).toEqual([]);
    socket.close();
    await driver.until(() => driver.closes.length === 1);
  });

  it('is not harmed by plain text where TLS is spoken', async () => {
    const refused: string[] = [];
    const { port } = await listen({ certificate: await makeCertificate(), onRefused: (why) => refused.push(why) });
    const socket = connectTcp({ port, host: '127.0.0.1' }, () => socket.write('GET / HTTP/1.1\r\n\r\n'));
    socket.on('error', () => undefined);
    await once(socket.resume(), 'close');
    expect(refused).toEqual(['bytes that are no request']);
  });

  it('closes although a peer is frozen', async () => {
    const driver = recordedEnd();
    const listener = await listen({ onLink: () => driver });
    const authorization = formatCredentials({ peerId: 'x', secret: 'right' });
    const socket = connectTcp({ port: listener.port, host: '127.0.0.1' }, () =>
      socket.write(
        `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: ${authorization}\r\n\r\n`,
      ),
    );
    socket.on('error', () => undefined);
    await once(socket, 'data');
    socket.pause();
    await listener.close();
    expect(driver.closes).toHaveLength(1);
    socket.destroy();
  });
});
