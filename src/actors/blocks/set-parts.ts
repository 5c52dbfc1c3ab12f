/** Small things that the actors of a set of blocks share. */
import { createHash } from 'node:crypto';

import type { ActorSystem } from '../spawn.ts';

/** Runs what is the host's from within an effect: a throw there would end our actor, and harm what it owes to others. */
export function guarded(run: () => void, otherwise?: (error: unknown) => void): void {
  try {
    run();
  } catch (error) {
    otherwise?.(error);
  }
}

/** An id for an actor: what is opened anew may find its predecessor still closing. */
export function freeId(system: ActorSystem, id: string): string {
  let free = id;
  for (let again = 2; system.live.has(free); again++) free = `${id}#${again}`;
  return free;
}

const MAX_NAME = 60;

/** The name of a block's job: unique over all runs, in the letters that batch systems take. */
export function jobName(runId: string, label: string, blockId: string): string {
  const wanted = `${runId}-${label}`;
  const clean = wanted.replaceAll(/[^A-Za-z0-9_.-]/g, '_');
  const room = MAX_NAME - 'troupe--'.length - blockId.length;
  if (clean === wanted && clean.length <= room) return `troupe-${clean}-${blockId}`;
  // two labels must not become one
  const hash = createHash('sha256').update(wanted).digest('hex').slice(0, 10);
  return `troupe-${clean.slice(0, room - hash.length - 1)}-${hash}-${blockId}`;
}

/** Takes up to `most` items out of a set, oldest first. */
export function take(from: Set<string>, most: number): readonly string[] {
  const some = [...from].slice(0, Math.max(1, most));
  for (const item of some) from.delete(item);
  return some;
}
