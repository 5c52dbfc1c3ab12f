/** The peer's side of a WebSocket link: dial, check the certificate, and only then show the secret. */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { formatAddress, parseAddress, type Address } from './addresses.ts';
import { formatCredentials } from './admission.ts';
import { LinkError, type ConnectOptions, type Link } from './port.ts';
import { socketLink, socketOptions } from './websocket-link.ts';

/** Statuses with which the other end says that it will never take us. */
const refusals: ReadonlySet<number> = new Set([401, 403, 426]);

export async function connectWebSocket(options: ConnectOptions): Promise<Link> {
  const { address, fingerprint, timeoutMs } = options;
  const target = parseAddress(address);
  if (target === undefined) throw new LinkError(`${address} is no address: it has to be host:port`);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    const socket = await dial(target, fingerprint, late.signal);
    return await upgrade(socket, target, options, late.signal);
  } catch (cause) {
    if (late.signal.aborted) throw new LinkError(`${address}: no answer within ${timeoutMs} ms`, { cause });
    throw cause instanceof LinkError ? cause : new LinkError(`${address}: ${messageOf(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** A socket whose other end has shown that the certificate is its own. Nothing has been sent but the handshake. */
async function dial({ host, port }: Address, fingerprint: string | undefined, late: AbortSignal): Promise<Socket> {
  return await new Promise<Socket>((resolve, reject) => {
    const socket =
      fingerprint === undefined
        ? connectTcp({ host, port }, () => resolve(socket))
        : // No authority has signed it: its fingerprint is what is checked.
          connectTls({ host, port, rejectUnauthorized: false, minVersion: 'TLSv1.3', ...(isIP(host) ? {} : { servername: host }) }, verify);
    function verify(): void {
      const shown = 'getPeerX509Certificate' in socket ? socket.getPeerX509Certificate()?.fingerprint256 : undefined;
      if (shown !== undefined && shown.toLowerCase() === fingerprint?.toLowerCase()) {
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(new LinkError(`${formatAddress({ host, port })}: the certificate is not the one that was expected`));
    }
    // Stays: an error that comes late finds somebody who listens.
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    late.addEventListener('abort', () => socket.destroy(), { once: true });
  });
}

async function upgrade(connected: Socket, target: Address, options: ConnectOptions, late: AbortSignal): Promise<Link> {
  const { address, peerId, secret, limits, handlers } = options;
  return await new Promise<Link>((resolve, reject) => {
    const socket = new WebSocket(`ws://${formatAddress(target)}/`, {
      ...socketOptions,
      maxPayload: limits.frameBytes,
      headers: { authorization: formatCredentials({ peerId, secret }) },
      createConnection: () => connected,
      // It protects proxies from scripts in browsers: neither is here, and zeros need not be applied.
      generateMask: () => undefined,
    });
    const abort = (): void => socket.terminate();
    late.addEventListener('abort', abort, { once: true });
    const fail = (error: Error): void => {
      reject(error);
      connected.destroy();
    };
    socket.on('error', fail);
    socket.once('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0;
      reject(new LinkError(`${address}: refused with ${status}`, { isRefused: refusals.has(status) }));
      socket.terminate();
    });
    socket.once('open', () => {
      socket.off('error', fail);
      late.removeEventListener('abort', abort);
      const link = socketLink(socket, { peer: `driver at ${address}`, limits });
      link.attach(handlers);
      // Whoever waits for the link has it before anything arrives on it.
      socket.pause();
      setImmediate(() => socket.resume());
      resolve(link);
    });
  });
}

function messageOf(error: unknown): string {
  // Several addresses of one name that all failed.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
