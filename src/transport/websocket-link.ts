/** A link over an open WebSocket, at either end. */
import type { WebSocket } from 'ws';
import { openLink, type OpenLink } from './link.ts';
import type { Limits } from './port.ts';

/** What both ends ask of `ws`. It sets TCP_NODELAY itself. */
export const socketOptions = {
  // Frames are small or hold values that compress badly, and it costs twenty times the rest.
  perMessageDeflate: false,
  // Heartbeats are messages.
  autoPong: false,
  // For the answer to a close: a peer that is frozen gives none.
  closeTimeout: 2000,
} as const;

export function socketLink(socket: WebSocket, { peer, limits }: { readonly peer: string; readonly limits: Limits }): OpenLink {
  let failure = 'the connection was lost';
  const link = openLink({
    peer,
    limits,
    wire: {
      send(frame, sent) {
        socket.send(frame, (error) => {
          if (error === undefined || error === null) sent();
        });
      },
      get queuedBytes() {
        return socket.bufferedAmount;
      },
      close: (code, reason) => socket.close(code, reason),
      terminate() {
        failure = 'it was closed here';
        socket.terminate();
      },
    },
  });
  socket.on('message', (data, isBinary) => {
    if (isBinary && data instanceof Uint8Array) link.received(data);
    else link.fault('a message of text');
  });
  socket.on('error', (error: Error & { readonly code?: string }) => {
    // What `ws` cannot take: it has sent its close frame already.
    if (error.code?.startsWith('WS_ERR_') === true) link.fault(error.message);
    else failure = error.message;
  });
  socket.once('close', (code, reason) =>
    link.gone(reason.length > 0 ? reason.toString() : code === 1006 ? failure : `it was closed (${code})`),
  );
  return link;
}
