/** Errors of providers. */
import { causeOf, TroupeError, type WithCause } from './general-errors.ts';

/** A provider did not submit a job, for sure; any other error of a submission leaves open whether there is a job now. */
export class SubmitRefusedError extends TroupeError {
  override readonly name = 'SubmitRefusedError';
  readonly code = 'ERR_SUBMIT_REFUSED';
  constructor(message: string, details?: WithCause) {
    super(message, causeOf(details));
  }
}
