/** One call of a task function on its way through the graph. There is one a live task, so it holds no closures. */
import type { Definition } from '../actors/definitions.ts';
import type { Inputs, Outcome, Submission, TaskSettings } from '../actors/records.ts';
import type { TaskDigest } from '../machines/model/story.ts';
import type { FutureCore } from './future-core.ts';
import type { AbortSignals } from './signals.ts';
import type { UnreadFailures } from './unread.ts';
import { textOf } from './why.ts';

/** What calls need of their troupe. */
export interface CallHost {
  readonly signals: AbortSignals;
  readonly unread: UnreadFailures;
  /** Runs the body of a join in the scope of its task. */
  runBody(parentId: string, signal: AbortSignal, fn: Definition['fn'], values: readonly unknown[]): Promise<Inputs<unknown>>;
}

export class Call implements Submission {
  readonly definition: Definition;
  readonly settings: TaskSettings;
  readonly parentId: string | undefined;
  readonly args: Inputs<readonly unknown[]>;
  readonly #core: FutureCore;
  /** Cancels the task when it aborts. */
  readonly #signal: AbortSignal | undefined;
  readonly #host: CallHost;

  constructor(
    core: FutureCore,
    host: CallHost,
    {
      definition,
      settings,
      parentId,
      args,
      signal,
    }: Omit<Submission, 'taskId' | 'body' | 'settle'> & { readonly signal: AbortSignal | undefined },
  ) {
    this.definition = definition;
    this.settings = settings;
    this.parentId = parentId;
    this.args = args;
    this.#core = core;
    this.#signal = signal;
    this.#host = host;
    if (signal !== undefined) host.signals.add(signal, core.taskId);
  }

  get taskId(): string {
    return this.#core.taskId;
  }

  body(values: readonly unknown[], signal: AbortSignal): Promise<Inputs<unknown>> {
    return this.#host.runBody(this.taskId, signal, this.definition.fn, values);
  }

  settle(outcome: Outcome, digest: TaskDigest): void {
    const core = this.#core;
    if (this.#signal !== undefined) this.#host.signals.delete(this.#signal, core.taskId);
    core.settle(outcome, digest);
    if (outcome.state === 'failed' && !core.isRead)
      this.#host.unread.add(core.taskId, () => `${core.name} (${core.taskId}): ${textOf(outcome.error)}`);
  }
}
