/** The error of work that was given to a service of blocks. */
import type { Budget, Failure } from './failures.ts';
import { causeOf, TroupeError, type WithCause } from './general-errors.ts';
import type { Place } from './story.ts';

/** Why work ended without a result, and whose business it is: what a host decides by. */
export interface WorkFailure extends Failure {
  /** What the kind is spent from: `user` for the work's own failures, `infrastructure` for what is worth trying again, `never`. */
  readonly budget: Budget;
}

/** Work ended without a result; `cause` is the error that its entry has thrown, or of what it ran on. */
export class WorkError extends TroupeError {
  override readonly name = 'WorkError';
  readonly code = 'ERR_WORK';
  readonly workId: string;
  /** As it was given to `submit`. */
  readonly correlationId: string | undefined;
  readonly failure: WorkFailure;
  /** Where it ran, as far as that is known. */
  readonly place: Partial<Place>;
  constructor(
    message: string,
    details: {
      readonly workId: string;
      readonly correlationId?: string | undefined;
      readonly failure: WorkFailure;
      readonly place: Partial<Place>;
    } & WithCause,
  ) {
    super(message, causeOf(details));
    this.workId = details.workId;
    this.correlationId = details.correlationId;
    this.failure = details.failure;
    this.place = details.place;
  }
}
