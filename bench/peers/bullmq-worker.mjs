// A BullMQ worker: `bullmq-worker.mjs <port of redis> <path of bullmq>`.
import { pathToFileURL } from 'node:url';

const [port, library] = process.argv.slice(2);
const { Worker } = await import(pathToFileURL(library).href);
const worker = new Worker('noop', async () => {}, { connection: { host: '127.0.0.1', port: Number(port) }, concurrency: 16 });
process.on('SIGTERM', () => void worker.close(true).finally(() => process.exit(0)));
