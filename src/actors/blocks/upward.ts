/**
 * What a manager says of its leases, carried out: each message of the protocol that goes up, and what becomes of a try
 * whose worker or node is gone. A lease that is not (or no longer) the manager's is late: recorded, and dropped.
 */
import type { BlockEnd } from '../../machines/model/blocks.ts';
import { NodeLostError, WorkerLostError } from '../../machines/model/errors.ts';
import type { FailureKind } from '../../machines/model/failures.ts';
import type { Place } from '../../machines/model/story.ts';
import type { Message, MessageOf, Upward } from '../../transport/protocol.ts';
import { inSpace } from '../spawn.ts';
import type { ActorSpace } from '../executors/port.ts';
import type { Item, Leases } from './leases.ts';
import type { Manager } from './managers.ts';
import type { WorkSink } from './work.ts';

export interface UpwardHost {
  readonly space: ActorSpace;
  readonly leases: Leases;
  readonly sink: WorkSink;
  readonly nowMs: () => number;
  readonly jobIdOf: (blockId: string) => string | undefined;
  /** It has ended: nobody has it any more. */
  end(item: Item): void;
  /** It has not started, and waits again. */
  giveBack(item: Item): void;
  /** The workers of a manager do not come up. */
  broken(manager: Manager, why: string): void;
  /** A worker has it. */
  started(item: Item): void;
  note(type: string, data: Readonly<Record<string, unknown>>): void;
}

/** Why a manager is gone, and how its block has ended. */
export interface Loss {
  readonly why: string;
  readonly end: BlockEnd | undefined;
}

export interface UpwardReports {
  hear(manager: Manager, message: Message): void;
  /** What ran on a manager that is gone. */
  lose(item: Item, manager: Manager, loss: Loss): void;
  placeOf(manager: Manager): Omit<Place, 'worker'>;
}

