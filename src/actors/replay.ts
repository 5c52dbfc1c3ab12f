/**
 * Runs a recorded run again, without its effects: makes the machines of its actors, gives each the events it got, in
 * their order, and compares the states they reach with those of the log. What policies answered is in the events.
 */
import { createActor, type AnyStateMachine } from 'xstate';

import { EventLogError } from '../machines/model/errors.ts';
import { blockMachine } from '../machines/block.ts';
import { dataflowMachine } from '../machines/dataflow.ts';
import { executorMachine } from '../machines/executor.ts';
import { interchangeMachine } from '../machines/interchange.ts';
import { managerMachine } from '../machines/manager.ts';
import { provided, type Pluggable } from '../machines/policies/provided.ts';
import { providerMachine } from '../machines/provider.ts';
import { scalingMachine } from '../machines/scaling.ts';
import { taskMachine, taskPluggable } from '../machines/task.ts';
import { troupeMachine } from '../machines/troupe.ts';
import type { ClosedRecord, DeadLetterRecord, LogRecord, SpawnedRecord, StepRecord } from './log-records.ts';
import type { LogSource } from './read-log.ts';

export interface ReplayOptions {
  /** Machines with replaced members, as the run had them, by id: `{ task: taskMachine.provide(…) }`. */
  readonly machines?: Readonly<Record<string, AnyStateMachine>>;
}

/** The log says that an actor was in one state, and its machine was in another. */
export interface Divergence {
  readonly seq: number;
  readonly actor: string;
  readonly event: { readonly type: string };
  /** Whether they differ before the event or after it. */
  readonly where: 'from' | 'to';
  /** As the log says; `ended` for an actor that had. */
  readonly expected: string;
  /** As the replay found. */
  readonly got: string;
}

/** A recorded step, taken again. */
export interface ReplayedStep extends StepRecord {
  readonly machine: string;
  /** The state that the machine has reached: `to`, unless there is a divergence. */
  readonly state: string;
  readonly context: object;
  readonly divergence?: Divergence;
}

export interface ReplayReport {
  readonly steps: number;
  readonly actors: number;
  /** False when the log has no last record: the run was killed, or goes on. */
  readonly isComplete: boolean;
  /** How many there were, and the first 100. One may well cause the next. */
  readonly diverged: number;
  readonly divergences: readonly Divergence[];
}

/** What runs, as it is published. */
const published: Readonly<Record<string, { readonly machine: AnyStateMachine; readonly pluggable: Pluggable }>> = {
  task: { machine: taskMachine, pluggable: taskPluggable },
  dataflow: { machine: dataflowMachine, pluggable: {} },
  executor: { machine: executorMachine, pluggable: {} },
  troupe: { machine: troupeMachine, pluggable: {} },
  block: { machine: blockMachine, pluggable: {} },
  scaling: { machine: scalingMachine, pluggable: {} },
  provider: { machine: providerMachine, pluggable: {} },
  interchange: { machine: interchangeMachine, pluggable: {} },
  manager: { machine: managerMachine, pluggable: {} },
};
const KEPT_DIVERGENCES = 100;

/**
 * Takes each recorded step again.
 *
 * @param source - A whole log of level `full`.
 * @returns What was replayed, when the loop has run to its end.
 * @throws EventLogError when the log is of level `summary`, or records are missing in it.
 * @throws ConfigError for a machine that a troupe would not take.
 * @example
 * for await (const step of replay(readLog('runs'))) console.log(step.seq, step.actor, step.state);
 */
export async function* replay(source: LogSource, options: ReplayOptions = {}): AsyncGenerator<ReplayedStep, ReplayReport, undefined> {
  const stage = replayStage(options);
  for await (const record of source) {
    const step = stage.take(record);
    if (step !== undefined) yield step;
  }
  return stage.report();
}

/** Replays all of a log. */
export async function checkReplay(source: LogSource, options: ReplayOptions = {}): Promise<ReplayReport> {
  const stage = replayStage(options);
  for await (const record of source) stage.take(record);
  return stage.report();
}

interface Stage {
  take(record: LogRecord): ReplayedStep | undefined;
  report(): ReplayReport;
}

