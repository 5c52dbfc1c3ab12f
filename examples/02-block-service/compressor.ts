/**
 * The host's own rules around a service of blocks: what a request becomes, and what is tried again. troupe runs each
 * piece of work once and says whose failure it was; a server that answers people decides for itself how often to try.
 */
import { blocks, type BlocksOptions, type BlockService, type BlockServiceSettings, type WorkEvent } from 'troupe/executors';
import { WorkError } from 'troupe';

/** Tries that a worker or a node that is lost may cost a request. */
const TRIES = 3;
const worker = { module: new URL('./entry.ts', import.meta.url) };

export interface Compressed {
  readonly bytes: Uint8Array;
  readonly tries: number;
  /** Where it ran. */
  readonly place: Pick<WorkEvent, 'host' | 'blockId' | 'worker'>;
}

export interface Compressor {
  readonly service: BlockService;
  /** @throws WorkError */
  compress(
    bytes: Uint8Array,
    request: { readonly id: string; readonly priority: number; readonly signal: AbortSignal },
  ): Promise<Compressed>;
}

export async function startCompressor(options: BlocksOptions, settings: BlockServiceSettings = {}): Promise<Compressor> {
  const service = await blocks({ label: 'compressor', ...options }).start(settings);
  return {
    service,
    async compress(bytes, { id, priority, signal }) {
      for (let tries = 1; ; tries++) {
        const work = service.submit(bytes, { worker, priority, signal, correlationId: id });
        try {
          const result = await work.promise;
          const { host, blockId, worker: process } = await last(work.events);
          return {
            bytes: result,
            tries,
            place: { ...(host && { host }), ...(blockId && { blockId }), ...(process && { worker: process }) },
          };
        } catch (error) {
          if (!(error instanceof WorkError) || error.failure.budget !== 'infrastructure' || tries === TRIES) throw error;
        }
      }
    },
  };
}

async function last(events: AsyncIterable<WorkEvent>): Promise<Partial<WorkEvent>> {
  let event: Partial<WorkEvent> = {};
  for await (const each of events) event = each;
  return event;
}
