/** The commands of a pool: more blocks, fewer, none for now. */
import type { BlockControl } from '../../machines/model/block-control.ts';
import { ConfigError } from '../../machines/model/errors.ts';
import type { BlockSet } from './block-set.ts';
import type { Manager, Managers } from './managers.ts';

export type { BlockControl };

/** What gets nothing for now, managers that are still to come included. */
export interface Held {
  all: boolean;
  readonly blocks: Set<string>;
}

export interface ControlHost {
  /** `undefined` until the pool has started. */
  readonly blocks: () => BlockSet | undefined;
  readonly crew: Managers;
  readonly held: Held;
  recovered(): void;
}

export function blockControl({ blocks, crew, held, recovered }: ControlHost): BlockControl {
  const manager = (id: string): Manager => {
    const found = crew.live.get(id);
    if (found === undefined)
      throw new ConfigError(`there is no block or manager '${id}'; snapshot() names those there are`, { field: 'id', value: id });
    return found;
  };
  const isBlock = (id: string): boolean =>
    blocks()
      ?.views()
      .some(({ blockId, state }) => blockId === id && state !== 'ended') ?? false;
  const named = (id: string): readonly Manager[] => (isBlock(id) ? crew.ofBlock(id) : [manager(id)]);

  return {
    scaleOut: (count = 1) => blocks()?.scaleOut(count) ?? [],
    scaleIn: (what = 1) => blocks()?.scaleIn(what) ?? [],
    hold(id) {
      if (id === undefined) {
        held.all = true;
        blocks()?.hold();
        for (const one of crew.live.values()) crew.hold(one);
        return;
      }
      for (const one of named(id)) crew.hold(one);
      if (isBlock(id)) held.blocks.add(id); // managers of it that are still to come too
    },
    unhold(id) {
      if (id === undefined) {
        held.all = false;
        held.blocks.clear();
        blocks()?.unhold();
        for (const one of crew.live.values()) crew.unhold(one);
        return;
      }
      held.blocks.delete(id);
      for (const one of named(id)) crew.unhold(one);
    },
    drain(id) {
      if (isBlock(id)) blocks()?.scaleIn([id]);
      else crew.drain(manager(id), 'it was told to drain');
    },
    recover() {
      blocks()?.recover();
      recovered();
    },
  };
}
