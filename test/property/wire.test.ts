/**
 * The wire, as properties: every message comes out as it went in, and nothing that anybody sends does harm. Whatever
 * bytes arrive are messages or a fault; a listener that is attacked stays up, keeps its memory, and serves its own.
 */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';

import { formatCredentials } from '../../src/transport/admission.ts';
import { decodeFrame, encodeFrame, FrameError } from '../../src/transport/codec.ts';
import { openPipe } from '../../src/transport/pipe.ts';
import { defaultLimits } from '../../src/transport/port.ts';
import { frameSchema, type Message } from '../../src/transport/protocol.ts';
import { websocket } from '../../src/transport/websocket.ts';
import { linkedPair, progress, recordedEnd, type LinkedPair } from '../support/links.ts';
import { anyMessage, messageOf, messageTypes } from '../support/messages.ts';

const anything = z.custom<readonly unknown[]>(() => true);
const anyFrame = fc.array(anyMessage, { maxLength: 5 }).map((messages) => Buffer.from(encodeFrame(messages)));

/** Messages, or a FrameError: anything else fails the test. */
function readOrRefuse(bytes: Uint8Array): readonly Message[] | undefined {
  try {
    return decodeFrame(bytes, frameSchema);
  } catch (error) {
    if (error instanceof FrameError) return undefined;
    throw error;
  }
}

