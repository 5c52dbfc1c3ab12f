/**
 * Do waiting retries slow other tasks down? The same tasks with nothing waiting and with 20,000 retries on the timer
 * wheel, in turns, in one process; compared by processor time, which other programs disturb less than the clock.
 * Run: `node bench/waiting-retries.mjs [--waiting N] [--tasks N] [--rounds N] [--json]`.
 */
import { parseArgs } from 'node:util';

import { task, Troupe } from 'troupe';
import { inline } from 'troupe/executors';

const { values } = parseArgs({
  options: {
    waiting: { type: 'string', default: '20000' },
    tasks: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '7' },
    json: { type: 'boolean', default: false },
  },
});
const [waiting, tasks, rounds] = [values.waiting, values.tasks, values.rounds].map(Number);

const noop = task(import.meta, 'noop', (x) => x);
const fails = task(import.meta, 'fails', () => {
  throw new Error('not yet');
});
const patient = { kind: 'retry', name: 'patient', decide: () => ({ again: true, afterMs: 3_600_000 }) };
const start = () => Troupe.start({ executors: [inline()], policies: { retry: patient }, ambient: false });

const idle = await start();
const busy = await start();
const retrying = busy.map(
  fails,
  Array.from({ length: waiting }, () => undefined),
);
while (retrying.some(({ state }) => state !== 'retrying')) await new Promise((resolve) => setImmediate(resolve));

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
async function round(troupe) {
  const before = cpuMs();
  await Promise.all(
    troupe.map(
      noop,
      Array.from({ length: tasks }, (_, i) => i),
    ),
  );
  return cpuMs() - before;
}

await round(idle);
await round(busy);
const took = { idle: [], busy: [] };
for (let i = 0; i < rounds; i++) {
  took.idle.push(await round(idle));
  took.busy.push(await round(busy));
}
const timers = busy.snapshot().timers;
for (const future of retrying) future.catch(() => {});
await Promise.all([idle.close(), busy.close({ pending: 'cancel' })]);

const best = (times) => Math.min(...times);
const report = {
  waiting,
  timers,
  tasks,
  cpuMicrosecondsPerTask: { nothingWaiting: (best(took.idle) / tasks) * 1000, retriesWaiting: (best(took.busy) / tasks) * 1000 },
  ratio: best(took.busy) / best(took.idle),
};
console.log(values.json ? JSON.stringify(report) : report);
