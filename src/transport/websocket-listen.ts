/** The driver's side of WebSocket links: an HTTP server that answers nobody but those who show a secret. */
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { formatAddress } from './addresses.ts';
import { checkListen, isAdmitted, limitRefusals, readCredentials, type PlaintextOptions } from './admission.ts';
import type { Link, ListenOptions, Listener } from './port.ts';
import { socketLink, socketOptions } from './websocket-link.ts';

/** Options of `websocket`. */
export interface WebsocketOptions extends PlaintextOptions {
  /** Within this time a socket has to have shown its secret. @defaultValue 10 s */
  readonly handshakeMs?: number;
  /** Sockets that have not, at most: the oldest gives way. @defaultValue 256 */
  readonly strangers?: number;
}

export async function listenWebSocket(asked: ListenOptions, options: WebsocketOptions): Promise<Listener> {
  checkListen(asked, options);
  const { handshakeMs = 10_000, strangers: most = 256 } = options;
  const { host, certificate, limits, secretOf, onLink } = asked;
  const refused = limitRefusals(asked.onRefused, () => performance.now());
  /** Each with when it is over. */
  const links = new Map<Link, Promise<void>>();
  const strangers = strangersOf(most, handshakeMs, refused);
  const httpOptions = { maxHeaderSize: 8192, keepAlive: false, headersTimeout: handshakeMs, requestTimeout: handshakeMs };
  const server =
    certificate === undefined
      ? createHttpServer(httpOptions)
      : createHttpsServer({
          ...httpOptions,
          cert: certificate.cert,
          key: certificate.key,
          minVersion: 'TLSv1.3',
          handshakeTimeout: handshakeMs,
        });
  const upgrades = new WebSocketServer({ ...socketOptions, noServer: true, clientTracking: false, maxPayload: limits.frameBytes });

  server.on('connection', strangers.add);
  server.on('request', (request, response) => {
    refused('a request that is no WebSocket');
    response.writeHead(426, { connection: 'close', upgrade: 'websocket', 'content-length': 0 });
    response.end(() => request.socket.destroy());
  });
  // What is no TLS comes here too.
  server.on('clientError', (_error, socket) => {
    refused('bytes that are no request');
    socket.destroy();
  });
  upgrades.on('wsClientError', (_error, socket) => {
    refused('an upgrade to something else');
    answer(socket, '400 Bad Request');
  });
  server.on('upgrade', (request, socket, head) => {
    // HTTP has let go of it.
    socket.on('error', () => undefined);
    const shown = readCredentials(request.headers.authorization);
    if (shown === undefined || !isAdmitted(secretOf, shown.peerId, shown.secret)) {
      refused(shown === undefined ? 'no secret' : 'a wrong secret, or an unknown peer');
      answer(socket, '401 Unauthorized');
      return;
    }
    const { remoteAddress = '', remotePort = 0 } = request.socket;
    const from = formatAddress({ host: remoteAddress.replace(/^::ffff:/, ''), port: remotePort });
    upgrades.handleUpgrade(request, socket, head, (upgraded) => {
      strangers.delete(request.socket);
      const link = socketLink(upgraded, { peer: `${shown.peerId} at ${from}`, limits });
      const over = new Promise<void>((resolve) => {
        upgraded.once('close', () => {
          links.delete(link);
          resolve();
        });
      });
      links.set(link, over);
      link.attach(onLink(link, shown.peerId));
    });
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // Without a host, Node takes all addresses, and IPv4 alone where there is no IPv6.
    server.listen({ port: asked.port, ...(host === '::' ? {} : { host }) }, resolve);
  });
  // Such as too many open files: those who wait try again.
  server.on('error', (error) => refused(error.message));
  const bound = server.address();
  async function closeAll(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    strangers.clear();
    for (const link of links.keys()) link.close('the listener was closed');
    await Promise.all([closed, ...links.values()]);
  }
  let closing: Promise<void> | undefined;
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : asked.port,
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}

/** Says so, and nothing else. */
function answer(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

interface Strangers {
  add(socket: Socket): void;
  delete(socket: Socket): void;
  /** Ends them all. */
  clear(): void;
}

/** Sockets that have shown no secret yet. A socket of TLS and the one below it are known by one port of the other end. */
function strangersOf(most: number, handshakeMs: number, refused: (why: string) => void): Strangers {
  const all = new Map<string, { readonly socket: Socket; readonly deadline: NodeJS.Timeout }>();
  const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  const remove = (key: string): void => {
    clearTimeout(all.get(key)?.deadline);
    all.delete(key);
  };
  return {
    add(socket) {
      const [oldest] = all;
      if (all.size >= most && oldest !== undefined) {
        refused('more sockets than may wait');
        remove(oldest[0]);
        oldest[1].socket.destroy();
      }
      const key = keyOf(socket);
      const deadline = setTimeout(() => {
        refused('a socket that showed no secret in time');
        socket.destroy();
      }, handshakeMs);
      all.set(key, { socket, deadline });
      socket.once('close', () => {
        // Another may have come from the same port already.
        if (all.get(key)?.socket === socket) remove(key);
      });
    },
    delete: (socket) => remove(keyOf(socket)),
    clear() {
      for (const { socket } of all.values()) socket.destroy();
    },
  };
}