const collect = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();
function heapBytes(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('messages', () => {
  it.each(messageTypes)('of the type %s come out as they went in', (type) => {
    fc.assert(
      fc.property(fc.array(messageOf(type), { maxLength: 4 }), (messages) => {
        expect(decodeFrame(encodeFrame(messages), frameSchema)).toEqual(messages);
      }),
      { numRuns: 50 },
    );
  });
});

describe('bytes', () => {
  it('at random are messages or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readOrRefuse(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('of a frame that was cut anywhere are refused', () => {
    fc.assert(
      fc.property(anyFrame, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (frame, where) => {
        expect(readOrRefuse(frame.subarray(0, Math.floor(frame.length * where)))).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('of a frame that was changed anywhere are messages or refused', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(anyFrame, changes, (frame, all) => {
        const changed = Buffer.from(frame);
        for (const [at, value] of all) changed[at % changed.length] = value;
        readOrRefuse(changed);
      }),
      { numRuns: 1000 },
    );
  });

  it('of another value are refused', () => {
    fc.assert(
      fc.property(fc.anything({ withTypedArray: true, withDate: true, withMap: true, withSet: true, withBigInt: true }), (value) => {
        let bytes: Uint8Array;
        try {
          bytes = encodeFrame([value as object]);
        } catch {
          return; // nothing that could be sent
        }
        expect(readOrRefuse(bytes)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['empty maps', 0xa0],
    ['empty arrays', 0x80],
    ['empty texts', 0x60],
    ['empty byte strings', 0x40],
    ['nulls', 0xf6],
    ['zeros', 0x00],
    ['arrays within arrays', 0x81],
    ['maps within maps', 0xa1],
  ])('of twenty million %s take no more memory than they are', (_, byte) => {
    const bytes = Buffer.alloc(20_000_005, byte);
    bytes.set([0x9a, 0x01, 0x31, 0x2d, 0x00]); // as one array of 20,000,000
    const { heapUsed } = process.memoryUsage();
    expect(() => decodeFrame(bytes, anything)).toThrow(FrameError);
    expect(process.memoryUsage().heapUsed - heapUsed).toBeLessThan(20_000_000);
  });

  it('on a pipe, in any pieces, are messages or close it once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), anyFrame), { maxLength: 6 }), async (chunks) => {
        const end = recordedEnd();
        const readable = new PassThrough();
        openPipe({ readable, writable: new PassThrough() }, { schema: frameSchema, limits: defaultLimits, handlers: end });
        for (const chunk of chunks) if (readable.writable) readable.write(chunk);
        if (readable.writable) readable.end();
        await end.until(() => end.closes.length > 0);
        expect(end.closes).toHaveLength(1);
        expect(end.faults.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a listener', () => {
  let pair: LinkedPair;
  let port: number;
  beforeEach(async () => {
    pair = await linkedPair(websocket({ strangers: 64 }), { limits: { frameBytes: 1024 ** 2 } });
    ({ port } = pair.listener);
  });
  afterEach(async () => await pair.close());

  /** Its own link still carries messages, and nobody else's came in. */
  async function expectServes(): Promise<void> {
    const before = pair.driver.received.length;
    pair.up.send(progress(before + 1));
    await pair.driver.until(() => pair.driver.received.length > before);
    expect(pair.driver.received.at(-1)).toEqual(progress(before + 1));
    expect(pair.driver.faults).toEqual([]);
    expect(pair.driver.closes).toEqual([]);
  }

  /** Connects, sends, and waits until the listener has ended it, or ends it itself. */
  const throwAt = async (bytes: Uint8Array, leaves: boolean): Promise<void> =>
    await new Promise((resolve) => {
      const socket: Socket = connect({ port, host: '127.0.0.1' }, () => {
        socket.write(bytes);
        if (leaves) socket.destroy();
      });
      socket.on('error', () => undefined);
      socket.on('data', () => undefined);
      socket.once('close', () => resolve());
    });

  const upgrade = (authorization: string): string =>
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${authorization}\r\n\r\n`;

  it('is not harmed by bytes that are no upgrade', async () => {
    const text = (line: string): Buffer => Buffer.from(line);
    const garbage = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 100 }).map((bytes) => Buffer.concat([bytes, text('\r\n\r\n')])),
      fc.constantFrom(
        text('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
        text('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nxyz'),
        text('CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'),
        text(`GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
        text(upgrade('Authorization: Troupe %zz.%zz')),
        text(upgrade('Authorization: Troupe block 1.x')),
        text(upgrade(`Authorization: Troupe ${'x'.repeat(3000)}`)),
        text(upgrade('Authorization: Basic eDp5')),
        text(upgrade('X: y')),
        text(upgrade('Authorization: Troupe block%201.secret%20of%20block%202')),
      ),
    );
    await fc.assert(
      fc.asyncProperty(garbage, fc.boolean(), async (bytes, leaves) => await throwAt(bytes, leaves)),
      { numRuns: 100 },
    );
    await expectServes();
  });

  it('answers a wrong secret with a status, and with nothing else', async () => {
    const answer = await new Promise<string>((resolve) => {
      let all = '';
      const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(upgrade('Authorization: Troupe block%201.wrong')));
      socket.on('data', (chunk) => (all += String(chunk)));
      socket.once('close', () => resolve(all));
    });
    expect(answer).toBe('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });

  it('answers a request that is no upgrade with 426', async () => {
    const status = await new Promise((resolve, reject) => {
      request({ port, host: '127.0.0.1', path: '/anything' }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(426);
  });

  it('keeps its memory under thousands of connections', async () => {
    const wrong = Buffer.from(upgrade('Authorization: Troupe block%201.wrong'));
    const volley = async (): Promise<void> => {
      await Promise.all(Array.from({ length: 50 }, (_, n) => throwAt(n % 2 === 0 ? wrong : Buffer.from('garbage\r\n\r\n'), n % 5 === 0)));
    };
    for (let round = 0; round < 10; round++) await volley();
    const before = heapBytes();
    for (let round = 0; round < 50; round++) await volley();
    expect(heapBytes() - before).toBeLessThan(4_000_000);
    await expectServes();
  });

  it('lets the oldest go when too many show no secret', async () => {
    const sockets = Array.from({ length: 200 }, () => connect({ port, host: '127.0.0.1' }));
    const over = sockets.map(async (socket) => await once(socket.resume(), 'close'));
    await Promise.all(over.slice(0, 200 - 64));
    await expectServes();
    expect(sockets.filter((socket) => !socket.destroyed).length).toBeGreaterThanOrEqual(60);
    for (const socket of sockets) socket.destroy();
    await Promise.all(over);
  });

  it('closes the link of a peer that sends anything but messages, and no other', async () => {
    const authorization = formatCredentials({ peerId: 'block 2', secret: 'secret of block 2' });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 100 }).filter((each) => readOrRefuse(each) === undefined),
      fc.constant(new Uint8Array(2 * 1024 ** 2)),
      fc.constant(new Uint8Array(1024 ** 2).fill(0x81)),
      fc.constant(encodeFrame([{ t: 'format.disk' }])),
      fc.string({ maxLength: 20 }),
    );
    const hostile = async (data: string | Uint8Array): Promise<number> =>
      await new Promise((resolve, reject) => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers: { authorization } });
        socket.once('open', () => socket.send(data));
        socket.once('close', resolve);
        socket.once('error', reject);
      });
    const { driver } = pair;
    await fc.assert(
      fc.asyncProperty(bytes, async (data) => {
        const { length } = driver.closes;
        expect([1008, 1009]).toContain(await hostile(data));
        await driver.until(() => driver.closes.length > length);
      }),
      { numRuns: 60 },
    );
    expect(driver.faults).toHaveLength(driver.closes.length);
    expect(driver.received).toEqual([]);
    pair.up.send(progress(1));
    await driver.until(() => driver.received.length === 1);
  });
});
