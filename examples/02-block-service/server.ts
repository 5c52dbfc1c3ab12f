/** HTTP around the compressor: `POST /work` takes bytes and gives bytes, `GET /status` says how the pool is. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { WorkError } from 'troupe';

import type { Compressor } from './compressor.ts';

const MOST_BYTES = 64 * 1024 ** 2;

/** Kind of failure → status; every other one is the server's own. */
const statusOf: Readonly<Record<string, number>> = { app: 422, cancelled: 499 };

class TooLargeError extends Error {}

export function httpServer({ service, compress }: Compressor): Server {
  async function work(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = String(request.headers['x-request-id'] ?? randomUUID());
    const priority = Number(request.headers['x-priority'] ?? 0) || 0;
    const abort = new AbortController();
    // who hangs up wants nothing any more
    response.once('close', () => abort.abort(new Error('the client has gone')));
    const { bytes, tries, place } = await compress(await bodyOf(request), { id, priority, signal: abort.signal });
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-encoding': 'br',
      'x-request-id': id,
      'x-tries': tries,
      'x-place': `${place.host}/block ${place.blockId}/worker ${place.worker}`,
    });
    response.end(bytes);
  }

  const routes: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void | Promise<void>>> = {
    'POST /work': work,
    'GET /status': (_, response) => json(response, 200, service.snapshot()),
  };

  return createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    const route = routes[`${request.method} ${path}`];
    if (route === undefined) {
      json(response, 404, { error: `there is no ${request.method} ${path}; there are ${Object.keys(routes).join(', ')}` });
      return;
    }
    Promise.resolve(route(request, response)).catch((error: unknown) => fail(response, error));
  });
}

function fail(response: ServerResponse, error: unknown): void {
  if (error instanceof WorkError) {
    const { kind, budget } = error.failure;
    json(response, statusOf[kind] ?? 503, { error: error.message, kind, budget });
  } else json(response, error instanceof TooLargeError ? 413 : 500, { error: error instanceof Error ? error.message : String(error) });
}

function json(response: ServerResponse, status: number, value: object): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(value, undefined, 2)}\n`);
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new TooLargeError(`more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
