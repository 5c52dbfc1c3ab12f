/** One piece of work of a host without a task graph, as the host holds it, and what it is told of it. */
import type { Place } from './story.ts';
import type { WorkFailure } from './work-errors.ts';

/** Where work is, and since when. The last one is `done`, `failed` or `cancelled`. */
export interface WorkEvent extends Partial<Place> {
  /** `sent`: a manager has it. Again when that one gave it back. A result may come without `running`. */
  readonly type: 'queued' | 'sent' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly atMs: number;
  /** Of `failed` and `cancelled`. */
  readonly failure?: WorkFailure;
}

/** One piece of work, as its host holds it. */
export interface BlockWork {
  /** Unique within the service. */
  readonly id: string;
  readonly correlationId: string | undefined;
  /** What the entry returned. Rejects with a `WorkError`, which raises nothing when nobody waits for it. */
  readonly promise: Promise<Uint8Array>;
  /** From `queued` to its end, from the start for each who reads; at most the last 64. */
  readonly events: AsyncIterable<WorkEvent>;
}
