/**
 * What the event log costs: no-op tasks a second on blocks, with the log off and at its default, by turns in one run; the
 * best of each, since machines are noisy.
 *
 *   node bench/logging.mjs [rounds]       needs `npm run build`
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../dist/api/bin/cli.js', import.meta.url));
const rounds = Number(process.argv[2] ?? 4);
const best = { off: 0, summary: 0 };
for (let round = 0; round < rounds; round++) {
  for (const log of Object.keys(best)) {
    const args = ['perf', '--executor', 'blocks', '--workers', '2', '--tasks', '40000', '--log', log, '--json'];
    const { tasksPerSecond } = JSON.parse(spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' }).stdout);
    best[log] = Math.max(best[log], tasksPerSecond);
    process.stderr.write(`bench: ${log} ${tasksPerSecond} tasks/s\n`);
  }
}
console.log(JSON.stringify({ ...best, cost: Number((1 - best.summary / best.off).toFixed(3)) }));
