/** What the interchange passes on, and whom it tells: the same for tries of a troupe and for work of a host of its own. */
import type { Resources } from '../../machines/model/resources.ts';
import type { Place } from '../../machines/model/story.ts';
import type { FailureKind } from '../../machines/model/failures.ts';

/** One piece of work that wants a worker. */
export interface Work {
  /** `taskId/tryIndex`: unique among what has not ended. */
  readonly key: string;
  readonly taskId: string;
  readonly tryIndex: number;
  /** Shown, and given to policies. */
  readonly name: string;
  readonly priority: number;
  readonly resources: Resources;
  /** What takes it must live so long. */
  readonly timeRequestMs: number | undefined;
  /** What the worker gets: see `actors/work.ts`. Called once a grant. */
  encode(): Uint8Array;
}

/** Told what happens to each piece of work; exactly one of `ended`, `failed`, `stopped` comes last. */
export interface WorkSink {
  /** It has a manager, in which it may still wait. */
  sent(work: Work, place: Omit<Place, 'worker'>): void;
  started(work: Work, place: Place): void;
  /** `outcome`: see `actors/work.ts`; from another process, and not looked at yet. */
  ended(work: Work, outcome: Uint8Array, place: Place): void;
  failed(work: Work, kind: FailureKind, error: Error, place: Place | undefined): void;
  stopped(work: Work): void;
  progress(work: Work, value: Uint8Array): void;
  output(work: Work, stream: 'stdout' | 'stderr', text: string): void;
}
