/** Many futures as one sequence: in the order of their inputs with back-pressure, or in the order they settle. */
import type { Future } from './future.ts';

export interface StreamOptions {
  /** Tasks in flight at most. @defaultValue 64 */
  readonly window?: number;
}

/** @param run - Makes the task of an item. */
export async function* stream<T, R>(run: (item: T) => Future<R>, items: Iterable<T> | AsyncIterable<T>, { window = 64 }: StreamOptions): AsyncGenerator<R, void, undefined> {
  const inFlight: Future<R>[] = [];
  try {
    for await (const item of items) {
      inFlight.push(run(item));
      if (inFlight.length >= window) yield next();
    }
    while (inFlight.length > 0) yield next();
  } finally {
    for (const future of inFlight) {
      future.cancel('the stream was left');
      future.catch(() => {}); // nobody will read it any more
    }
  }

  function next(): Promise<R> {
    return (inFlight.shift() as Future<R>).then();
  }
}

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
