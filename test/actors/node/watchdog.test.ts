/** The watchdog: what it was told of ends with the process that told it, and nothing else does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';

import { gone, isAlive } from '../../support/real-node.ts';

/** A process with a watchdog, and groups that it has told of or taken back. */
const program = `
  const { openWatchdog } = await import(process.argv[1]);
  const watchdog = openWatchdog(() => {});
  for (const group of JSON.parse(process.argv[2])) watchdog.add(group);
  setImmediate(() => {
    for (const group of JSON.parse(process.argv[3])) watchdog.remove(group);
    process.stdout.write('told');
  });
  setInterval(() => {}, 1000);`;

it.skipIf(process.platform !== 'linux')('kills what is left of a process that is killed', async () => {
  const sleepers = Array.from({ length: 3 }, () => spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }));
  onTestFinished(async () => {
    for (const sleeper of sleepers) if (sleeper.exitCode === null && sleeper.signalCode === null) sleeper.kill('SIGKILL');
  });
  const [a, b, c] = sleepers.map(({ pid }) => pid as number) as [number, number, number];
  const source = new URL('../../../src/actors/node/watchdog.ts', import.meta.url).href;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', program, source, JSON.stringify([a, b, c]), JSON.stringify([b])];
  const keeper = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(keeper.stdout, 'data');
  keeper.kill('SIGKILL');
  await Promise.all([gone(a), gone(c)]);
  expect(isAlive(b)).toBe(true);
});
