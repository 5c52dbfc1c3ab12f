/**
 * The half of a link that all transports share: batches messages into frames, checks the frames that arrive, tells of
 * faults, and tells once that it is over. Below it is a wire, which carries frames in order.
 */
import { Buffer } from 'node:buffer';
import { decodeFrame, FrameError } from './codec.ts';
import { openOutbox } from './outbox.ts';
import type { Limits, Link, LinkHandlers } from './port.ts';
import { frameSchema, type Message } from './protocol.ts';

/** `drained` is told when fewer bytes than this are queued, and more were: a quarter of 8 MB. */
const lowWaterBytes = 2 * 1024 ** 2;

/** Status codes of WebSocket (RFC 6455, 7.4.1). */
export const closeCodes = { normal: 1000, malformed: 1008, tooLarge: 1009 } as const;

/** What a transport has below its links. None of it is called after the wire was gone. */
export interface Wire {
  /** `sent` is called in a later turn, whenever the system has taken the frame. */
  send(frame: Uint8Array, sent: () => void): void;
  readonly queuedBytes: number;
  /** Sends what is queued, then closes; `gone` follows. */
  close(code: number, reason: string): void;
  /** Closes at once; `gone` follows, in a later turn. */
  terminate(): void;
}

export interface LinkOptions {
  readonly peer: string;
  readonly limits: Limits;
  readonly wire: Wire;
  /** See the outbox. */
  readonly schedule?: (run: () => void) => void;
}

/** A link, and what its transport tells it. */
export interface OpenLink extends Link {
  /** Once, before anything arrives. */
  attach(handlers: LinkHandlers): void;
  received(frame: Uint8Array): void;
  /** What arrived was no frame at all. */
  fault(what: string, code?: number): void;
  /** The wire is no more. */
  gone(reason: string): void;
}

export function openLink({ peer, limits, wire, schedule }: LinkOptions): OpenLink {
  let state: 'open' | 'closing' | 'faulted' | 'closed' = 'open';
  let handlers: LinkHandlers | undefined;
  let isHigh = false;

  const queuedBytes = (): number => outbox.bytes + (state === 'closed' ? 0 : wire.queuedBytes);
  function sent(): void {
    if (!isHigh || state !== 'open' || queuedBytes() >= lowWaterBytes) return;
    isHigh = false;
    handlers?.drained();
  }
  const outbox = openOutbox<Message>({
    limits,
    write: (frame) => wire.send(frame, sent),
    faulted: (what) => fault(what),
    ...(schedule === undefined ? {} : { schedule }),
  });
  function fault(what: string, code: number = closeCodes.malformed): void {
    if (state === 'closed' || state === 'faulted') return;
    state = 'faulted';
    outbox.clear();
    handlers?.faulted(what);
    wire.close(code, clip(what));
  }

  return {
    peer,
    send(message) {
      if (state !== 'open') return;
      outbox.push(message);
      if (!isHigh) isHigh = queuedBytes() > lowWaterBytes;
    },
    get queuedBytes() {
      return queuedBytes();
    },
    close(reason = '') {
      if (state !== 'open') return;
      outbox.flush();
      state = 'closing';
      wire.close(closeCodes.normal, clip(reason));
    },
    terminate() {
      if (state === 'closed') return;
      outbox.clear();
      if (state === 'open') state = 'closing';
      wire.terminate();
    },
    attach(attached) {
      handlers = attached;
    },
    received(frame) {
      if (state === 'closed' || state === 'faulted') return;
      let messages: readonly Message[];
      try {
        messages = decodeFrame(frame, frameSchema);
      } catch (error) {
        fault(error instanceof FrameError ? error.what : String(error));
        return;
      }
      handlers?.messages(messages);
    },
    fault,
    gone(reason) {
      if (state === 'closed') return;
      state = 'closed';
      outbox.clear();
      handlers?.closed(reason);
    },
  };
}

/** To the 120 bytes that fit into a close frame, without half a character at its end. */
function clip(reason: string): string {
  const bytes = Buffer.from(reason);
  return bytes.length <= 120 ? reason : bytes.toString('utf8', 0, 120).replace(/\uFFFD+$/, '');
}
