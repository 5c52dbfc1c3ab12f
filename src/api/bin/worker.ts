/** The program of a worker process: speaks with its manager over two descriptors. Started by `api/bin/manager.ts`. */
import { Socket } from 'node:net';

import { descriptors } from '../../actors/node/descriptors.ts';
import type { ToWorker } from '../../actors/node/pipe-protocol.ts';
import { openWorker } from '../../actors/node/worker.ts';
import { openPipe, type PipeOptions } from '../../transport/pipe.ts';
import { defaultLimits } from '../../transport/port.ts';
import { cbor } from '../../transport/serializers/cbor.ts';
import { fileExtension } from '../file.ts';

/** A worker trusts its manager: what checks messages takes longer to load than all of this. */
const trusting = { safeParse: (data: unknown) => ({ success: true, data }) } as unknown as PipeOptions<ToWorker>['schema'];

const readable = new Socket({ fd: descriptors.orders, readable: true, writable: false });
const writable = new Socket({ fd: descriptors.answers, readable: false, writable: true });

openWorker({
  serializer: cbor({ extensions: [fileExtension] }),
  openPipe: (handlers) => openPipe({ readable, writable }, { schema: trusting, limits: defaultLimits, handlers }),
  outcomeBytes: defaultLimits.frameBytes - 1024 ** 2,
});
