/** What a host is told of one piece of its work: plain data. */
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
