/**
 * What runs in a worker: bytes in, bytes out. Compressing as well as Brotli can takes seconds of a core for a few
 * megabytes, which is nothing that a server should do in its own event loop.
 */
import { brotliCompressSync, constants } from 'node:zlib';

import type { HostCall } from 'troupe/executors';

export function run(payload: Uint8Array, call: HostCall): Uint8Array {
  if (payload.length === 0) throw new RangeError('there is nothing to compress');
  const compressed = brotliCompressSync(payload, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } });
  console.log(`${call.id}: ${payload.length} bytes to ${compressed.length}`);
  return compressed;
}
