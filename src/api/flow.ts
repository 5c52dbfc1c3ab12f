/** Many futures as one sequence: in the order of their inputs with back-pressure, or in the order they settle. */
import { ConfigError } from '../machines/model/errors.ts';
import type { Future } from './future.ts';

export interface StreamOptions {
  /** Tasks in flight at most. @defaultValue 64 */
  readonly window?: number;
}

/**
 * @param run - Makes the task of an item.
 * @throws ConfigError for a window or items that cannot be.
 */
export function stream<T, R>(
  run: (item: T) => Future<R>,
  items: Iterable<T> | AsyncIterable<T>,
  { window = 64 }: StreamOptions,
): AsyncGenerator<R, void, undefined> {
  if (!Number.isSafeInteger(window) || window < 1)
    throw new ConfigError(`stream: window must be a whole number from 1 (it is ${String(window)})`, { field: 'window', value: window });
  const source = sourceOf(items);
  if (source === undefined) throw new ConfigError('stream: items must be iterable, or async iterable', { field: 'items', value: items });
  return results(run, source, window);
}

/** What gives items: at once, or some time. */
type Source<T> = { readonly isAsync: false; open(): Iterator<T> } | { readonly isAsync: true; open(): AsyncIterator<T> };

/** A sync source is read as it is: `for await` would await its futures, which are for the tasks to wait for. */
function sourceOf<T>(items: Iterable<T> | AsyncIterable<T>): Source<T> | undefined {
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = Object(items) as Partial<AsyncIterable<T> & Iterable<T>>;
  if (typeof later === 'function') return { isAsync: true, open: () => later.call(items) };
  return typeof now === 'function' ? { isAsync: false, open: () => now.call(items) } : undefined;
}

async function* results<T, R>(
  run: (item: T) => Future<R>,
  { isAsync, open }: Source<T>,
  window: number,
): AsyncGenerator<R, void, undefined> {
  const source = open();
  const inFlight: Future<R>[] = [];
  /** The next item, on its way: a slow source must not hold back results that are there. */
  let arriving: Promise<IteratorResult<T>> | undefined;
  let arrived: IteratorResult<T> | undefined;
  let isOver = false; // the source has ended or failed: it is not told to return
  try {
    for (;;) {
      if (!isOver && arriving === undefined && inFlight.length < window) {
        isOver = true; // unless it says otherwise
        const next = source.next();
        isOver = false;
        if (isAsync) arriving = arrival(next as Promise<IteratorResult<T>>);
        else arrived = next as IteratorResult<T>;
      }
      const [head] = inFlight;
      if (arrived === undefined && arriving !== undefined)
        await (head === undefined ? arriving : Promise.race([arriving, head.then(nothing, nothing)]));
      if (arrived !== undefined) {
        const { done, value } = arrived;
        arriving = undefined;
        arrived = undefined;
        if (done === true) isOver = true;
        else inFlight.push(run(value));
      } else if (head !== undefined) {
        inFlight.shift();
        yield head.then();
      } else {
        return;
      }
    }
  } finally {
    for (const future of inFlight) {
      future.cancel('the stream was left');
      future.catch(nothing); // nobody will read it any more
    }
    // a source that is still asked for an item may never answer
    if (!isOver) await (arriving === undefined ? source.return?.() : void Promise.resolve(source.return?.()).catch(nothing));
  }

  function arrival(next: Promise<IteratorResult<T>>): Promise<IteratorResult<T>> {
    const arrives = Promise.resolve(next).then(
      (result) => (arrived = result),
      (error: unknown) => {
        isOver = true;
        throw error;
      },
    );
    arrives.catch(nothing); // it may fail while nobody is waiting for it
    return arrives;
  }
}

const nothing = (): void => {};

/** How one of several futures has settled. The future comes beside it: an async loop would await a bare one. */
export type Completed<T> = PromiseSettledResult<T> & { readonly future: Future<T> };

export async function* completed<T>(futures: Iterable<Future<T>>): AsyncGenerator<Completed<T>, void, undefined> {
  const ready: Completed<T>[] = []; // read by an index, not shifted: 100,000 may be ready at once
  let taken = 0;
  let wake = (): void => {};
  let count = 0;
  for (const future of futures) {
    count++;
    const settle = (result: PromiseSettledResult<T>): void => {
      ready.push({ ...result, future });
      wake();
    };
    future.then(
      (value) => settle({ status: 'fulfilled', value }),
      (reason: unknown) => settle({ status: 'rejected', reason }),
    );
  }
  while (taken < count) {
    if (ready.length === taken) await new Promise<void>((resolve) => (wake = resolve));
    yield ready[taken++] as Completed<T>;
  }
}
