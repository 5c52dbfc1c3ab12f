/**
 * Binds the executor machine to one opened plugin. The machine says whether it may be given tries; the plugin runs
 * them and reports to the dataflow.
 */
import type { Actor } from 'xstate';

import type { BlockControl, BlocksView } from '../machines/model/block-control.ts';
import { ExecutorError } from '../machines/model/errors.ts';
import { messageOf } from '../machines/model/failures.ts';
import type { Resources } from '../machines/model/resources.ts';
import type { ExecutorState } from '../machines/model/states.ts';
import { executorMachine, type ExecutorMachine } from '../machines/executor.ts';
import type { ExecutorLoad, ExecutorPlugin, ExecutorPort, Lease, OpenExecutor, Try } from './executors/port.ts';
import { spaceOf, type ActorSystem, type Target } from './spawn.ts';

export interface ExecutorHost extends Omit<ExecutorPort, 'broken' | 'degraded' | 'restored' | 'actors'> {
  readonly system: ActorSystem;
  readonly parent: Target;
  /** The machine has entered a state. */
  onState(label: string, state: ExecutorState, why: string | undefined): void;
  onClosed(label: string): void;
}

/** One executor of a troupe, as the rest of the driver sees it. */
export interface Executor {
  readonly label: string;
  readonly kind: string;
  readonly copies: boolean;
  readonly actor: Actor<ExecutorMachine>;
  readonly state: ExecutorState;
  /** Why it cannot be given a task with these resources, now or ever; `undefined` when it can. */
  refusal(resources: Resources): string | undefined;
  load(): ExecutorLoad;
  submit(attempt: Try): void;
  stop(lease: Lease, reason: unknown, graceMs: number): void;
  why(lease: Lease): string | undefined;
  drain(): void;
  recover(): void;
  /** `undefined` for one that has no blocks, or is not open. */
  readonly blocks: BlocksView | undefined;
}

const offered: readonly ExecutorState[] = ['starting', 'ready', 'degraded'];

