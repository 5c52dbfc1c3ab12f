/**
 * Links over WebSocket: `ws` behind Node's HTTP server. Who wants a link shows its secret in the request for the upgrade
 * and gets no socket without it. With a certificate there is TLS, and the peer checks the fingerprint before it says
 * anything. Both sides are loaded when they are used: a worker imports modules that say `websocket()`, and links nothing.
 */
import type { Transport } from './port.ts';
import type { WebsocketOptions } from './websocket-listen.ts';

export type { WebsocketOptions } from './websocket-listen.ts';

/** Connects over WebSocket, with TLS when there is a certificate. */
export function websocket(options: WebsocketOptions = {}): Transport {
  return {
    kind: 'websocket',
    listen: async (asked) => (await import('./websocket-listen.ts')).listenWebSocket(asked, options),
    connect: async (asked) => (await import('./websocket-connect.ts')).connectWebSocket(asked),
  };
}
