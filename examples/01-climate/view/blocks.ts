/** What is seen of the blocks: asked for, ready, given back, each with a line. */
import type { Troupe } from 'troupe';

export interface SeenBlock {
  readonly blockId: string;
  readonly requestedMs: number;
  state: 'asked for' | 'ready' | 'given back' | 'ended';
}

export interface SeenBlocks {
  /** A live list, in the order in which they were asked for. */
  readonly blocks: readonly SeenBlock[];
  /** Resolves when no more than so many are left. */
  shrunk(to: number): Promise<void>;
}

/** @param tell - Gets a line about each change. */
export function recordBlocks(troupe: Troupe, tell: (line: string) => void): SeenBlocks {
  const blocks = new Map<string, SeenBlock>();
  const list: SeenBlock[] = [];
  let waiting: (() => void)[] = [];
  const live = () => list.filter(({ state }) => state !== 'ended').length;

  function see({ blockId, atMs }: { readonly blockId: string; readonly atMs: number }): SeenBlock {
    let block = blocks.get(blockId);
    if (block === undefined) {
      block = { blockId, requestedMs: atMs, state: 'asked for' };
      blocks.set(blockId, block);
      list.push(block);
      tell(`block ${blockId} asked for`);
    }
    return block;
  }

  troupe.on('block.submitting', see);
  troupe.on('block.ready', (event) => {
    const block = see(event);
    block.state = 'ready';
    tell(`block ${block.blockId} ready after ${((event.atMs - block.requestedMs) / 1000).toFixed(1)} s`);
  });
  troupe.on('block.draining', (event) => {
    see(event).state = 'given back';
  });
  troupe.on('block.ended', (event) => {
    const block = see(event);
    const words = event.end === 'scaledIn' ? 'given back' : `ended: ${event.end ?? 'unknown'}`;
    block.state = 'ended';
    tell(`block ${block.blockId} ${words}; ${live()} left`);
    for (const check of waiting.splice(0)) check();
  });

  return {
    blocks: list,
    shrunk: (to) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (live() <= to) resolve();
          else waiting = [...waiting, check];
        };
        check();
      }),
  };
}
