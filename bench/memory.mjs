/**
 * Is memory flat? 100,000 independent tasks, then a chain of 100,000, on `inline()`; heap in use after a forced
 * collection, compared with the start. Run: `node --expose-gc bench/memory.mjs [--tasks N] [--json]`.
 */
import { parseArgs } from 'node:util';
import { setImmediate as turn } from 'node:timers/promises';

import { task, Troupe } from 'troupe';
import { inline } from 'troupe/executors';

const { values } = parseArgs({ options: { tasks: { type: 'string', default: '100000' }, json: { type: 'boolean', default: false } } });
const n = Number(values.tasks);
if (globalThis.gc === undefined) throw new Error('run it with node --expose-gc');

const noop = task(import.meta, 'noop', (x) => x);
const troupe = await Troupe.start({ executors: [inline()] });

async function heapBytes() {
  for (let i = 0; i < 3; i++) {
    await turn();
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

async function independent() {
  const futures = Array.from({ length: n }, (_, i) => noop(i));
  const waiting = await heapBytes();
  await troupe.idle();
  if (futures.length !== n) throw new Error('the futures must be held until here');
  return waiting;
}

async function chain() {
  let last = noop(0);
  for (let i = 1; i < n; i++) last = noop(last);
  const waiting = await heapBytes();
  await last;
  return waiting;
}

await noop(0);
const start = await heapBytes();
const perWaiting = [(await independent()) - start, 0];
const afterIndependent = await heapBytes();
perWaiting[1] = (await chain()) - afterIndependent;
const afterChain = await heapBytes();
await troupe.close();
const afterClose = await heapBytes();

const report = {
  tasks: n,
  bytesPerWaitingTask: { independent: Math.round(perWaiting[0] / n), chain: Math.round(perWaiting[1] / n) },
  heapMegabytesOverStart: Object.fromEntries(
    Object.entries({ afterIndependent, afterChain, afterClose }).map(([when, bytes]) => [when, Math.round((bytes - start) / 1e5) / 10]),
  ),
};
console.log(values.json ? JSON.stringify(report) : report);
