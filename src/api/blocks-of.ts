/** `troupe.blocks(label?)`: which executor of a troupe is meant. */
import type { BlocksView } from '../machines/model/block-control.ts';
import { ConfigError } from '../machines/model/errors.ts';

/** As much of an executor as is looked at. */
interface MayHaveBlocks {
  readonly label: string;
  readonly blocks: BlocksView | undefined;
}

/** @throws ConfigError naming the labels that there are: for a label without blocks, for none when it is not clear. */
export function blocksOf(executors: ReadonlyMap<string, MayHaveBlocks>, label: string | undefined): BlocksView {
  const able = [...executors.values()].flatMap((executor) =>
    executor.blocks === undefined ? [] : [{ label: executor.label, blocks: executor.blocks }],
  );
  const found = label === undefined ? able : able.filter((each) => each.label === label);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.blocks;
  const have = able.length === 0 ? 'no executor has any' : `these have: ${able.map((each) => `'${each.label}'`).join(', ')}`;
  const what =
    label === undefined
      ? able.length === 0
        ? 'there are none'
        : 'say of which executor'
      : executors.has(label)
        ? `executor '${label}' has none`
        : `there is no executor '${label}'`;
  throw new ConfigError(`blocks: ${what}; ${have}`, { field: 'label', value: label });
}
