/**
 * Messages over the streams between a manager and one of its workers: frames as on a link, each after its length in
 * four bytes, little-endian. Everything that has arrived is delivered before the pipe is called closed.
 */
import { Buffer } from 'node:buffer';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { z } from 'zod';
import { decodeFrame, FrameError } from './codec.ts';
import { openOutbox } from './outbox.ts';
import type { Limits } from './port.ts';

/**
 * Where a pipe reads and writes. With two streams, a peer that is gone when something is written to it can still be
 * read to its end: a failed write ends a duplex in both directions, with what the system holds unread.
 */
export type PipeEnds = Duplex | { readonly readable: Readable; readonly writable: Writable };

export interface PipeOptions<In> {
  readonly schema: z.ZodType<readonly In[]>;
  readonly limits: Limits;
  readonly handlers: PipeHandlers<In>;
}

export interface PipeHandlers<In> {
  /** The messages of one frame. */
  messages(messages: readonly In[]): void;
  /** Once, last. */
  closed(reason: string): void;
  /** Bytes that are no frame, or a message that none can carry. The pipe is being closed. */
  faulted(what: string): void;
}

export interface Pipe<Out> {
  /** Queued; leaves with its turn of the event loop, or as soon as a batch is full. Dropped once the pipe is closed. */
  send(message: Out): void;
  /** Sends what is queued now: for a process that may not come back to its event loop for long. */
  flush(): void;
  /** Bytes that were sent and that the system has not taken yet. */
  readonly queuedBytes: number;
  /** Sends what is queued and says that nothing follows. The other end, which is told that it is closed, does so too. */
  end(): void;
  /** Closes both directions at once. */
  destroy(): void;
}

export function openPipe<In, Out extends object = object>(ends: PipeEnds, { schema, limits, handlers }: PipeOptions<In>): Pipe<Out> {
  const { readable, writable } = streamsOf(ends);
  let isClosed = false;
  let canWrite = true;
  let reason = 'it was closed here';

  const outbox = openOutbox<Out>({
    limits,
    write(frame) {
      if (!canWrite) return;
      const header = Buffer.allocUnsafe(4);
      header.writeUInt32LE(frame.length);
      writable.cork();
      writable.write(header);
      writable.write(frame);
      writable.uncork();
    },
    faulted: fault,
  });
  const reader = frameReader(limits.frameBytes, (frame) => handlers.messages(decodeFrame(frame, schema)));

  function stopWriting(): void {
    canWrite = false;
    outbox.clear();
  }
  function destroy(): void {
    stopWriting();
    readable.destroy();
    writable.destroy();
  }
  function end(): void {
    if (!canWrite) return;
    outbox.flush();
    stopWriting();
    writable.end();
  }
  function close(why: string): void {
    if (isClosed) return;
    isClosed = true;
    handlers.closed(why);
  }
  function fault(what: string): void {
    if (isClosed) return;
    reason = what;
    handlers.faulted(what);
    destroy();
  }
  // Added before the first byte is read. They stay: an error that comes late finds somebody who listens.
  readable.on('data', (chunk: Buffer) => {
    if (isClosed || readable.destroyed) return;
    try {
      reader.read(chunk, () => readable.destroyed);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      fault(error.what);
    }
  });
  readable.on('error', (error) => (reason = error.message));
  readable.once('end', () => {
    end();
    close(reader.isWithin() ? 'it ended within a frame' : 'it ended');
  });
  readable.once('close', () => {
    if (isClosed) return;
    destroy();
    close(reason);
  });
  writable.on('error', (error) => {
    reason = error.message;
    stopWriting();
  });

  return {
    send(message) {
      if (canWrite) outbox.push(message);
    },
    flush: outbox.flush,
    get queuedBytes() {
      return outbox.bytes + writable.writableLength;
    },
    end,
    destroy,
  };
}

function streamsOf(ends: PipeEnds): { readonly readable: Readable; readonly writable: Writable } {
  return 'pipe' in ends ? { readable: ends, writable: ends } : ends;
}

interface FrameReader {
  /** Takes a chunk, and tells of the frames that it completes. @throws FrameError for a length over the limit. */
  read(chunk: Buffer, isOver: () => boolean): void;
  /** Whether a frame is incomplete. */
  isWithin(): boolean;
}

/** Each byte is copied twice at most: a frame is put together once all of it is there. */
function frameReader(limit: number, onFrame: (frame: Uint8Array) => void): FrameReader {
  let chunks: Buffer[] = [];
  let have = 0;
  let need = 4;
  return {
    read(chunk, isOver) {
      chunks.push(chunk);
      have += chunk.length;
      if (have < need) return;
      const buffer = chunks.length === 1 ? chunk : Buffer.concat(chunks, have);
      let offset = 0;
      for (need = 4; buffer.length - offset >= need; need = 4) {
        const length = buffer.readUInt32LE(offset);
        if (length > limit) throw new FrameError(`${length} bytes, of ${limit} at most`);
        need = 4 + length;
        if (buffer.length - offset < need) break;
        onFrame(buffer.subarray(offset + 4, offset + need));
        if (isOver()) return;
        offset += need;
      }
      have = buffer.length - offset;
      chunks = have === 0 ? [] : [buffer.subarray(offset)];
    },
    isWithin: () => have > 0,
  };
}