export function upwardReports(host: UpwardHost): UpwardReports {
  const { leases: granted, sink, end, giveBack, note } = host;
  const { system } = inSpace(host.space);

  const handlers: { readonly [T in Upward['t']]?: (manager: Manager, message: MessageOf<T>) => void } = {
    ended(manager, { leases: numbers, outcomes, workers }) {
      for (const [i, number] of numbers.entries()) {
        const item = granted.of(manager.holder, number);
        if (item === undefined) late(manager, number, 'ended');
        else {
          const outcome = outcomes[i] ?? nothing; // which is no outcome, and fails the try
          const place = placeAt(manager, workers[i] ?? item.worker ?? '');
          end(item);
          sink.ended(item.work, outcome, place);
        }
      }
    },
    started(manager, { leases: numbers, workers }) {
      for (const [i, number] of numbers.entries()) {
        const item = granted.of(manager.holder, number);
        if (item === undefined || item.worker !== undefined) continue; // what ended meanwhile has been said
        item.worker = workers[i] ?? '';
        host.started(item);
        sink.started(item.work, placeAt(manager, item.worker));
      }
    },
    lost(manager, { lease, kind, message, worker, exitCode, signal, stderr }) {
      const item = granted.of(manager.holder, lease);
      if (item === undefined) return late(manager, lease, 'lost');
      const { work } = item;
      const place = placeAt(manager, worker);
      end(item);
      note('worker.lost', { taskId: work.taskId, tryIndex: work.tryIndex, ...place, message, exitCode, signal });
      const text = `the worker (process ${worker} on ${manager.host}, block ${manager.blockId}) that ran ${work.name} (${work.taskId}) has ended: ${message}${wrote(stderr)}`;
      const { taskId, tryIndex } = work;
      const why = kind === 'workerLost' && isOver(manager) ? 'walltime' : kind;
      sink.failed(work, why, new WorkerLostError(text, { taskId, tryIndex, hostname: manager.host, blockId: manager.blockId }), place);
    },
    returned(manager, { leases: numbers }) {
      for (const number of numbers) {
        const item = granted.of(manager.holder, number);
        if (item !== undefined) giveBack(item);
      }
    },
    progress(manager, { lease, value }) {
      const item = granted.of(manager.holder, lease);
      if (item !== undefined) sink.progress(item.work, value);
    },
    output(manager, { lease, stream, text }) {
      const item = granted.of(manager.holder, lease);
      if (item !== undefined) sink.output(item.work, stream, text);
    },
    credit(manager, { credit, workers }) {
      manager.credit = credit;
      manager.workers = workers;
    },
    draining: (manager, { why }) => system.post(manager.actor, { type: 'manager.drain', why, isOwn: true }),
    leaving(manager, { why, isBroken, stderr }) {
      note('manager.leaving', { managerId: manager.managerId, blockId: manager.blockId, why, isBroken, stderr });
      if (isBroken) host.broken(manager, `its workers do not come up: ${why}${wrote(stderr)}`);
      system.post(manager.actor, { type: 'manager.left', why });
    },
    note: (manager, { type, data }) => note(type, { managerId: manager.managerId, blockId: manager.blockId, ...data }),
  };

  /** Of a try that is somebody else's by now, or has ended: recorded, and dropped. */
  const late = ({ managerId, blockId }: Manager, lease: number, report: string): void =>
    note('lease.late', { managerId, blockId, lease, report });

  function lose(item: Item, manager: Manager, { why, end: blockEnd }: Loss): void {
    const { work } = item;
    const { taskId, tryIndex, name } = work;
    const place = placeAt(manager, item.worker ?? '');
    const isToStop = item.stop !== undefined;
    end(item);
    if (isToStop) {
      sink.stopped(work);
      return;
    }
    const message = `the node that ran ${name} (${taskId}) is gone: manager ${manager.managerId} on ${manager.host}, block ${manager.blockId}: ${why}`;
    const error = new NodeLostError(message, { taskId, tryIndex, hostname: manager.host, blockId: manager.blockId, end: blockEnd });
    sink.failed(work, (blockEnd && kindOfEnd[blockEnd]) ?? (isOver(manager) ? 'walltime' : 'nodeLost'), error, place);
  }

  const places = new WeakMap<Manager, Map<string, Place>>();
  function placeAt(manager: Manager, worker: string): Place {
    let known = places.get(manager);
    if (known === undefined) places.set(manager, (known = new Map<string, Place>()));
    let place = known.get(worker);
    if (place === undefined) {
      if (known.size >= MOST_PLACES) known.clear();
      known.set(worker, (place = Object.freeze({ ...placeOf(manager), worker })));
    }
    return place;
  }
  /** At its walltime a job is killed piece by piece, and which piece is heard of first is chance. */
  const isOver = ({ deadlineMs }: Manager): boolean => deadlineMs !== undefined && host.nowMs() >= deadlineMs - OVER_MS;

  function placeOf({ host: name, blockId }: Manager): Omit<Place, 'worker'> {
    const jobId = host.jobIdOf(blockId);
    return { host: name, blockId, ...(jobId === undefined ? undefined : { jobId }) };
  }

  return {
    hear: (manager, message) =>
      (handlers[message.t as Upward['t']] as ((manager: Manager, message: Message) => void) | undefined)?.(manager, message),
    lose,
    placeOf,
  };
}

const nothing = new Uint8Array();
const MOST_PLACES = 1000;
/** Characters of a worker's last words in an error. */
const MAX_TAIL = 2000;
/** A manager counts its walltime from its own start, a little after that of its job. */
const OVER_MS = 2000;
const wrote = (stderr = ''): string => (stderr.trim() === '' ? '' : `; it wrote: ${stderr.trim().slice(-MAX_TAIL)}`);

/** What the end of a block is to the tries that ran in it; anything else has lost a node. */
const kindOfEnd: { readonly [E in BlockEnd]?: FailureKind } = { timeout: 'walltime', preempted: 'preempted', outOfMemory: 'oom' };
