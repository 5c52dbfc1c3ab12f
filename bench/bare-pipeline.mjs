/**
 * What the parts of a blocks executor allow, with nothing of troupe: a driver, a manager and worker processes, WebSocket
 * and CBOR frames of up to 64 tasks between the first two, pipes to the workers, 16 tasks ahead at each. No machines, no
 * leases, no schemas, no secrets, and whatever fails hangs. The peer that latencies are compared with.
 * Run: `node bench/bare-pipeline.mjs [--tasks N] [--trips N] [--workers N] [--json]`.
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Encoder } from 'cbor-x';
import { WebSocket, WebSocketServer } from 'ws';

const self = fileURLToPath(import.meta.url);
const { encode, decode } = ((cbor) => ({ encode: (value) => cbor.encode(value), decode: (bytes) => cbor.decode(bytes) }))(
  new Encoder({ useRecords: false, tagUint8Array: false }),
);
const most = { frame: 64, ahead: 16 };
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tasks: { type: 'string', default: '100000' },
    trips: { type: 'string', default: '2000' },
    workers: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
  },
});

/** Gathers items until the end of the turn, or until a frame is full. */
function batch(send) {
  let items = [];
  let isScheduled = false;
  const flush = () => {
    isScheduled = false;
    if (items.length === 0) return;
    const all = items;
    items = [];
    send(encode(all));
  };
  return (item) => {
    if (items.push(item) === most.frame) flush();
    else if (!isScheduled) isScheduled = setImmediate(flush) !== undefined;
  };
}

/** Frames on a stream, each after its length. */
function pipe(stream, onItems) {
  let rest = Buffer.alloc(0);
  stream.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE()) {
      const end = 4 + rest.readUInt32LE();
      onItems(decode(rest.subarray(4, end)));
      rest = rest.subarray(end);
    }
  });
  return batch((bytes) => {
    const frame = Buffer.allocUnsafe(4 + bytes.length);
    frame.writeUInt32LE(bytes.length);
    frame.set(bytes, 4);
    stream.write(frame);
  });
}

/** A task is [id, arguments], a result [id, value]; both are encoded by the ends, and bytes to what is between. */
function worker() {
  const noop = () => undefined;
  const stream = new Socket({ fd: 3 });
  const send = pipe(stream, (tasks) => {
    for (const [id, args] of tasks) send([id, encode(noop(...decode(args)))]);
  });
  stream.once('end', () => process.exit());
}

async function manager(port, count) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  let waiting = [];
  let given = 0;
  const give = () => {
    while (given < waiting.length) {
      const next = workers.reduce((least, each) => (each.busy < least.busy ? each : least));
      if (next.busy >= most.ahead) return;
      next.busy++;
      next.send(waiting[given++]);
    }
    waiting = [];
    given = 0;
  };
  const reply = batch((bytes) => socket.send(bytes));
  const workers = Array.from({ length: count }, () => {
    const child = spawn(process.execPath, [self, 'worker'], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
    const own = { busy: 0, send: undefined };
    own.send = pipe(child.stdio[3], (results) => {
      own.busy -= results.length;
      for (const result of results) reply(result);
      give();
    });
    return own;
  });
  socket.on('message', (bytes) => {
    for (const task of decode(bytes)) waiting.push(task);
    give();
  });
  socket.once('close', () => process.exit());
  await once(socket, 'open');
}

async function driver() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false, maxPayload: 2 ** 28 });
  await once(server, 'listening');
  const child = fork(self, ['manager', String(server.address().port), options.workers]);
  const [socket] = await once(server, 'connection');
  const left = new Map();
  let lastId = 0;
  const send = batch((bytes) => socket.send(bytes));
  socket.on('message', (bytes) => {
    for (const [id, value] of decode(bytes)) {
      const resolve = left.get(id);
      left.delete(id);
      resolve(decode(value));
    }
  });
  const run = (...args) =>
    new Promise((resolve) => {
      const id = ++lastId;
      left.set(id, resolve);
      send([id, encode(args)]);
    });
  async function tasksPerSecond(tasks) {
    const startMs = performance.now();
    await Promise.all(Array.from({ length: tasks }, (_, index) => run(index)));
    return Math.round((tasks / (performance.now() - startMs)) * 1000);
  }
  async function medianTripMs(trips) {
    const times = [];
    for (let trip = 0; trip < trips; trip++) {
      const startMs = performance.now();
      await run(trip);
      times.push(performance.now() - startMs);
    }
    return Number(times.toSorted((one, other) => one - other)[trips >> 1].toFixed(3));
  }

  const [tasks, trips, workers] = [options.tasks, options.trips, options.workers].map(Number);
  await tasksPerSecond(Math.min(tasks, 10_000));
  await medianTripMs(Math.min(trips, 500));
  const result = {
    peer: 'bare pipeline',
    workers,
    tasks,
    tasksPerSecond: await tasksPerSecond(tasks),
    medianTripMs: await medianTripMs(trips),
  };
  console.log(options.json ? JSON.stringify(result) : `${result.tasksPerSecond} tasks/s, ${result.medianTripMs} ms a round trip (median)`);
  socket.close();
  server.close();
  await once(child, 'exit');
}

const [role = 'driver', port, count] = positionals;
if (role === 'worker') worker();
else if (role === 'manager') await manager(port, Number(count));
else await driver();
