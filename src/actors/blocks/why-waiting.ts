/** Why queued work has no manager yet, in words: for `future.why()`. */
import { lacking, minus } from '../../machines/model/resources.ts';
import type { Shape } from '../../machines/model/work-queue.ts';
import { fits, none } from './leases.ts';
import { isOpen, type Manager } from './managers.ts';

/** Why no manager takes the first of a shape. */
export function whyNot(shape: Shape, all: readonly Manager[]): string {
  const open = all.filter(isOpen);
  if (open.length === 0) return `none of ${all.length} managers takes tries now (held, draining, or not heard from)`;
  const fitting = open.filter(({ capacity }) => fits(shape.demand, capacity, none));
  const [first] = fitting;
  if (first === undefined) return 'no manager that is there has as much as it asks for';
  const freest = fitting.reduce(
    (best, next) => (next.workers - next.holder.items.size > best.workers - best.holder.items.size ? next : best),
    first,
  );
  const { holder, workers, capacity } = freest;
  if (holder.items.size >= workers) return `all ${fitting.reduce((sum, manager) => sum + manager.workers, 0)} workers are busy`;
  const free = minus(capacity, holder.taken);
  const unit = lacking(shape.demand, free);
  return unit === undefined
    ? 'it starts at once'
    : `${unit}: asks for ${shape.demand[unit]}, ${free[unit] ?? 0} of ${capacity[unit] ?? 0} free`;
}