/** The actors of a replay. */
function replayStage({ machines = {} }: ReplayOptions): Stage {
  const live = new Map<string, Played>();
  const logic = logicOf(machines);
  let path: string | undefined;
  let seq = 0;
  let actors = 0;
  let steps = 0;
  let isComplete = false;
  let diverged = 0;
  const divergences: Divergence[] = [];

  const refuse = (why: string): EventLogError =>
    new EventLogError(`the log ${path === undefined ? '' : `of run ${path} `}cannot be replayed: ${why}`, { path: path ?? '' });

  function next(record: StepRecord | DeadLetterRecord): void {
    if (record.seq !== seq + 1) throw refuse(`step ${record.seq} follows ${seq}, so records are missing or out of order`);
    seq = record.seq;
  }

  function spawn({ actor: id, machine, input }: SpawnedRecord): void {
    if (live.has(id)) throw refuse(`actor ${id} is made a second time, so records are missing`);
    const found = logic(machine);
    if (found === undefined) throw refuse(`machine ${machine} of actor ${id} is not known; give it in machines`);
    actors++;
    live.set(id, play(machine, found, input));
  }

  function take(record: StepRecord): ReplayedStep {
    next(record);
    const { actor: id, event, from, to, failed } = record;
    const played = live.get(id);
    if (played === undefined)
      throw refuse(`step ${seq} is of actor ${id}, of which the record that it was made is missing, or that has ended`);
    steps++;
    const before = played.state();
    played.send(event);
    // a failed step says little: what its effects would have thrown at is not there
    const state = failed === true ? to : played.state();
    if (failed === true || played.hasEnded()) live.delete(id);
    const wrong: readonly [Divergence['where'], string, string] | undefined =
      before !== from ? ['from', from, before] : state !== to ? ['to', to, state] : undefined;
    const divergence = wrong && note({ seq, actor: id, event, where: wrong[0], expected: wrong[1], got: wrong[2] });
    return {
      ...record,
      machine: played.machine,
      state,
      context: played.context(),
      ...(divergence === undefined ? undefined : { divergence }),
    };
  }

  function note(divergence: Divergence): Divergence {
    if (diverged++ < KEPT_DIVERGENCES) divergences.push(divergence);
    return divergence;
  }

  function deadLetter(record: DeadLetterRecord): void {
    next(record);
    const played = live.get(record.actor);
    if (played !== undefined)
      note({ seq, actor: record.actor, event: record.event, where: 'from', expected: 'ended', got: played.state() });
  }

  function close({ lastSeq, actors: made }: ClosedRecord): void {
    if (lastSeq !== seq) throw refuse(`its last step is ${lastSeq}, and ${seq} was the last one found`);
    if (made !== actors) throw refuse(`it made ${made} actors, and ${actors} were found`);
    isComplete = true;
  }

  return {
    take(record) {
      if (path === undefined && record.type !== 'log.opened')
        throw refuse('its first record is not log.opened; give all records, from the first on');
      switch (record.type) {
        case 'log.opened':
          path = record.run.runId;
          if (record.run.level !== 'full')
            throw refuse(`it is of level ${record.run.level}, without the steps; start the troupe with log: 'full'`);
          return undefined;
        case 'log.gap':
          if (record.steps > 0) throw refuse(`after step ${seq} it lacks ${record.steps} records of steps (${record.why})`);
          return undefined;
        case 'actor.spawned':
          spawn(record);
          return undefined;
        case 'actor.stopped':
          live.delete(record.actor);
          return undefined;
        case 'step':
          return take(record);
        case 'actor.deadLetter':
          deadLetter(record);
          return undefined;
        case 'log.closed':
          close(record);
          return undefined;
        case 'task.settled':
        case 'fact':
          return undefined;
      }
    },
    report: () => ({ steps, actors, isComplete, diverged, divergences }),
  };
}

/** One actor, on its own: nobody is told of its end, and nothing it would do is done. */
interface Played {
  readonly machine: string;
  send(event: { readonly type: string }): void;
  state(): string;
  context(): object;
  hasEnded(): boolean;
}

function play(machine: string, logic: AnyStateMachine, input: unknown): Played {
  const actor = createActor(logic, { input } as never);
  actor.subscribe({ error: () => {} });
  actor.start();
  return {
    machine,
    send: (event) => actor.send(event),
    state: () => String(actor.getSnapshot().value),
    context: () => actor.getSnapshot().context as object,
    hasEnded: () => actor.getSnapshot().status !== 'active',
  };
}

/** As a troupe does it: replaced members behind the firewall, which counts their faults over all actors. */
function logicOf(machines: Readonly<Record<string, AnyStateMachine>>): (id: string) => AnyStateMachine | undefined {
  const made = new Map<string, AnyStateMachine | undefined>();
  const nobody = { onFault: () => {}, onSlow: () => {}, nowMs: () => 0 };
  return (id) => {
    if (!made.has(id)) {
      const given = machines[id];
      const known = published[id];
      made.set(
        id,
        known === undefined || given === undefined ? (given ?? known?.machine) : provided(known.machine, given, known.pluggable, nobody),
      );
    }
    return made.get(id);
  };
}
