/** Searches for jobs by name: those of one turn go out together, and each is answered with its own names. */
import type { Requests } from './requests.ts';
import { guarded, take } from './set-parts.ts';

/** What a search by name has found: a name that is absent has no job, for sure. */
export type Found =
  | { readonly type: 'found'; readonly jobs: Readonly<Record<string, string>> }
  | { readonly type: 'failed'; readonly message: string };

interface Search {
  readonly names: readonly string[];
  readonly done: (found: Found) => void;
}

export interface Finds {
  find(search: Search): void;
  flush(): void;
}

/** @param batch - Names in one request, at most. */
export function finds(ask: Requests['send'], batch: number): Finds {
  let searches: Search[] = [];

  function answer({ names, done }: Search, found: ReadonlyMap<string, string>, failed: ReadonlyMap<string, string>): void {
    const message = names.map((name) => failed.get(name)).find((each) => each !== undefined);
    const jobs = Object.fromEntries([...found].filter(([name]) => names.includes(name)));
    guarded(() => done(message === undefined ? { type: 'found', jobs } : { type: 'failed', message }));
  }

  return {
    find(search) {
      searches.push(search);
    },
    flush() {
      const waiting = searches;
      searches = [];
      const names = new Set(waiting.flatMap((each) => each.names));
      const found = new Map<string, string>();
      const failed = new Map<string, string>();
      let left = names.size;
      if (left === 0) for (const search of waiting) answer(search, found, failed);
      while (names.size > 0) {
        const some = take(names, batch);
        ask('jobs.find', { names: some }, (said) => {
          for (const name of some) {
            if (said.type === 'jobs.failed') failed.set(name, said.message);
            else if (Object.hasOwn(said.jobs, name)) found.set(name, said.jobs[name] as string);
          }
          left -= some.length;
          if (left === 0) for (const search of waiting) answer(search, found, failed);
        });
      }
    },
  };
}
