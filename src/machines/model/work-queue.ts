/**
 * What waits for a manager: larger ranks first, first in first out within one. Items of the same shape (what they ask
 * for) share a queue, so that the first of each shape is known at once, and one that does not fit yet hides nobody
 * behind it. A mutable store; owned by the interchange.
 */
import { readyQueue, type ReadyQueue } from './ready-queue.ts';
import { demandOf, type Capacity, type Resources } from './resources.ts';

/** What a try asks of the place that takes it; equal shapes are the same object. */
export interface Shape {
  readonly key: string;
  readonly demand: Capacity;
  /** One core and nothing else: such tries may be sent ahead to a worker that is busy. */
  readonly isUnit: boolean;
  /** Its place must live so long; 0 for any. */
  readonly forMs: number;
}

export interface WorkQueue<T> {
  push(key: string, rank: number, shape: Shape, value: T): void;
  /** The first of each shape, in the order in which they go. */
  heads(): readonly Head<T>[];
  /** Takes out the first of a shape. */
  pop(shape: Shape): T | undefined;
  peek(shape: Shape): Head<T> | undefined;
  remove(key: string): T | undefined;
  /** How many go before it; `undefined` when it is not queued. For explanations. */
  ahead(key: string): number | undefined;
  readonly size: number;
}

export interface Head<T> {
  readonly rank: number;
  /** Order of arrival over all shapes. */
  readonly seq: number;
  readonly shape: Shape;
  readonly value: T;
}

interface Entry<T> extends Head<T> {
  readonly key: string;
}

/** Which goes first: negative for `a`. */
export const byOrder = (a: Head<unknown>, b: Head<unknown>): number => b.rank - a.rank || a.seq - b.seq;

export function workQueue<T>(): WorkQueue<T> {
  const queues = new Map<Shape, ReadyQueue<Entry<T>>>();
  const shapeOf = new Map<string, Shape>();
  let seq = 0;

  function drop(entry: Entry<T> | undefined): T | undefined {
    if (entry === undefined) return undefined;
    shapeOf.delete(entry.key);
    if (queues.get(entry.shape)?.size === 0) queues.delete(entry.shape);
    return entry.value;
  }

  return {
    push(key, rank, shape, value) {
      let queue = queues.get(shape);
      if (queue === undefined) {
        queue = readyQueue();
        queues.set(shape, queue);
      }
      shapeOf.set(key, shape);
      queue.push(key, rank, { key, rank, seq: seq++, shape, value });
    },
    heads() {
      const heads: Entry<T>[] = [];
      for (const queue of queues.values()) {
        const head = queue.peek();
        if (head !== undefined) heads.push(head);
      }
      return heads.length < 2 ? heads : heads.toSorted(byOrder);
    },
    pop: (shape) => drop(queues.get(shape)?.pop()),
    peek: (shape) => queues.get(shape)?.peek(),
    remove(key) {
      const shape = shapeOf.get(key);
      return shape && drop(queues.get(shape)?.remove(key));
    },
    ahead(key) {
      const shape = shapeOf.get(key);
      if (shape === undefined) return undefined;
      const all = [...queues.values()].flatMap((queue) => queue.values()).toSorted(byOrder);
      return all.findIndex((entry) => entry.key === key);
    },
    get size() {
      return shapeOf.size;
    },
  };
}

/** Gives equal shapes the same object. */
export function shapes(): (resources: Resources, forMs: number) => Shape {
  const known = new Map<string, Shape>();
  const unit = shapeFor('', { cores: 1 }, 0);
  return (resources, forMs) => {
    if (forMs === 0 && isPlain(resources)) return unit;
    const demand = demandOf(resources);
    const key = `${demand.cores ?? 0}/${demand.memoryBytes ?? 0}/${demand.gpus ?? 0}/${forMs}`;
    let shape = known.get(key);
    if (shape === undefined) {
      if (known.size >= MOST_SHAPES) known.clear(); // of queued ones each keeps its own
      shape = shapeFor(key, demand, forMs);
      known.set(key, shape);
    }
    return shape;
  };
}

/** A run with more shapes than this gives each try one of its own, for instance by an estimate of its time. */
const MOST_SHAPES = 1000;

const isPlain = ({ cores, memoryBytes, gpus }: Resources): boolean => (cores === undefined || cores === 1) && !memoryBytes && !gpus;

const shapeFor = (key: string, demand: Capacity, forMs: number): Shape =>
  Object.freeze({ key, demand: Object.freeze(demand), isUnit: key === '', forMs });
