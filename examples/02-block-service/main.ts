/**
 * A small HTTP service on blocks, without a graph of tasks: what a host builds that wants workers, and has an API, a
 * queue and retries of its own. See README.md.
 */
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';

import { startCompressor } from './compressor.ts';
import { httpServer } from './server.ts';

const HELP = `Compresses what is posted to /work.

  --port N      to listen on (default: 8080; 0 takes a free one)
  --workers N   of each block (default: one a core)
  --blocks N    at most (default: 2)
`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    workers: { type: 'string' },
    blocks: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(HELP);
else await serve();

async function serve(): Promise<void> {
  const compressor = await startCompressor({
    block: { max: Number(values.blocks) },
    ...(values.workers === undefined ? undefined : { workers: Number(values.workers) }),
  });
  const { service } = compressor;
  service.on('output', ({ text }) => process.stdout.write(text));
  service.on('note', ({ note, data }) => {
    if (/^(block|manager|worker)\./.test(note)) process.stderr.write(`${note} ${JSON.stringify(data['blockId'])}\n`);
  });

  const server = httpServer(compressor);
  server.listen(Number(values.port), '127.0.0.1', () => {
    process.stdout.write(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
  });

  // The signals are the host's: troupe handles none for a service. The second one does not wait.
  let isEnding = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isEnding) {
        process.stderr.write(`${signal}: leaving at once\n`);
        void service.shutdown({ mode: 'kill' });
        return;
      }
      isEnding = true;
      process.stderr.write(`${signal}: finishing what was begun\n`);
      server.close(() => void service.shutdown()); // no new requests; those under way are answered
      server.closeIdleConnections();
    });
  }
}
