/**
 * What a link or a pipe has been told to send and has not: messages are gathered until the end of the turn of the event
 * loop, or until a frame is full, and leave as one frame.
 */
import { encodeFrame } from './codec.ts';
import type { Limits } from './port.ts';

/** A frame is full with this many bytes; one message that is larger goes alone. */
const fullBytes = 256 * 1024;

export interface OutboxOptions {
  readonly limits: Limits;
  /** Takes a frame. */
  write(frame: Uint8Array): void;
  /** A message that no frame can carry: it would be refused at the other end. In a turn of its own. */
  faulted(what: string): void;
  /** Runs something at the end of the turn. @defaultValue {@link promptly} */
  readonly schedule?: (run: () => void) => void;
}

/**
 * Runs something at the end of the turn of the event loop, with what else comes until then; after a quiet turn already
 * when the code that runs now has returned: what comes alone need not wait, and what comes in numbers is gathered.
 */
export function promptly(): (run: () => void) => void {
  let isQuiet = true;
  /** Something came in this turn. */
  let isUsed = false;
  const look = (): void => {
    if (!isUsed) {
      isQuiet = true;
      return;
    }
    isUsed = false;
    setImmediate(look);
  };
  return (run) => {
    isUsed = true;
    if (!isQuiet) {
      setImmediate(run);
      return;
    }
    isQuiet = false;
    setImmediate(look);
    queueMicrotask(run);
  };
}

export interface Outbox<M> {
  push(message: M): void;
  /** Sends what there is. */
  flush(): void;
  /** Forgets what there is. */
  clear(): void;
  /** About as many bytes as the messages will take. */
  readonly bytes: number;
}

export function openOutbox<M extends object>({ limits, write, faulted, schedule = promptly() }: OutboxOptions): Outbox<M> {
  let queue: M[] = [];
  let bytes = 0;
  let isScheduled = false;

  const clear = (): void => {
    queue = [];
    bytes = 0;
  };
  const fault = (what: string): void => schedule(() => faulted(what));
  const flush = (): void => {
    if (queue.length === 0) return;
    const messages = queue;
    clear();
    let frame: Uint8Array;
    try {
      frame = encodeFrame(messages);
    } catch (error) {
      fault(`a message cannot be encoded: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    if (frame.length > limits.frameBytes) fault(`a message of ${frame.length} bytes, of ${limits.frameBytes} at most`);
    else write(frame);
  };
  const flushScheduled = (): void => {
    isScheduled = false;
    flush();
  };
  return {
    push(message) {
      const size = sizeOf(message);
      if (bytes + size > fullBytes) flush();
      queue.push(message);
      bytes += size;
      if (queue.length >= limits.batch || bytes >= fullBytes) {
        flush();
      } else if (!isScheduled) {
        isScheduled = true;
        schedule(flushScheduled);
      }
    },
    flush,
    clear,
    get bytes() {
      return bytes;
    },
  };
}

/** Of texts and byte strings, in columns too; the rest is small. */
function sizeOf(message: object): number {
  let size = 16;
  for (const value of Object.values(message) as unknown[]) {
    if (!Array.isArray(value)) {
      size += sizeOfLeaf(value);
      continue;
    }
    for (const item of value as unknown[]) size += sizeOfLeaf(item);
  }
  return size;
}

function sizeOfLeaf(value: unknown): number {
  if (typeof value === 'number') return 8;
  return value instanceof Uint8Array || typeof value === 'string' ? value.length + 8 : 8;
}
