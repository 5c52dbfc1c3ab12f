/** Opens an executor the way a troupe does, without one: submits tries and waits for what is reported. */
import { createMachine } from 'xstate';

import { identityOf } from '../../src/actors/definitions.ts';
import type { ExecutorPlugin, Lease, OpenExecutor, Payload, Try, TryReport } from '../../src/actors/executors/port.ts';
import { actorSystem, spaceOf } from '../../src/actors/spawn.ts';
import { systemClock, type Clock } from '../../src/actors/timers.ts';
import { fileExtension } from '../../src/api/file.ts';
import { cbor } from '../../src/transport/serializers/cbor.ts';

export type End = Extract<TryReport, { type: 'try.done' | 'try.failed' | 'try.stopped' }>;
export interface Note {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Bench {
  /** Timers that the executor has set on its clock. */
  readonly timers: ReadonlySet<unknown>;
  readonly executor: OpenExecutor;
  readonly reports: readonly TryReport[];
  readonly notes: readonly Note[];
  /** Submits a try of a task function of the fixture. */
  submit(name: string, args?: readonly unknown[], more?: Partial<Try>): Lease;
  /** The first report of a try that is of a type; waits for it. @throws when the try ends without it */
  until<T extends TryReport['type']>(lease: Lease, type: T): Promise<Extract<TryReport, { type: T }>>;
  /** The end of a try, whatever it is. */
  end(lease: Lease): Promise<End>;
  /** The result of a try. @throws when it has another end */
  result(lease: Lease): Promise<unknown>;
  of(lease: Lease): readonly TryReport[];
  decode(payload: Payload): unknown;
  close(): Promise<void>;
}

export const fixtureUrl = new URL('../fixtures/tasks.mjs', import.meta.url).href;
const shellTasks: readonly string[] = ['say', 'count', 'misparse', 'exitWith', 'sleepLong', 'sleepStubbornly', 'crashWhileCommandRuns'];
const ends: readonly string[] = ['try.done', 'try.failed', 'try.stopped'];

export const isEnd = (report: TryReport): report is Lease & End => ends.includes(report.type);
const isOf = (lease: Lease, report: TryReport): boolean => report.taskId === lease.taskId && report.tryIndex === lease.tryIndex;

/** @param onReport - Called as a report arrives. */
export function bench(plugin: ExecutorPlugin, onReport: (report: TryReport) => void = () => {}): Bench {
  const reports: TryReport[] = [];
  const notes: Note[] = [];
  const serializer = cbor({ extensions: [fileExtension] });
  let waiting: { readonly wants: (report: TryReport) => boolean; readonly resolve: (report: TryReport) => void }[] = [];
  let tasks = 0;

  const timers = new Set<unknown>();
  const clock: Clock = {
    now: () => systemClock.now(),
    setTimeout(fn, timeoutMs) {
      const id = systemClock.setTimeout(() => {
        timers.delete(id);
        fn();
      }, timeoutMs);
      timers.add(id);
      return id;
    },
    clearTimeout(id) {
      timers.delete(id);
      systemClock.clearTimeout(id);
    },
  };

  const quiet = (): void => {};
  const system = actorSystem({
    onStep: quiet,
    onDeadLetter: quiet,
    onError: (id, error) => notes.push({ type: 'actor.failed', data: { id, error } }),
  });
  const root = system.spawn(createMachine({ id: 'bench' }), { id: 'bench', input: undefined });

  const executor = plugin.open({
    clock,
    serializer,
    note: (type, data) => notes.push({ type, data }),
    degraded: (message) => notes.push({ type: 'executor.degraded', data: { message } }),
    restored: () => notes.push({ type: 'executor.restored', data: {} }),
    actors: spaceOf(system, root),
    runId: 'bench',
    runDir: undefined,
    random: Math.random,
    broken: (message) => notes.push({ type: 'executor.broken', data: { message } }),
    report(report) {
      reports.push(report);
      onReport(report);
      const due = waiting.filter(({ wants }) => wants(report));
      waiting = waiting.filter((one) => !due.includes(one));
      for (const { resolve } of due) resolve(report);
    },
  });

  const first = <T extends TryReport>(wants: (report: TryReport) => report is T): Promise<T> => {
    const found = reports.find(wants);
    return found === undefined
      ? new Promise((resolve) => waiting.push({ wants, resolve: resolve as (report: TryReport) => void }))
      : Promise.resolve(found);
  };
  const decode = (payload: Payload): unknown => ('bytes' in payload ? serializer.decode(payload.bytes) : payload.value);
  const end = (lease: Lease): Promise<Lease & End> => first((report): report is Lease & End => isOf(lease, report) && isEnd(report));

  return {
    timers,
    executor,
    reports,
    notes,
    submit(name, args = [], more = {}) {
      const lease = { taskId: more.taskId ?? `t${++tasks}`, tryIndex: more.tryIndex ?? 0 };
      const moduleUrl = more.moduleUrl ?? fixtureUrl;
      executor.submit({
        kind: shellTasks.includes(name) ? 'shell' : 'function',
        name,
        identity: identityOf(moduleUrl, name),
        moduleUrl,
        args: plugin.copies ? { bytes: serializer.encode(args, 'args') } : { values: args },
        priority: 0,
        resources: {},
        timeLimitMs: undefined,
        shell: undefined,
        outputs: [],
        ...more,
        ...lease,
      });
      return lease;
    },
    async until<T extends TryReport['type']>(lease: Lease, type: T) {
      const report = await first((one): one is TryReport => isOf(lease, one) && (one.type === type || isEnd(one)));
      if (report.type === type) return report as Extract<TryReport, { type: T }>;
      throw new Error(`no ${type}: ${lease.taskId} ended with ${report.type}`, {
        cause: report.type === 'try.failed' ? decode(report.error) : undefined,
      });
    },
    end,
    async result(lease) {
      const report = await end(lease);
      if (report.type === 'try.done') return decode(report.result);
      throw report.type === 'try.failed' ? decode(report.error) : new Error('the try was stopped');
    },
    of: (lease) => reports.filter((report) => isOf(lease, report)),
    decode,
    close: () => executor.close(),
  };
}
