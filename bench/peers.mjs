/**
 * troupe against its peers in one run on this machine: tasks that do nothing, all queued at once (a second), and one at
 * a time (median round trip). Two workers each, bytes and results through the whole of every system.
 *
 *   node bench/peers.mjs [--json] [--tasks 20000] [--rounds 3]
 *
 * Needs `npm run build` and, for BullMQ, a redis-server on the PATH (Debian: apt-get install redis-server); installs the
 * peers into bench/peers/node_modules. Rounds are interleaved and the best of each is shown, since machines are noisy.
 */
import { execFileSync, fork, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    tasks: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
  },
});
const TASKS = Number(values.tasks);
const SAMPLES = 1000;
const WORKERS = 2;
const here = fileURLToPath(new URL('.', import.meta.url));
const helpers = join(here, 'peers');
const say = (text) => process.stderr.write(`bench: ${text}\n`);

if (!existsSync(join(helpers, 'node_modules/bullmq'))) {
  say('installing the peers');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: helpers, stdio: 'ignore' });
}
const require = createRequire(join(helpers, 'package.json'));
/** @param run one task; resolves with its result */
async function measure(run) {
  const all = async (count) => {
    const futures = Array.from({ length: count }, run);
    for (const future of futures) await future;
  };
  await all(Math.min(2000, TASKS));
  const startMs = performance.now();
  await all(TASKS);
  const perSecond = (1000 * TASKS) / (performance.now() - startMs);
  const times = [];
  for (let i = 0; i < SAMPLES; i++) {
    const before = performance.now();
    await run();
    times.push(performance.now() - before);
  }
  times.sort((a, b) => a - b);
  return { tasksPerSecond: Math.round(perSecond), medianMs: Number(times[SAMPLES / 2].toFixed(3)) };
}

/** `troupe perf` in a process of its own: with the memory and the code that a program has. */
const perf = (executor) => () => {
  const cli = fileURLToPath(new URL('../dist/api/bin/cli.js', import.meta.url));
  const args = ['perf', '--executor', executor, '--workers', String(WORKERS), '--tasks', String(TASKS), '--json'];
  const { tasksPerSecond, latencyMs } = JSON.parse(spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' }).stdout);
  return { tasksPerSecond, medianMs: latencyMs.p50 };
};

async function bare() {
  const { stdout } = spawnSync(process.execPath, [join(here, 'bare-pipeline.mjs'), '--json'], { encoding: 'utf8' });
  const { tasksPerSecond, medianTripMs } = JSON.parse(stdout);
  return { tasksPerSecond: Math.round(tasksPerSecond), medianMs: medianTripMs };
}

async function piscina() {
  const { Piscina } = require('piscina');
  const pool = new Piscina({ filename: join(helpers, 'noop.mjs'), minThreads: WORKERS, maxThreads: WORKERS });
  try {
    return await measure(() => pool.run(undefined));
  } finally {
    await pool.destroy();
  }
}

async function workerpool() {
  const { pool: open } = require('workerpool');
  const pool = open(join(helpers, 'workerpool-worker.mjs'), { workerType: 'process', minWorkers: WORKERS, maxWorkers: WORKERS });
  try {
    return await measure(() => pool.exec('noop', []));
  } finally {
    await pool.terminate(true);
  }
}

async function bullmq() {
  const { Queue, QueueEvents } = require('bullmq');
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'troupe-bench-redis-'));
  const redis = spawn(
    'redis-server',
    ['--port', port, '--save', '', '--appendonly', 'no', '--dir', dir, '--maxmemory-policy', 'noeviction'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const worker = fork(join(helpers, 'bullmq-worker.mjs'), [String(port), require.resolve('bullmq')], { stdio: 'inherit' });
  const connection = { host: '127.0.0.1', port: Number(port) };
  const queue = new Queue('noop', { connection, defaultJobOptions: { removeOnComplete: true } });
  const events = new QueueEvents('noop', { connection });
  const waiting = new Map();
  events.on('completed', ({ jobId }) => waiting.get(jobId)?.());
  let next = 0;
  const id = () => `j${next++}`;
  const done = (jobId) => new Promise((resolve) => waiting.set(jobId, () => (waiting.delete(jobId), resolve())));
  try {
    await queue.waitUntilReady();
    await events.waitUntilReady();
    const single = () => {
      const jobId = id();
      const promise = done(jobId);
      void queue.add('noop', {}, { jobId });
      return promise;
    };
    for (let i = 0; i < 200; i++) await single();
    const startMs = performance.now();
    const promises = [];
    for (let at = 0; at < TASKS; at += 500) {
      const jobs = Array.from({ length: Math.min(500, TASKS - at) }, () => ({ name: 'noop', data: {}, opts: { jobId: id() } }));
      promises.push(...jobs.map(({ opts }) => done(opts.jobId)));
      await queue.addBulk(jobs);
    }
    for (const promise of promises) await promise;
    const perSecond = (1000 * TASKS) / (performance.now() - startMs);
    const times = [];
    for (let i = 0; i < SAMPLES; i++) {
      const before = performance.now();
      await single();
      times.push(performance.now() - before);
    }
    times.sort((a, b) => a - b);
    return { tasksPerSecond: Math.round(perSecond), medianMs: Number(times[SAMPLES / 2].toFixed(3)) };
  } finally {
    worker.kill();
    await events.close();
    await queue.close();
    redis.kill();
    await new Promise((resolve) => redis.once('exit', resolve));
    await rm(dir, { recursive: true, force: true });
  }
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(String(port)));
    });
  });

const peers = {
  'troupe blocks (2 processes)': perf('blocks'),
  'troupe threads (2)': perf('threads'),
  'troupe inline': perf('inline'),
  'bare pipeline (2 processes)': bare,
  'piscina (2 threads)': piscina,
  'workerpool (2 processes)': workerpool,
  'BullMQ on Redis (1 process, 16 at once)': bullmq,
};

const best = new Map();
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const [name, run] of Object.entries(peers)) {
    say(`round ${round}: ${name}`);
    const found = await run();
    const known = best.get(name);
    best.set(name, {
      tasksPerSecond: Math.max(found.tasksPerSecond, known?.tasksPerSecond ?? 0),
      medianMs: Math.min(found.medianMs, known?.medianMs ?? Number.POSITIVE_INFINITY),
    });
  }
}

const mine = best.get('troupe blocks (2 processes)');
const rows = [...best].map(([name, { tasksPerSecond, medianMs }]) => ({
  name,
  tasksPerSecond,
  medianMs,
  throughputRatio: Number((mine.tasksPerSecond / tasksPerSecond).toFixed(2)),
  latencyRatio: Number((mine.medianMs / medianMs).toFixed(2)),
}));
if (values.json) console.log(JSON.stringify({ tasks: TASKS, node: process.version, rows }, undefined, 2));
else {
  console.log(`${TASKS} tasks that do nothing; node ${process.version}; ratios: troupe blocks against each\n`);
  const cells = [
    ['', 'tasks/s', 'median ms', 'throughput', 'latency'],
    ...rows.map((row) => [row.name, row.tasksPerSecond, row.medianMs, `${row.throughputRatio} x`, `${row.latencyRatio} x`].map(String)),
  ];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  for (const row of cells) console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '));
}
