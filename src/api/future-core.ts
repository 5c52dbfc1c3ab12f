/**
 * The state behind a Future: shared by the Future, the resolver and the troupe, seen by no user. Lives as long as
 * somebody holds the Future; holds the task's value once it has settled, and nothing of the graph.
 */
import type { Dataflow } from '../actors/dataflow.ts';
import type { Outcome } from '../actors/records.ts';
import type { TaskState } from '../machines/model/states.ts';
import type { StoryEvent, TaskDigest } from '../machines/model/story.ts';
import type { TaskActor, Waiting } from './views.ts';

/** What a Future asks of its troupe. */
export interface FuturePort {
  readonly dataflow: Dataflow;
  stateOf(taskId: string): TaskState;
  storyOf(taskId: string, state: TaskState): readonly StoryEvent[];
  whyOf(taskId: string, outcome: Outcome | undefined): Waiting;
  actorOf(taskId: string): TaskActor | undefined;
  cancel(taskId: string, reason: unknown): void;
  /** Somebody has asked for the outcome: a failure of it is no longer unread. */
  onRead(taskId: string): void;
}

export class FutureCore {
  readonly taskId: string;
  readonly name: string;
  readonly port: FuturePort;
  outcome: Outcome | undefined;
  digest: TaskDigest | undefined;
  isRead = false;
  #listeners: ((outcome: Outcome) => void)[] | undefined = undefined;

  constructor(taskId: string, name: string, port: FuturePort) {
    this.taskId = taskId;
    this.name = name;
    this.port = port;
  }

  get dataflow(): Dataflow {
    return this.port.dataflow;
  }

  settle(outcome: Outcome, digest: TaskDigest): void {
    if (this.outcome !== undefined) return; // a task settles once, whatever goes wrong behind it
    this.outcome = outcome;
    this.digest = digest;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    if (listeners !== undefined) for (const listener of listeners) listener(outcome);
  }

  /** Calls back at once when it has settled. */
  subscribe(listener: (outcome: Outcome) => void): void {
    if (this.outcome !== undefined) listener(this.outcome);
    else if (this.#listeners === undefined) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }

  markRead(): void {
    if (this.isRead) return;
    this.isRead = true;
    this.port.onRead(this.taskId);
  }
}

/** What a part of a Future (`at(key)`, an output) is of its task's outcome. */
export interface CoreView {
  readonly taskId: string;
  readonly name: string;
  readonly dataflow: Dataflow;
  readonly outcome: Outcome | undefined;
  subscribe(listener: (outcome: Outcome) => void): void;
  markRead(): void;
}
