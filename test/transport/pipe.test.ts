import { spawn } from 'node:child_process';
import { PassThrough, Writable, type Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { encodeFrame } from '../../src/transport/codec.ts';
import { openPipe, type Pipe, type PipeEnds } from '../../src/transport/pipe.ts';
import { defaultLimits, type Limits } from '../../src/transport/port.ts';
import { frameSchema, type Message } from '../../src/transport/protocol.ts';
import { progress, recordedEnd, type RecordedEnd } from '../support/links.ts';

const open = (ends: PipeEnds, end: RecordedEnd, limits: Partial<Limits> = {}): Pipe<Message> =>
  openPipe(ends, { schema: frameSchema, limits: { ...defaultLimits, ...limits }, handlers: end });

/** A frame as it is on a pipe. */
const framed = (...messages: readonly object[]): Buffer => {
  const frame = encodeFrame(messages);
  const header = Buffer.alloc(4);
  header.writeUInt32LE(frame.length);
  return Buffer.concat([header, frame]);
};

describe('a pipe', () => {
  let manager: RecordedEnd;
  let worker: RecordedEnd;
  let down: PassThrough;
  let up: PassThrough;
  let toWorker: Pipe<Message>;
  let toManager: Pipe<Message>;

  beforeEach(() => {
    manager = recordedEnd();
    worker = recordedEnd();
    down = new PassThrough();
    up = new PassThrough();
    toWorker = open({ readable: up, writable: down }, manager);
    toManager = open({ readable: down, writable: up }, worker);
  });
  afterEach(async () => {
    toWorker.destroy();
    toManager.destroy();
    await manager.until(() => manager.closes.length > 0);
    await worker.until(() => worker.closes.length > 0);
    expect([manager.closes, worker.closes]).toEqual([expect.any(Array), expect.any(Array)]);
    expect([manager.closes.length, worker.closes.length]).toEqual([1, 1]);
  });

  it('carries messages both ways, those of a turn in one frame', async () => {
    for (let n = 1; n <= 100; n++) toWorker.send(progress(n));
    toManager.send({ t: 'drain' });
    expect(toWorker.queuedBytes).toBeGreaterThan(0);
    await worker.until(() => worker.received.length === 100);
    await manager.until(() => manager.received.length === 1);
    expect(worker.received).toEqual(Array.from({ length: 100 }, (_, n) => progress(n + 1)));
    expect(worker.frames.map((frame) => frame.length)).toEqual([64, 36]);
    expect(toWorker.queuedBytes).toBe(0);
  });

  it('delivers what was sent before its end, and what is answered to it', async () => {
    for (let n = 1; n <= 10; n++) toWorker.send(progress(n));
    toManager.send({ t: 'drain' });
    toWorker.end();
    toWorker.send(progress(11));
    await worker.until(() => worker.closes.length === 1);
    await manager.until(() => manager.closes.length === 1);
    expect(worker.received).toHaveLength(10);
    expect(manager.received).toEqual([{ t: 'drain' }]);
    expect([worker.closes, manager.closes]).toEqual([['it ended'], ['it ended']]);
  });

  it('puts frames together that come in pieces of one byte', async () => {
    const bytes = framed(progress(1, new Uint8Array(300)), progress(2));
    for (const byte of Buffer.concat([bytes, bytes])) down.write(Buffer.of(byte));
    await worker.until(() => worker.frames.length === 2);
    expect(worker.received.map((message) => message.t === 'progress' && message.lease)).toEqual([1, 2, 1, 2]);
  });

  it('takes apart frames that come in one piece', async () => {
    down.write(Buffer.concat(Array.from({ length: 50 }, (_, n) => framed(progress(n + 1)))));
    await worker.until(() => worker.frames.length === 50);
    expect(worker.received).toHaveLength(50);
  });

  it('carries large messages in time that grows with their size', async () => {
    const value = new Uint8Array(20_000_000).fill(7);
    toWorker.send(progress(1, value));
    await worker.until(() => worker.received.length === 1);
    const [message] = worker.received;
    expect(message?.t === 'progress' && Buffer.compare(message.value, value)).toBe(0);
  });

  it('says that it ended within a frame', async () => {
    down.write(framed(progress(1)));
    down.end(framed(progress(2)).subarray(0, 7));
    await worker.until(() => worker.closes.length === 1);
    expect(worker.received).toEqual([progress(1)]);
    expect(worker.faults).toEqual([]);
    expect(worker.closes).toEqual(['it ended within a frame']);
  });

  it.each([
    ['bytes that are no frame', Buffer.from([3, 0, 0, 0, 1, 2, 3])],
    ['a frame without bytes', Buffer.from([0, 0, 0, 0])],
    ['a frame longer than may be', Buffer.from([255, 255, 255, 255])],
    ['a message of no type', framed({ t: 'x' })],
  ])('is closed by %s, after what came before', async (_, bytes) => {
    down.write(Buffer.concat([framed(progress(1)), bytes, framed(progress(2))]));
    await worker.until(() => worker.closes.length === 1);
    expect(worker.received).toEqual([progress(1)]);
    expect(worker.faults).toHaveLength(1);
    expect(worker.closes).toEqual(worker.faults);
  });

  it('is closed by a message that is larger than may be, or cannot be encoded', async () => {
    const end = recordedEnd();
    const pipe = open({ readable: new PassThrough(), writable: new PassThrough() }, end, { frameBytes: 100 });
    pipe.send(progress(1, new Uint8Array(200)));
    await end.until(() => end.closes.length === 1);
    expect(end.faults).toEqual([expect.stringContaining('of 100 at most')]);
    toWorker.send({ t: 'note', type: 'x', data: { f: () => 1 } });
    await manager.until(() => manager.closes.length === 1);
    expect(manager.faults).toEqual([expect.stringContaining('cannot be encoded')]);
  });

  it('reads to the end what a peer sent that nothing can be sent to any more', async () => {
    const end = recordedEnd();
    const readable = new PassThrough();
    const writable = new Writable({ write: (_chunk, _encoding, done) => done(new Error('write EPIPE')) });
    const pipe = open({ readable, writable }, end);
    pipe.send(progress(1));
    await new Promise((resolve) => writable.once('close', resolve));
    pipe.send(progress(2));
    readable.end(framed({ t: 'drain' }));
    await end.until(() => end.closes.length === 1);
    expect(end.received).toEqual([{ t: 'drain' }]);
  });
});

describe('a pipe to a process', () => {
  it('delivers all that the process wrote before it was killed, also when it is written to', async () => {
    const program = `const fs = require('node:fs');
      const frame = Buffer.from('${framed({ t: 'heartbeat' }).toString('hex')}', 'hex');
      for (let n = 0; n < 500; n++) fs.writeSync(4, frame);
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    const end = recordedEnd();
    const [, , , writable, readable] = child.stdio as unknown as readonly [null, null, null, Writable, Readable];
    const pipe = open({ readable, writable }, end);
    for (let n = 1; n <= 100; n++) pipe.send(progress(n, new Uint8Array(10_000)));
    await end.until(() => end.closes.length === 1);
    expect(end.received).toHaveLength(500);
    pipe.destroy();
  });
});