export function executor(plugin: ExecutorPlugin, host: ExecutorHost): Executor {
  const { label, kind, copies } = plugin;
  const { system } = host;
  /** Tries that have not ended: failed when the executor turns bad. */
  const leases = new Map<string, Lease>();
  let opened: OpenExecutor | undefined;
  let crew: Target | undefined;
  /** Its plugin is being loaded: what is submitted meanwhile waits here. */
  let isLoading = false;
  const early: Try[] = [];

  const port: ExecutorPort = {
    clock: host.clock,
    serializer: host.serializer,
    broken: (message) => system.post(actor, { type: 'executor.failed', message }),
    degraded: (message) => system.post(actor, { type: 'executor.degraded', message }),
    restored: () => system.post(actor, { type: 'executor.restored' }),
    get actors() {
      // not the executor's own actor: it is about to be made when its plugin is opened
      return spaceOf(system, (crew ??= system.supervisor(`executor/${label}/actors`, host.parent)));
    },
    runId: host.runId,
    runDir: host.runDir,
    random: host.random,
    note: (type, data) => host.note(type, { executor: label, ...data }),
    report(report) {
      if (ends.has(report.type)) leases.delete(keyOf(report));
      host.report(report);
    },
  };

  const state = (): ExecutorState => actor.getSnapshot().value;
  const recover = (): void => system.post(actor, { type: 'executor.recover' });

  function open(): void {
    const failed = opened; // recovering: what was opened before has failed already
    if (failed?.control !== undefined) {
      report(goOn(failed, failed.control));
      return;
    }
    if (failed !== undefined) void attempt('close', () => failed.close(), Promise.resolve()).catch(() => {});
    opened = undefined;
    report(start());
  }

  /** Blocks that are well go on; one that could not even start is opened anew. */
  async function goOn(failed: OpenExecutor, control: BlockControl): Promise<void> {
    try {
      await failed.ready;
    } catch {
      await failed.close();
      return start();
    }
    control.recover();
  }

  function report(ready: Promise<void>): void {
    ready.then(
      () => system.post(actor, { type: 'executor.started' }),
      (error: unknown) => system.post(actor, { type: 'executor.failed', message: messageOf(error) }),
    );
  }

  async function start(): Promise<void> {
    const loading = plugin.load?.();
    if (loading !== undefined) {
      isLoading = true;
      await loading.finally(() => (isLoading = false));
      if (!offered.includes(state())) throw new ExecutorError(`executor ${label} was closed before it was open`, { label });
    }
    opened = plugin.open(port);
    for (const one of early.splice(0)) opened.submit(one);
    await opened.ready;
  }

  /** A plugin that throws where it must not is noted, and harms nobody else. */
  function attempt<T>(what: keyof OpenExecutor, call: () => T, otherwise: T): T {
    try {
      return call();
    } catch (error) {
      port.note('executor.faulted', { what, message: messageOf(error) });
      return otherwise;
    }
  }

  async function close(): Promise<void> {
    for (const { taskId, tryIndex } of early.splice(0)) port.report({ type: 'try.stopped', taskId, tryIndex });
    try {
      await opened?.close();
    } catch (error) {
      port.note('executor.closeFailed', { message: messageOf(error) });
    }
    system.post(actor, { type: 'executor.closed' });
  }

  function failAll(why: string | undefined): void {
    const error = new ExecutorError(`executor ${label} is in its bad state: ${why ?? 'unknown'}`, { label });
    for (const { taskId, tryIndex } of leases.values())
      host.report({ type: 'try.failed', taskId, tryIndex, kind: 'submit', error: { value: error } });
    leases.clear();
    early.length = 0;
  }

  let isThere = false; // the machine asks for `open` as it starts, before there is an actor to be a parent
  const machine = executorMachine.provide({
    actions: {
      open: () => {
        if (isThere) open();
      },
      failAll: ({ context }) => failAll(context.why),
      close: () => void close(),
      announce: ({ context }, { state: to }) => {
        host.onState(label, to, context.why);
        if (to === 'stopped') host.onClosed(label);
      },
    },
  });
  const actor: Actor<ExecutorMachine> = system.spawn(machine, { id: `executor/${label}`, input: { label, kind }, parent: host.parent });
  isThere = true;
  open();

  return {
    label,
    kind,
    copies,
    actor,
    get state() {
      return state();
    },
    refusal(resources) {
      const now = state();
      if (!offered.includes(now)) return `it is ${now}${now === 'bad' ? `: ${actor.getSnapshot().context.why ?? ''}` : ''}`;
      return opened && attempt('misfit', () => opened?.misfit(resources), undefined);
    },
    load: () => attempt('load', () => opened?.load(), undefined) ?? nothing,
    submit(one) {
      const { taskId, tryIndex } = one;
      leases.set(keyOf(one), { taskId, tryIndex });
      try {
        if (isLoading && offered.includes(state())) {
          early.push(one);
          return;
        }
        if (!offered.includes(state()) || opened === undefined)
          throw new ExecutorError(`executor ${label} is ${state()} and takes no tries`, { label });
        opened.submit(one);
      } catch (error) {
        port.report({ type: 'try.failed', taskId, tryIndex, kind: 'submit', error: { value: error } });
      }
    },
    stop(lease, reason, graceMs) {
      const at = early.findIndex((one) => keyOf(one) === keyOf(lease));
      if (at < 0) attempt('stop', () => opened?.stop(lease, reason, graceMs), undefined);
      else {
        early.splice(at, 1);
        port.report({ type: 'try.stopped', taskId: lease.taskId, tryIndex: lease.tryIndex });
      }
    },
    why: (lease) => attempt('why', () => opened?.why(lease), undefined),
    drain: () => system.post(actor, { type: 'executor.drain' }),
    recover,
    get blocks() {
      const { control, pool } = opened ?? {};
      if (control === undefined || pool === undefined) return undefined;
      return {
        ...control,
        recover: () => (state() === 'bad' ? recover() : control.recover()),
        snapshot() {
          const { why } = actor.getSnapshot().context;
          return { ...pool.snapshot(), state: state(), ...(why === undefined ? undefined : { why }) };
        },
      };
    },
  };
}

const nothing: ExecutorLoad = { queued: 0, running: 0, slots: 0 };
const ends: ReadonlySet<string> = new Set(['try.done', 'try.failed', 'try.stopped']);
const keyOf = ({ taskId, tryIndex }: Lease): string => `${taskId}/${tryIndex}`;
