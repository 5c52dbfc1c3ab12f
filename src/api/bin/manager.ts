/**
 * The program of a manager: one runs on each node of a block, and starts the workers there.
 *
 *     manager.js --connect <file>       or with the configuration as JSON in TROUPE_CONNECT
 *
 * Ends with 0 when it was told to end, 2 for a wrong configuration, 3 when the driver refuses it, 4 when its workers do
 * not come up, 5 when its driver is gone.
 */
import { CONNECT, nodeFacts, readAddresses, readConfig, type ManagerConfig } from '../../actors/node/config.ts';
import { openManager } from '../../actors/node/manager.ts';
import { fromWorkerSchema } from '../../actors/node/pipe-protocol.ts';
import { workerSpawner } from '../../actors/node/worker-process.ts';
import { systemClock } from '../../actors/timers.ts';
import { openPipe } from '../../transport/pipe.ts';
import { defaultLimits, type Transport } from '../../transport/port.ts';
import { build } from '../build.ts';

/** Loaded while the workers start. */
const transport: Pick<Transport, 'connect'> = {
  connect: async (options) => (await import('../../transport/websocket.ts')).websocket().connect(options),
};
const log = (text: string): void => void process.stderr.write(`troupe manager ${process.pid}: ${text}\n`);

function main(config: ManagerConfig, file: string | undefined): void {
  const { worker, logDir } = config;
  const manager = openManager({
    config,
    transport,
    clock: systemClock,
    random: Math.random,
    build: build(),
    node: nodeFacts(config, process.env),
    spawnWorker: workerSpawner({
      program: worker.program,
      execArgv: worker.execArgv,
      logDir,
      openPipe: (ends, handlers) => openPipe(ends, { schema: fromWorkerSchema, limits: defaultLimits, handlers }),
      log,
    }),
    ...(file === undefined ? undefined : { addresses: () => readAddresses(file) }),
    log,
    onEnded: (code) => process.exit(code),
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => manager.end(`it got ${signal}`));
}

process.stderr.on('error', () => {}); // nobody reads it any more
const at = process.argv.indexOf('--connect');
const file = at < 0 ? undefined : process.argv[at + 1];
let config: ManagerConfig | undefined;
try {
  config = readConfig(file, process.env);
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
Reflect.deleteProperty(process.env, CONNECT);
if (config !== undefined) main(config, file);
